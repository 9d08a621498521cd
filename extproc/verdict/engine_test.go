package verdict

import (
	"errors"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"kubernetes-mcp-edge/extproc/kubeheader"
	"kubernetes-mcp-edge/extproc/policy"
	"kubernetes-mcp-edge/extproc/proof"
)

// changes returns an answer without the three lines of the proof, which it
// requires to be there, last of what is set and once each.
func changes(t *testing.T, answer string) []string {
	t.Helper()
	lines := strings.Split(strings.TrimSpace(answer), "\n")
	var proofLines, rest []string
	for _, line := range lines {
		name, _, _ := strings.Cut(strings.TrimPrefix(line, "set "), ":")
		switch name {
		case kubeheader.SignatureInput, kubeheader.Signature, kubeheader.Fingerprint:
			proofLines = append(proofLines, name)
		default:
			rest = append(rest, line)
		}
	}
	require.Equal(t, []string{kubeheader.SignatureInput, kubeheader.Signature, kubeheader.Fingerprint}, proofLines)
	return rest
}

func TestAllowChangesOnlyWhatNormalisingChanged(t *testing.T) {
	ca := newCertificate(t)
	e, _ := newEngine(t)
	for name, row := range map[string]struct {
		facts Facts
		want  []string
	}{
		"canonical": {good(ca, "abc"), []string{"credential token"}},
		"no header": {facts(), []string{"credential anonymous"}},
		"client certificate": {
			facts(kubeheader.Server, "https://api.example.com", kubeheader.CertificateAuthority, ca.cert,
				kubeheader.ClientCertificate, ca.cert, kubeheader.ClientKey, ca.key),
			[]string{"credential client-certificate"},
		},
		"bare token": {
			facts(kubeheader.Server, "https://api.example.com", kubeheader.CertificateAuthority, ca.cert, kubeheader.Authorization, "abc"),
			[]string{"set kubernetes-authorization: Bearer abc", "credential token"},
		},
		"several changes, in contract order": {
			facts(kubeheader.Toolsets, "pods, core", kubeheader.Authorization, "bearer abc",
				kubeheader.CertificateAuthority, ca.cert, kubeheader.Server, "HTTPS://API.example.com:443/"),
			[]string{
				"set kubernetes-server: https://api.example.com", "set kubernetes-authorization: Bearer abc",
				"set kubernetes-toolsets: core,pods", "credential token",
			},
		},
		"insecure=false is not sent on": {
			facts(kubeheader.Server, "https://api.example.com", kubeheader.CertificateAuthority, ca.cert,
				kubeheader.Authorization, "Bearer abc", kubeheader.InsecureSkipTLSVerify, "False"),
			[]string{"remove kubernetes-insecure-skip-tls-verify", "credential token"},
		},
		"insecure drops the CA": {
			facts(kubeheader.Server, "https://api.example.com", kubeheader.CertificateAuthority, ca.cert,
				kubeheader.Authorization, "Bearer abc", kubeheader.InsecureSkipTLSVerify, "true"),
			[]string{"remove kubernetes-certificate-authority-data", "credential token"},
		},
		"spaces around a value": {
			facts(kubeheader.Server, "https://api.example.com ", kubeheader.CertificateAuthority, ca.cert, kubeheader.Authorization, "Bearer abc"),
			[]string{"set kubernetes-server: https://api.example.com", "credential token"},
		},
	} {
		t.Run(name, func(t *testing.T) {
			require.Equal(t, row.want, changes(t, answer(t, e, row.facts, epoch)))
			require.Equal(t, row.want, changes(t, answer(t, e, row.facts, epoch)), "a hit says the same")
		})
	}
}

func TestRejectionsComeFromTheContract(t *testing.T) {
	ca := newCertificate(t)
	e, signer := newEngine(t)
	require.Equal(t, "credential-missing",
		reason(t, e, facts(kubeheader.Server, "https://api.example.com", kubeheader.CertificateAuthority, ca.cert), epoch))
	twice := good(ca, "abc")
	twice.Fields = append(twice.Fields, twice.Fields[0])
	require.Equal(t, "duplicate-header", reason(t, e, twice, epoch))
	require.Zero(t, signer.sealed, "nothing that was refused is signed")
}

