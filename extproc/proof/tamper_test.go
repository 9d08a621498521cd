package proof

import (
	"encoding/base64"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"kubernetes-mcp-edge/extproc/kubeheader"
)

// TestTamperAfterWarmHit: what was remembered for one set of headers serves no
// other: the same signature with each header changed in turn is refused, also
// right after the proof itself was accepted from the cache.
func TestTamperAfterWarmHit(t *testing.T) {
	l := newLink(t)
	for caller := range l.callers {
		sent := l.sealed(t, caller, noon)
		l.accepted(t, sent, noon)
		l.accepted(t, sent, noon)
		for i, f := range sent {
			t.Run(caller+" "+f.Name, func(t *testing.T) {
				changed := slices.Clone(sent)
				changed[i] = fields(f.Name, string(f.Value.Reveal())+"x")[0]
				l.refused(t, changed, noon, kubeheader.ReasonProofInvalid, "")
				changed[i] = fields(f.Name, "")[0]
				l.refused(t, changed, noon, kubeheader.ReasonProofInvalid, "")
				l.accepted(t, sent, noon)
			})
		}
	}
}

// TestSwap: two valid proofs, and each header of one in the other.
func TestSwap(t *testing.T) {
	l := newLink(t)
	alice := l.sealed(t, "token", noon)
	l.callers["token"] = with(with(with(with(with(l.callers["token"],
		kubeheader.Authorization, "Bearer bob-token"), kubeheader.Server, "https://api.example.com"),
		kubeheader.Namespace, "team-b"), kubeheader.Toolsets, "core"), kubeheader.TLSServerName, "bob.example.com")
	bob := l.sealed(t, "token", noon)
	l.accepted(t, alice, noon)
	l.accepted(t, bob, noon)
	for _, f := range alice {
		if value(t, bob, f.Name) == string(f.Value.Reveal()) {
			require.Contains(t, []string{kubeheader.CertificateAuthority, kubeheader.SignatureInput}, f.Name)
			continue
		}
		l.refused(t, with(bob, f.Name, string(f.Value.Reveal())), noon, kubeheader.ReasonProofInvalid, "")
	}
}

// TestEveryBit flips each bit of the signature, of the signature-input and of
// every value.
func TestEveryBit(t *testing.T) {
	l := newLink(t)
	for _, caller := range []string{"anonymous", "token"} {
		sent := l.sealed(t, caller, noon)
		l.accepted(t, sent, noon)
		for i, f := range sent {
			step := 1
			if f.Name == kubeheader.CertificateAuthority {
				step = 7 // it is long; 7 is prime to 8, so every bit of a byte has its turn
			}
			for bit := 0; bit < 8*f.Value.Len(); bit += step {
				changed := slices.Clone(sent)
				flipped := slices.Clone(f.Value.Reveal())
				flipped[bit/8] ^= 1 << (bit % 8)
				changed[i].Value = kubeheader.NewSecret(flipped)
				verified, err := l.verifier.Open(changed, noon)
				require.Error(t, err, "%s bit %d", f.Name, bit)
				require.False(t, verified.Valid())
			}
		}
	}
}

func TestNoProof(t *testing.T) {
	l := newLink(t)
	sent := l.sealed(t, "token", noon)
	l.refused(t, nil, noon, kubeheader.ReasonProofMissing, "")
	l.refused(t, l.callers["token"], noon, kubeheader.ReasonProofMissing, "")
	l.refused(t, without(sent, kubeheader.Signature), noon, kubeheader.ReasonProofMissing, "")
	l.refused(t, without(sent, kubeheader.SignatureInput), noon, kubeheader.ReasonProofMissing, "")
	l.refused(t, append(l.callers["token"], fields("kubernetes-foo", "x")...), noon, kubeheader.ReasonProofMissing, "")
	l.refused(t, without(sent, kubeheader.Fingerprint), noon, kubeheader.ReasonProofInvalid, kubeheader.Fingerprint)
}

func TestTimes(t *testing.T) {
	l := newLink(t)
	const second = time.Second
	for _, warm := range []bool{false, true} {
		for after, good := range map[time.Duration]bool{
			-6 * second: false, -5*second - 1: false, -5 * second: true, 0: true,
			30 * second: true, 35 * second: true, 35*second + 1: false, time.Hour: false, -time.Hour: false,
		} {
			sent := l.sealed(t, "token", noon)
			if warm {
				l.accepted(t, sent, noon)
			} else {
				l.verifier.cache.entries.InvalidateAll()
			}
			if good {
				l.accepted(t, sent, noon.Add(after))
			} else {
				l.refused(t, sent, noon.Add(after), kubeheader.ReasonProofExpired, "")
			}
		}
	}
}

func TestForeignKey(t *testing.T) {
	l, other := newLink(t), newLink(t)
	signer, err := NewSigner(other.signing, audience)
	require.NoError(t, err)
	l.refused(t, l.sealedBy(t, signer, "token", noon), noon, kubeheader.ReasonProofUnknownKey, "")

	// The foreign key under a known id.
	forged := generate(t, time.Time{})
	forged.id = l.signing.Active(noon).id
	set := []SigningKey{forged}
	other.signing.current.Store(&set)
	l.refused(t, l.sealedBy(t, signer, "token", noon), noon, kubeheader.ReasonProofInvalid, "")
}

func TestOtherAudience(t *testing.T) {
	l := newLink(t)
	for _, other := range []string{"kubernetes", "kubernetes-mcp2", "Kubernetes-mcp"} {
		signer, err := NewSigner(l.signing, other)
		require.NoError(t, err)
		l.refused(t, l.sealedBy(t, signer, "token", noon), noon, kubeheader.ReasonProofInvalid, "")
	}
}

