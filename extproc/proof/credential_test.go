package proof

import (
	"testing"

	"github.com/stretchr/testify/require"

	"kubernetes-mcp-edge/extproc/kubeheader"
)

// TestCredential: it is the same wherever the credential is sent, differs in
// every part of one, and means nothing to another process.
func TestCredential(t *testing.T) {
	l := newLink(t)
	of := func(c *cache, pairs ...string) cacheKey {
		r, problem := l.verifier.slots.sort(append(fields(
			kubeheader.Fingerprint, "f", kubeheader.SignatureInput, "i", kubeheader.Signature, "s"), fields(pairs...)...))
		require.Nil(t, problem)
		return c.credential(&r)
	}
	c := l.verifier.cache
	token := of(c, kubeheader.Authorization, "Bearer a")
	require.Equal(t, token, of(c, kubeheader.Authorization, "Bearer a", kubeheader.Server, "https://a", kubeheader.CertificateAuthority, "x",
		kubeheader.Namespace, "n", kubeheader.Toolsets, "t", kubeheader.TLSServerName, "s", kubeheader.InsecureSkipTLSVerify, "true"))
	seen := map[cacheKey]bool{token: true}
	for _, pairs := range [][]string{
		{},
		{kubeheader.Authorization, "Bearer b"},
		{kubeheader.ClientCertificate, "a", kubeheader.ClientKey, "b"},
		{kubeheader.ClientCertificate, "a", kubeheader.ClientKey, "c"},
		{kubeheader.ClientCertificate, "c", kubeheader.ClientKey, "b"},
		{kubeheader.ClientCertificate, "ab", kubeheader.ClientKey, ""},
	} {
		key := of(c, pairs...)
		require.False(t, seen[key], pairs)
		seen[key] = true
	}
	other, err := newCache(Limits{})
	require.NoError(t, err)
	defer other.close()
	require.NotEqual(t, token, of(other, kubeheader.Authorization, "Bearer a"))
}
