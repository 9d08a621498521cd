package kubeheader

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"kubernetes-mcp-edge/extproc/hostpolicy"
	"kubernetes-mcp-edge/extproc/trial"
)

// The fuzz targets of this package, and how each makes a request of one of its
// seeds: other tests replay the seeds too (see accepted_test.go).
var fuzzTargets = map[string]func(values []string) []Field{
	"FuzzHeaderSet": func(v []string) []Field { return headerLines(v[1]) },
	"FuzzServerURL": func(v []string) []Field { return serverLines(v[0]) },
	"FuzzBearer":    func(v []string) []Field { return bearerLines(v[0]) },
	"FuzzPEMBundle": func(v []string) []Field { return bundleLines(form(v[0]), []byte(v[1])) },
	"FuzzKeyPair":   func(v []string) []Field { return pairLines(form(v[0]), []byte(v[1]), []byte(v[2])) },
}

// maxFuzzed is what Envoy lets through in all headers of a request, in bytes.
const maxFuzzed = 96 << 10

// openPolicy allows everything that a policy can allow to a public host.
func openPolicy(tb testing.TB) *Policy {
	tb.Helper()
	hosts, err := hostpolicy.New(hostpolicy.Config{
		AnyPublic: true, Hosts: []string{"127.0.0.1", "2001:db8::1"}, Ports: []uint16{8443},
	})
	require.NoError(tb, err)
	p := widePolicy(tb)
	p.Hosts, p.PathPrefixes = hosts, []string{"/"}
	p.InsecureHosts = append(p.InsecureHosts, ".example.org")
	return p
}

// headerLines reads "name: value" lines; a value may hold anything but a line feed.
func headerLines(text string) []Field {
	if text == "" {
		return nil
	}
	return lines(strings.Split(text, "\n")...)
}

// FuzzHeaderSet reads an input as header lines. Neither their order nor the case
// of their names decides anything; a name twice, with an underscore or outside
// the contract is refused; and what a narrow policy accepts a wide one accepts,
// to the same effect.
func FuzzHeaderSet(f *testing.F) {
	narrow, wide := usualPolicy(f), openPolicy(f)
	f.Fuzz(func(t *testing.T, turn uint8, text string) {
		fields := headerLines(text)
		if len(text) > maxFuzzed || len(fields) > 100 {
			return
		}
		checked, err := promises(t, fields, wide)
		turned := slices.Clone(fields)
		for i := range turned {
			turned[i].Name = capitals(turned[i].Name)
		}
		slices.Reverse(turned)
		if n := len(turned); n > 0 {
			turned = append(turned[int(turn)%n:], turned[:int(turn)%n]...)
		}
		other, otherErr := Parse(Request{Fields: turned}, wide, noon)
		require.Equal(t, outcome(checked, err), outcome(other, otherErr), "order or case decides")
		require.Equal(t, err == nil, other.Valid())
		if err == nil {
			onceEach(t, fields)
		}
		if strict, err := promises(t, fields, narrow); err == nil {
			require.True(t, strict.Equal(checked), "the wider policy changes what is sent on")
		}
		_, err = Parse(Request{Fields: fields, Plaintext: true}, wide, noon)
		require.Error(t, err, "plain HTTP was let through")
	})
}

// onceEach is the rule of names, written a second time and as plainly as can be.
func onceEach(t *testing.T, fields []Field) {
	t.Helper()
	seen := map[string]bool{}
	for _, f := range fields {
		if len(f.Name) < len(Prefix) || !strings.EqualFold(f.Name[:len(Prefix)], Prefix) || f.Name[0] >= 0x80 {
			continue
		}
		name := strings.ToLower(f.Name)
		require.Contains(t, Names(), name, "an unknown name or an underscore was let through")
		require.False(t, seen[name], "a header that came twice was let through")
		seen[name] = true
	}
}