// resign makes a proof of a token call with the right key over a signature-input of our choice:
// even the edge's own key cannot make the backend accept another shape.
func (l *link) resign(t *testing.T, edit func(input string, covered []component) (string, []component)) []kubeheader.Field {
	t.Helper()
	sent := l.sealed(t, "token", noon)
	var covered []component
	for _, name := range l.verifier.slots[:l.verifier.slots.input()] {
		if slices.ContainsFunc(sent, func(f kubeheader.Field) bool { return f.Name == name }) {
			covered = append(covered, component{name, []byte(value(t, sent, name))})
		}
	}
	input, covered := edit(value(t, sent, kubeheader.SignatureInput), covered)
	_, params, _ := strings.Cut(input, "=")
	signature := signatureField(l.signing.Active(noon).sign(signatureBase(covered, []byte(params))))
	return with(with(sent, kubeheader.SignatureInput, input), kubeheader.Signature, signature)
}

func TestOtherSpellings(t *testing.T) {
	l := newLink(t)
	same := func(s string, c []component) (string, []component) { return s, c }
	l.accepted(t, l.resign(t, same), noon)

	replace := func(old, replacement string) func(string) string {
		return func(s string) string { return strings.Replace(s, old, replacement, 1) }
	}
	created, expires := strconv.FormatInt(noon.Unix(), 10), strconv.FormatInt(noon.Add(Lifetime).Unix(), 10)
	for name, edit := range map[string]func(string) string{
		"space after the label":     replace("kube=(", "kube= ("),
		"space before the label":    func(s string) string { return " " + s },
		"space at the end":          func(s string) string { return s + " " },
		"two spaces in the list":    replace(`" "`, `"  "`),
		"space in the list":         replace(`("`, `( "`),
		"space after a semicolon":   replace(";created", "; created"),
		"another label":             replace("kube=", "kuba="),
		"a second member":           func(s string) string { return s + `, sig1=("@method")` },
		"a parameter more":          func(s string) string { return s + `;nonce="x"` },
		"a parameter in between":    replace(";keyid", `;nonce="x";keyid`),
		"a parameter twice":         replace(";expires", ";created="+created+";expires"),
		"no created":                replace(";created="+created, ""),
		"no expires":                replace(";expires="+expires, ""),
		"no alg":                    replace(`;alg="ed25519"`, ""),
		"another alg":               replace(`"ed25519"`, `"hmac-sha256"`),
		"no tag":                    replace(`;tag="kubernetes-mcp-edge/1/kubernetes-mcp"`, ""),
		"another order":             replace(";created="+created+";expires="+expires, ";expires="+expires+";created="+created),
		"a plus sign":               replace("created=", "created=+"),
		"a leading zero":            replace("created=", "created=0"),
		"a negative time":           replace("created=", "created=-"),
		"a decimal":                 replace(created, created+".0"),
		"a number that is too long": replace(expires, "9999999999999"),
		"a number beyond 64 bits":   replace(expires, "99999999999999999999"),
		"a longer key id":           replace(`";alg`, `x";alg`),
		"an empty key id":           replace(l.signing.Active(noon).ID(), ""),
		"a component parameter":     replace(`"kubernetes-server"`, `"kubernetes-server";sf`),
		"upper case":                replace(`"kubernetes-server"`, `"Kubernetes-Server"`),
		"a longer lifetime":         replace(expires, strconv.FormatInt(noon.Add(Lifetime+time.Second).Unix(), 10)),
		"expires before created":    replace(expires, strconv.FormatInt(noon.Unix()-1, 10)),
		"no parameters":             func(s string) string { before, _, _ := strings.Cut(s, ";"); return before },
		"empty":                     func(string) string { return "" },
		"a tab":                     replace(`" "`, "\"\t\""),
	} {
		t.Run(name, func(t *testing.T) {
			sent := l.resign(t, func(s string, c []component) (string, []component) {
				require.NotEqual(t, s, edit(s), "the edit changes nothing")
				return edit(s), c
			})
			verified, err := l.verifier.Open(sent, noon)
			require.Error(t, err)
			require.Contains(t, err.Error(), kubeheader.ReasonProofInvalid.String())
			require.False(t, verified.Valid())
		})
	}
}

func TestSignatureSpellings(t *testing.T) {
	l := newLink(t)
	sent := l.sealed(t, "token", noon)
	good := value(t, sent, kubeheader.Signature)
	raw, ok := readSignature([]byte(good))
	require.True(t, ok)
	for name, other := range map[string]string{
		"no padding":     "kube=:" + base64.RawStdEncoding.EncodeToString(raw) + ":",
		"URL alphabet":   "kube=:" + strings.NewReplacer("+", "-", "/", "_").Replace(base64.StdEncoding.EncodeToString(raw)) + "-:",
		"line feed":      strings.Replace(good, "=:", "=:\n", 1),
		"no colons":      strings.ReplaceAll(good, ":", ""),
		"a second one":   good + ", sig1=:AA==:",
		"another label":  strings.Replace(good, "kube", "sig1", 1),
		"shorter":        "kube=:" + base64.StdEncoding.EncodeToString(raw[:63]) + ":",
		"longer":         "kube=:" + base64.StdEncoding.EncodeToString(append(raw, 0)) + ":",
		"space":          good + " ",
		"empty":          "",
		"only the label": "kube=::",
	} {
		t.Run(name, func(t *testing.T) {
			l.refused(t, with(sent, kubeheader.Signature, other), noon, kubeheader.ReasonProofInvalid, "")
		})
	}
}
