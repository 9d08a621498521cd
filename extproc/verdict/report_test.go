package verdict

import (
	"testing"

	"github.com/stretchr/testify/require"

	"kubernetes-mcp-edge/extproc/kubeheader"
	"kubernetes-mcp-edge/extproc/policy"
)

func TestAllowedSaysForWhomAndWhere(t *testing.T) {
	ca := newCertificate(t)
	e, _ := newEngine(t)
	for name, row := range map[string]struct {
		facts            Facts
		credential, host string
	}{
		"token":     {facts(kubeheader.Server, "HTTPS://API.example.com:6443/", kubeheader.CertificateAuthority, ca.cert, kubeheader.Authorization, "abc"), "token", "api.example.com"},
		"anonymous": {facts(), "anonymous", ""},
		"client certificate": {facts(kubeheader.Server, "https://api.example.com", kubeheader.CertificateAuthority, ca.cert,
			kubeheader.ClientCertificate, ca.cert, kubeheader.ClientKey, ca.key), "client-certificate", "api.example.com"},
	} {
		for _, cached := range []bool{false, true} {
			d, err := e.Decide(t.Context(), row.facts, epoch)
			require.NoError(t, err)
			require.Equal(t, cached, d.Cached, name)
			require.Equal(t, row.credential, d.Verdict.(*Allowed).Credential, name)
			require.Equal(t, row.host, d.Verdict.(*Allowed).Host, name)
			require.Empty(t, d.Verdict.(*Allowed).Reported, name)
		}
	}
}

// TestReportedIsRemembered: a request that is let through by report says so each
// time, from the cache too, and not under a policy that reports nothing.
func TestReportedIsRemembered(t *testing.T) {
	ca := newCertificate(t)
	p := rules(t)
	p.Header.AllowToken = false
	p.Header.Report = []kubeheader.Reason{kubeheader.ReasonTokenNotAllowed}
	e, signer := newEngine(t, func(c *Config) { c.Policy = func() *policy.Policy { return p } })
	for _, cached := range []bool{false, true} {
		d, err := e.Decide(t.Context(), good(ca, "abc"), epoch)
		require.NoError(t, err)
		require.Equal(t, cached, d.Cached)
		reported := d.Verdict.(*Allowed).Reported
		require.Len(t, reported, 1)
		require.Equal(t, kubeheader.ReasonTokenNotAllowed, reported[0].Reason)
		require.Equal(t, kubeheader.Authorization, reported[0].Header)
	}
	require.Equal(t, 1, signer.sealed)
	enforcing := *p
	enforcing.Digest, enforcing.Header.Report = "enforcing", nil
	p = &enforcing
	require.Equal(t, "token-not-allowed", reason(t, e, good(ca, "abc"), epoch))
	allowing := *p
	allowing.Digest, allowing.Header.AllowToken = "allowing", true
	p = &allowing
	d, err := e.Decide(t.Context(), good(ca, "abc"), epoch)
	require.NoError(t, err)
	require.Empty(t, d.Verdict.(*Allowed).Reported)
	require.False(t, d.Cached)
}

func TestRejectionNamesTheHost(t *testing.T) {
	e, _ := newEngine(t)
	for server, want := range map[string]string{"https://API.example.com": "api.example.com", "https://api.example.net": "api.example.net", "http://x": ""} {
		d, err := e.Decide(t.Context(), facts(kubeheader.Server, server), epoch)
		require.NoError(t, err)
		require.Equal(t, want, d.Verdict.(*Rejected).Rejection.Host)
		require.False(t, d.Cached)
	}
}