// promises holds for any request at all: the cost is bounded, the request is
// left as it was, and the outcome is either a complete refusal or a complete
// acceptance.
func promises(t *testing.T, fields []Field, p *Policy) (Checked, error) {
	t.Helper()
	before := make([]string, len(fields))
	for i, f := range fields {
		before[i] = string(f.Value.Reveal())
	}
	var checked Checked
	var err error
	trial.Within(t, func() { checked, err = Parse(Request{Fields: fields}, p, noon) })
	for i, f := range fields {
		require.Equal(t, before[i], string(f.Value.Reveal()), "Parse changed what it was given")
	}
	if err != nil {
		refused(t, checked, err)
	} else {
		final(t, checked, p)
	}
	return checked, err
}

// refused: at least one problem and at most MaxProblems, in contract order, and
// nothing in hand. Each is what its reason and a name of the contract make, so no
// byte of the request can be in it.
func refused(t *testing.T, checked Checked, err error) {
	t.Helper()
	rejection, ok := errors.AsType[*Rejection](err)
	require.True(t, ok)
	require.NotEmpty(t, rejection.Problems)
	require.LessOrEqual(t, len(rejection.Problems), MaxProblems)
	require.False(t, checked.Valid())
	require.Nil(t, checked.fields)
	require.Nil(t, checked.target)
	last := -1
	for _, p := range rejection.Problems {
		require.Contains(t, append(p.Reason.Headers(), ""), p.Header)
		require.Equal(t, p.Reason.Problem(p.Header), p)
		require.Less(t, p.Reason, ReasonProofMissing)
		at := slices.Index(append(Names(), AnyHeader), p.Header)
		require.GreaterOrEqual(t, at, last, "not in contract order")
		last = at
	}
	require.Equal(t, rejection.Problems[0].Message, err.Error())
}

// final: what is sent on is printable, in contract order, and its own canonical
// form; and what client-go does with certificates and keys works on it.
func final(t *testing.T, checked Checked, p *Policy) {
	t.Helper()
	require.True(t, checked.Valid())
	last := -1
	for _, f := range checked.Canonical() {
		at := slices.Index(Names(), f.Name)
		require.Greater(t, at, last, "not in contract order")
		last = at
		value := string(f.Value.Reveal())
		require.NotEmpty(t, value)
		require.Equal(t, strings.TrimSpace(value), value)
		require.False(t, strings.ContainsFunc(value, func(r rune) bool { return r < ' ' || r > '~' }), "%s is not printable", f.Name)
	}
	again, err := Parse(Request{Fields: checked.Canonical()}, p, noon)
	require.NoError(t, err, "the canonical form is refused")
	require.True(t, again.Equal(checked), "the canonical form is not final")
	require.True(t, again.Until().Equal(checked.Until()))
	require.True(t, checked.Until().IsZero() || !noon.After(checked.Until()), "accepted after its end")
	target, ok := checked.Target()
	require.Equal(t, ok, len(checked.Canonical()) > 0)
	if !ok {
		return
	}
	require.NotNil(t, target.Trust)
	if ca, ok := target.Trust.(CA); ok {
		require.True(t, x509.NewCertPool().AppendCertsFromPEM(ca.PEM.Reveal()))
	}
	switch a := target.Auth.(type) {
	case Token:
		require.True(t, p.AllowToken)
	case ClientCert:
		require.True(t, p.AllowClientCertificate)
		_, err := tls.X509KeyPair(a.CertificatePEM.Reveal(), a.KeyPEM.Reveal())
		require.NoError(t, err, "a TLS client cannot use the pair")
	default:
		t.Fatal("accepted without a credential")
	}
}

// TestCorpora: a target without seeds would pass, and one without an accepted
// seed would leave half of its promises untested.
func TestCorpora(t *testing.T) {
	p := openPolicy(t)
	for target, request := range fuzzTargets {
		accepted, rejected := 0, 0
		for _, seed := range trial.Corpus(t, target) {
			if _, err := Parse(Request{Fields: request(seed.Values)}, p, noon); err == nil {
				accepted++
			} else {
				rejected++
			}
		}
		require.NotZero(t, accepted, "%s has no seed that is accepted", target)
		require.NotZero(t, rejected, "%s has no seed that is refused", target)
	}
}
