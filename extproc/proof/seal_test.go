package proof

import (
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"kubernetes-mcp-edge/extproc/kubeheader"
)

func TestSealThenOpen(t *testing.T) {
	l := newLink(t)
	for caller := range l.callers {
		t.Run(caller, func(t *testing.T) {
			sent := l.sealed(t, caller, noon)
			cold := l.accepted(t, sent, noon)
			warm := l.accepted(t, sent, noon.Add(30*time.Second))
			for _, verified := range []Verified{cold, warm} {
				require.Equal(t, value(t, sent, kubeheader.Fingerprint), verified.Fingerprint())
				require.Equal(t, noon.Add(Lifetime), verified.Expires().UTC())
				target, ok := verified.Target()
				require.Equal(t, caller != "anonymous", ok)
				if ok {
					require.Equal(t, "https://api.example.com:6443", target.Server.String())
					require.Equal(t, "team-a", target.Namespace)
				}
			}
		})
	}
}

// TestOpenHTTPNames is what net/http makes of header names.
func TestOpenHTTPNames(t *testing.T) {
	l := newLink(t)
	sent := l.sealed(t, "token", noon)
	for i := range sent {
		sent[i].Name = httpName(sent[i].Name)
	}
	l.accepted(t, sent, noon)
}

func httpName(name string) string {
	upper := true
	out := []byte(name)
	for i, c := range out {
		if upper && 'a' <= c && c <= 'z' {
			out[i] = c - 'a' + 'A'
		}
		upper = c == '-'
	}
	return string(out)
}

func TestSealRefusesUnchecked(t *testing.T) {
	l := newLink(t)
	sealed, err := l.signer.Seal(kubeheader.Checked{}, noon)
	require.Error(t, err)
	require.Equal(t, Sealed{}, sealed)
}

func TestZeroVerified(t *testing.T) {
	var zero Verified
	require.False(t, zero.Valid())
	_, ok := zero.Target()
	require.False(t, ok)
}

// jwt is an unsigned token that ends at a time.
func jwt(t *testing.T, exp time.Time) string {
	t.Helper()
	payload, err := json.Marshal(map[string]int64{"exp": exp.Unix()})
	require.NoError(t, err)
	return base64.RawURLEncoding.EncodeToString([]byte(`{"alg":"none"}`)) + "." +
		base64.RawURLEncoding.EncodeToString(payload) + ".c2ln"
}

// TestExpires: min(created + 30 s, token exp + 60 s, leaf NotAfter).
func TestExpires(t *testing.T) {
	l := newLink(t)
	for _, tc := range []struct {
		name   string
		caller string
		exp    time.Time
		now    time.Time
		want   time.Time
	}{
		{"long token", "token", noon.Add(time.Hour), noon, noon.Add(30 * time.Second)},
		{"token that ends in time for its grace", "token", noon.Add(-30 * time.Second), noon, noon.Add(30 * time.Second)},
		{"token that ends sooner", "token", noon.Add(-50 * time.Second), noon, noon.Add(10 * time.Second)},
		{"token at its end", "token", noon.Add(-60 * time.Second), noon, noon},
		{"certificate", "certificate", time.Time{}, noon, noon.Add(30 * time.Second)},
		{"certificate near its end", "certificate", time.Time{}, noon.Add(time.Hour - 7*time.Second), noon.Add(time.Hour)},
		{"fractions are cut off", "token", noon.Add(time.Hour), noon.Add(999 * time.Millisecond), noon.Add(30 * time.Second)},
	} {
		t.Run(tc.name, func(t *testing.T) {
			if !tc.exp.IsZero() {
				l.callers["token"] = with(l.callers["token"], kubeheader.Authorization, "Bearer "+jwt(t, tc.exp))
			}
			sealed, err := l.signer.Seal(l.check(t, tc.caller, tc.now), tc.now)
			require.NoError(t, err)
			require.Equal(t, tc.want, sealed.Expires.UTC())
			require.Equal(t, tc.now.Truncate(time.Second), sealed.Created)
			require.Contains(t, sealed.SignatureInput, fmt.Sprintf(";created=%d;expires=%d;", sealed.Created.Unix(), tc.want.Unix()))
		})
	}

	l.callers["token"] = with(l.callers["token"], kubeheader.Authorization, "Bearer "+jwt(t, noon))
	checked := l.check(t, "token", noon)
	_, err := l.signer.Seal(checked, noon.Add(61*time.Second))
	require.Error(t, err, "a credential that ended after it was checked")
}

func TestFingerprint(t *testing.T) {
	l := newLink(t)
	fingerprint := func(fields []kubeheader.Field) string {
		checked, err := kubeheader.Parse(kubeheader.Request{Fields: fields}, l.policy, noon)
		require.NoError(t, err)
		sealed, err := l.signer.Seal(checked, noon)
		require.NoError(t, err)
		return sealed.Fingerprint
	}
	require.Equal(t, Anonymous, fingerprint(nil))

	alice := l.callers["token"]
	seen := map[string]string{}
	otherCA, _ := selfSigned(t)
	for name, other := range map[string][]kubeheader.Field{
		"alice":              alice,
		"another server":     with(alice, kubeheader.Server, "https://api.example.com"),
		"another trust":      with(alice, kubeheader.CertificateAuthority, otherCA),
		"another token":      with(alice, kubeheader.Authorization, "Bearer bob-token"),
		"another credential": l.callers["certificate"],
	} {
		got := fingerprint(other)
		require.Len(t, got, 43)
		require.Empty(t, seen[got], "%s and %s have one fingerprint", name, seen[got])
		seen[got] = name
	}

	// What does not change the client does not change the fingerprint.
	require.Equal(t, fingerprint(alice), fingerprint(with(alice, kubeheader.Namespace, "team-b")))
	require.Equal(t, fingerprint(alice), fingerprint(with(alice, kubeheader.Toolsets, "core")))
	// Its key is that of the oldest signing key: another one, another fingerprint.
	require.NotEqual(t, fingerprint(alice), (&Signer{keys: newLink(t).signing}).fingerprint(l.check(t, "token", noon), noon))
}

// TestSecretsDoNotPrint: neither keys nor verified callers show bytes under any verb.
func TestSecretsDoNotPrint(t *testing.T) {
	l := newLink(t)
	key := l.signing.Active(noon)
	verified := l.accepted(t, l.sealed(t, "token", noon), noon)
	for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%x", "%d"} {
		require.Equal(t, "signing key "+key.ID(), fmt.Sprintf(verb, key))
		require.Equal(t, "verified caller "+verified.Fingerprint(), fmt.Sprintf(verb, verified))
		nested := fmt.Sprintf(verb, struct {
			k SigningKey
			v Verified
		}{key, verified})
		require.NotContains(t, nested, "alice")
		require.NotContains(t, nested, hex.EncodeToString(key.private.Seed()[:8]))
	}
}