func TestPlaintext(t *testing.T) {
	ca := newCertificate(t)
	e, _ := newEngine(t)
	for name, row := range map[string]struct {
		values    []string
		plaintext bool
	}{
		"https": {[]string{"https"}, false}, "absent": {nil, true}, "http": {[]string{"http"}, true}, "empty": {[]string{""}, true},
		"upper case": {[]string{"HTTPS"}, true}, "two": {[]string{"https", "https"}, true}, "joined": {[]string{"https,https"}, true},
	} {
		f := good(ca, "abc")
		f.ForwardedProto = nil
		for _, v := range row.values {
			f.ForwardedProto = append(f.ForwardedProto, []byte(v))
		}
		d, err := e.Decide(t.Context(), f, epoch)
		require.NoError(t, err)
		if !row.plaintext {
			require.IsType(t, &Allowed{}, d.Verdict, name)
			continue
		}
		require.IsType(t, &Rejected{}, d.Verdict, name)
		require.Equal(t, kubeheader.ReasonPlaintextIngress, d.Verdict.(*Rejected).Rejection.Problems[0].Reason, name)
	}
}

func TestHitsAreReusedForTenSecondsAndNoLonger(t *testing.T) {
	ca := newCertificate(t)
	e, signer := newEngine(t)
	f := good(ca, "abc")
	first := answer(t, e, f, epoch)
	require.Equal(t, first, answer(t, e, f, epoch.Add(Reuse-time.Nanosecond)))
	require.Equal(t, 1, signer.sealed)
	require.NotEqual(t, first, answer(t, e, f, epoch.Add(Reuse)))
	require.Equal(t, 2, signer.sealed)
	answer(t, e, f, epoch.Add(-time.Hour))
	require.Equal(t, 3, signer.sealed, "a clock that was set back makes no proof from the future")
}

func TestHitsEndWithTheCredential(t *testing.T) {
	ca := newCertificate(t)
	e, signer := newEngine(t)
	const grace = 60 * time.Second
	f := good(ca, jwt(t, epoch.Add(3*time.Second-grace)))
	answer(t, e, f, epoch)
	answer(t, e, f, epoch.Add(2*time.Second))
	require.Equal(t, 1, signer.sealed)
	require.Equal(t, "token-expired", reason(t, e, f, epoch.Add(4*time.Second)))
}

// TestCallersShareNothing: a token away from another caller's facts is another
// entry, whatever else is equal.
func TestCallersShareNothing(t *testing.T) {
	ca := newCertificate(t)
	e, signer := newEngine(t)
	alice, bob := answer(t, e, good(ca, "alice"), epoch), answer(t, e, good(ca, "bob"), epoch)
	require.NotEqual(t, alice, bob)
	require.Equal(t, alice, answer(t, e, good(ca, "alice"), epoch))
	require.Equal(t, bob, answer(t, e, good(ca, "bob"), epoch))
	require.Equal(t, 2, signer.sealed)
}

func TestRejectionsAreNotRemembered(t *testing.T) {
	p := rules(t)
	ca := newCertificate(t)
	e, _ := newEngine(t, func(c *Config) { c.Policy = func() *policy.Policy { return p } })
	p.Header.AllowToken = false
	require.Equal(t, "token-not-allowed", reason(t, e, good(ca, "abc"), epoch))
	p.Header.AllowToken = true // the digest stays, so only a remembered refusal could refuse
	answer(t, e, good(ca, "abc"), epoch)
}

func TestNewPolicyNeedsNoForgetting(t *testing.T) {
	p := rules(t)
	ca := newCertificate(t)
	e, _ := newEngine(t, func(c *Config) { c.Policy = func() *policy.Policy { return p } })
	answer(t, e, good(ca, "abc"), epoch)
	strict := *p
	strict.Digest, strict.Header.AllowToken = "another", false
	p = &strict
	require.Equal(t, "token-not-allowed", reason(t, e, good(ca, "abc"), epoch))
}

func TestForget(t *testing.T) {
	ca := newCertificate(t)
	e, signer := newEngine(t)
	answer(t, e, good(ca, "abc"), epoch)
	e.Forget()
	require.Zero(t, e.cache.(otterStore).cache.EstimatedSize(), "what can hold a token is dropped at once")
	answer(t, e, good(ca, "abc"), epoch)
	require.Equal(t, 2, signer.sealed)
}

// TestForgetReachesDecisionsUnderWay: an answer made with the old keys while
// Forget runs must not be found by a request after it.
func TestForgetReachesDecisionsUnderWay(t *testing.T) {
	ca := newCertificate(t)
	var e *Engine
	e, signer := newEngine(t, func(c *Config) {
		c.Encode = func(a Allow) ([]byte, error) { e.Forget(); return plain(a) }
	})
	answer(t, e, good(ca, "abc"), epoch)
	answer(t, e, good(ca, "abc"), epoch)
	require.Equal(t, 2, signer.sealed)
}

// turning is a signer whose key changes between the two looks at it.
type turning struct{ Sealer }

func (turning) KeyID(time.Time) string { return "the key before" }

func TestAnswersOfAnotherKeyAreNotRemembered(t *testing.T) {
	ca := newCertificate(t)
	signer := newSigner(t)
	e, _ := newEngine(t, func(c *Config) { c.Signer = turning{signer} })
	answer(t, e, good(ca, "abc"), epoch)
	answer(t, e, good(ca, "abc"), epoch)
	require.Equal(t, 2, signer.sealed)
}

// mute is a signer without a key.
type mute struct{ Sealer }

func (mute) Seal(kubeheader.Checked, time.Time) (proof.Sealed, error) {
	return proof.Sealed{}, errors.New("no key")
}

func TestFailuresAreErrorsAndNotVerdicts(t *testing.T) {
	ca := newCertificate(t)
	for name, change := range map[string]func(*Config){
		"signer":  func(c *Config) { c.Signer = mute{c.Signer} },
		"encoder": func(c *Config) { c.Encode = func(Allow) ([]byte, error) { return nil, errors.New("no") } },
	} {
		e, _ := newEngine(t, change)
		d, err := e.Decide(t.Context(), good(ca, "abc"), epoch)
		require.Error(t, err, name)
		require.Zero(t, d, name)
	}
}

func TestConfigIsChecked(t *testing.T) {
	for _, c := range []Config{
		{}, {Policy: func() *policy.Policy { return nil }, Signer: mute{}},
		{Policy: func() *policy.Policy { return nil }, Signer: mute{}, Encode: plain, CacheBytes: -1},
	} {
		_, err := New(c)
		require.Error(t, err)
	}
}

func TestConcurrentDecisions(t *testing.T) {
	ca := newCertificate(t)
	e, err := New(Config{
		Policy: func() func() *policy.Policy { p := rules(t); return func() *policy.Policy { return p } }(),
		Signer: newSigner(t).Sealer, Audience: "kubernetes-mcp", Encode: plain,
	})
	require.NoError(t, err)
	t.Cleanup(e.Close)
	var group sync.WaitGroup
	for worker := range 8 {
		group.Go(func() {
			token := string(rune('a' + worker%4))
			for range 200 {
				d, err := e.Decide(t.Context(), facts(kubeheader.Server, "https://api.example.com",
					kubeheader.CertificateAuthority, ca.cert, kubeheader.Authorization, token), epoch)
				if allowed, ok := d.Verdict.(*Allowed); err != nil || !ok || !strings.Contains(string(allowed.Answer), "Bearer "+token+"\n") {
					t.Error("an answer of another caller, or none")
				}
			}
			e.Forget()
		})
	}
	group.Wait()
}
