package e2e

import (
	"encoding/base64"
	"fmt"
	"net"
	"net/http"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"kubernetes-mcp-edge/e2e/harness"
	"kubernetes-mcp-edge/e2e/rig"
	"kubernetes-mcp-edge/extproc/kubeheader"
)

// The tests of this file and the next show that the defects of the pull request
// that the header contract comes from do not exist here. docs/AUTH_HEADERS_PROVIDER.md
// has the table.

// TestUpstreamBearerOnce (defect 1): with "Bearer " or without it, what reaches the
// API server is one scheme and the token.
func TestUpstreamBearerOnce(t *testing.T) {
	r := newRelay(t)
	s := r.stack(t, "")
	client := rig.NewClient(t, true)
	token := shared.Cluster.Users["alice"].Token
	for _, value := range []string{token, "Bearer " + token, "bearer " + token, "BEARER " + token} {
		require.Equal(t, "alice", rig.Whoami(t, client, s.URL, r.headers().With(kubeheader.Authorization, value)))
		_, credentials, _ := r.seen()
		require.NotEmpty(t, credentials)
		for _, c := range credentials {
			require.True(t, c == "Bearer "+token, "not one scheme and the token") //nolint:testifylint // Equal would print it
		}
	}
	rejected(t, client, s.URL, r.headers().With(kubeheader.Authorization, "Bearer "+"Bearer "+token), kubeheader.ReasonTokenDoubleBearer)
	requests, _, _ := r.seen()
	require.Empty(t, requests)
}

// rejected wants a request to be refused for a reason, in the form of section 3 of
// the contract, whatever its method.
func rejected(t *testing.T, client *harness.Client, url string, headers harness.Headers, reason kubeheader.Reason) harness.RPC {
	t.Helper()
	res, err := client.Post(t.Context(), url, headers.With("MCP-Protocol-Version", "2025-11-25"), rig.Call)
	require.NoError(t, err)
	require.NoError(t, rig.Refusal{Status: http.StatusOK, ID: rig.CallID, Code: -32602, Reason: reason, Header: "*"}.Differs(res))
	rpc, err := res.RPC()
	require.NoError(t, err)
	return rpc
}

// TestUpstreamInsecureWithAuthority (defect 2): where the policy lets a host go
// unverified, a CA that is sent along does no harm; where it does not, the
// request is refused at once and for that.
func TestUpstreamInsecureWithAuthority(t *testing.T) {
	client := rig.NewClient(t, true)
	both := shared.Cluster.Token("alice").With(kubeheader.InsecureSkipTLSVerify, "true")
	require.NotEmpty(t, both.Get(kubeheader.CertificateAuthority))
	s := shared.StartStack(t, harness.Options{Policy: shared.Policy + "insecureHosts: [127.0.0.1]\n"})
	require.Equal(t, "alice", rig.Whoami(t, client, s.URL, both))
	other := both.With(kubeheader.CertificateAuthority, newAuthority(t, "another CA").header())
	require.Equal(t, "alice", rig.Whoami(t, client, s.URL, other), "the CA was to be left aside")
	rejected(t, client, shared.Stack.URL, both, kubeheader.ReasonInsecureNotAllowed)
}

// TestUpstreamMetaIsNoDoor (defects 3 and 4): what a body says about clusters and
// credentials counts for nothing, and harms nobody, of whatever type it is.
func TestUpstreamMetaIsNoDoor(t *testing.T) {
	client := rig.NewClient(t, true)
	bob := shared.Cluster.Token("bob")
	values := []string{`true`, `7`, `null`, `[]`, `{}`, `"true"`}
	for i, insecure := range values {
		body := fmt.Sprintf(`{"jsonrpc":"2.0","id":%d,"method":"tools/call","params":{"name":"whoami","arguments":{},"_meta":{
			"kubernetes-server":%q,"kubernetes-certificate-authority-data":%q,"kubernetes-authorization":%q,"kubernetes-insecure-skip-tls-verify":%s}}}`,
			i, bob.Get(kubeheader.Server), bob.Get(kubeheader.CertificateAuthority), bob.Get(kubeheader.Authorization), insecure)
		res, err := client.Post(t.Context(), shared.Stack.URL, shared.Cluster.Token("alice").With("MCP-Protocol-Version", "2025-11-25"), body)
		require.NoError(t, err)
		user, err := rig.DecodeUser(res)
		require.NoError(t, err)
		require.Equal(t, "alice", user)
		// Without headers it is nobody, who is refused.
		res, err = client.Post(t.Context(), shared.Stack.URL, harness.Headers{{Name: "MCP-Protocol-Version", Value: "2025-11-25"}}, body)
		require.NoError(t, err)
		rpc, err := res.RPC()
		require.NoError(t, err)
		require.NotNil(t, rpc.Error)
		require.Equal(t, kubeheader.ReasonServerMissing.String(), rpc.Error.Data.Reason)
	}
}

// TestUpstreamAddresses (defect 5): only the hosts that the policy names are
// dialled, by https, and nothing but a host can be named.
func TestUpstreamAddresses(t *testing.T) {
	sentinel, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	accepted := make(chan struct{}, 100)
	go func() {
		for {
			conn, err := sentinel.Accept()
			if err != nil {
				close(accepted)
				return
			}
			_ = conn.Close()
			accepted <- struct{}{}
		}
	}()
	client := rig.NewClient(t, true)
	at := sentinel.Addr().String()
	_, port, err := net.SplitHostPort(at)
	require.NoError(t, err)
	for server, reason := range map[string]kubeheader.Reason{
		"http://" + at:                    kubeheader.ReasonServerScheme,
		"https://" + at:                   kubeheader.ReasonPortNotAllowed,
		shared.Cluster.Server + "/latest": kubeheader.ReasonPathNotAllowed,
		"https://" + at + "?a=b":          kubeheader.ReasonServerQuery,
		"https://" + at + "#a":            kubeheader.ReasonServerFragment,
		"https://alice@" + at:             kubeheader.ReasonServerUserinfo,
		"https://localhost:" + port:       kubeheader.ReasonHostNotAllowed,
		"https://[::1]:" + port:           kubeheader.ReasonAddressNotAllowed,
		"https://2130706433:" + port:      kubeheader.ReasonServerHost,
		"https://0x7f000001:" + port:      kubeheader.ReasonServerHost,
		"https://169.254.169.254":         kubeheader.ReasonAddressNotAllowed,
		"https://example.com":             kubeheader.ReasonHostNotAllowed,
		"https://kubernetes.default.svc":  kubeheader.ReasonHostNotAllowed,
		"https://metadata.example.com:80": kubeheader.ReasonHostNotAllowed,
	} {
		t.Run(server, func(t *testing.T) {
			rpc := rejected(t, client, shared.Stack.URL, shared.Cluster.Token("alice").With(kubeheader.Server, server), reason)
			require.Equal(t, kubeheader.Server, rpc.Error.Data.Header)
		})
	}
	require.NoError(t, sentinel.Close())
	for range accepted {
		require.Fail(t, "an address was dialled")
	}
}

// TestUpstreamMaterialIsParsed (defect 6): what is no certificate, no key or no
// pair is refused before anybody is called, and so is an identity of two kinds.
func TestUpstreamMaterialIsParsed(t *testing.T) {
	client := rig.NewClient(t, true)
	token, certificate := shared.Cluster.Token("alice"), shared.Cluster.Certificate("alice")
	garbage := base64.StdEncoding.EncodeToString([]byte("garbage"))
	block := base64.StdEncoding.EncodeToString([]byte("-----BEGIN CERTIFICATE-----\nZ2FyYmFnZQ==\n-----END CERTIFICATE-----\n"))
	for name, test := range map[string]struct {
		headers harness.Headers
		reason  kubeheader.Reason
	}{
		"no base64":         {token.With(kubeheader.CertificateAuthority, "%%%"), kubeheader.ReasonBase64Malformed},
		"no PEM":            {token.With(kubeheader.CertificateAuthority, garbage), kubeheader.ReasonNotPEM},
		"no certificate":    {token.With(kubeheader.CertificateAuthority, block), kubeheader.ReasonCertificateMalformed},
		"no key":            {certificate.Without(kubeheader.ClientKey), kubeheader.ReasonClientKeyMissing},
		"a key alone":       {certificate.Without(kubeheader.ClientCertificate), kubeheader.ReasonClientCertificateMissing},
		"another's key":     {certificate.With(kubeheader.ClientKey, shared.Cluster.Certificate("bob").Get(kubeheader.ClientKey)), kubeheader.ReasonClientKeyMismatch},
		"a token and half":  {token.Plus(kubeheader.ClientCertificate, certificate.Get(kubeheader.ClientCertificate)), kubeheader.ReasonCredentialAmbiguous},
		"a token and a key": {certificate.Plus(kubeheader.Authorization, token.Get(kubeheader.Authorization)), kubeheader.ReasonCredentialAmbiguous},
		"nothing":           {token.Without(kubeheader.Authorization), kubeheader.ReasonCredentialMissing},
	} {
		t.Run(name, func(t *testing.T) { rejected(t, client, shared.Stack.URL, test.headers, test.reason) })
	}
}

// TestUpstreamHeadersAreCounted (defect 7): one value each, of a bounded size, in
// either alphabet of base64.
func TestUpstreamHeadersAreCounted(t *testing.T) {
	client := rig.NewClient(t, true)
	alice := shared.Cluster.Token("alice")
	for _, name := range []string{kubeheader.Server, kubeheader.CertificateAuthority, kubeheader.Authorization} {
		rejected(t, client, shared.Stack.URL, alice.Plus(name, alice.Get(name)), kubeheader.ReasonDuplicateHeader)
	}
	rejected(t, client, shared.Stack.URL, alice.With(kubeheader.Authorization, strings.Repeat("a", 8193)), kubeheader.ReasonTokenTooLong)
	ca := alice.Get(kubeheader.CertificateAuthority)
	url := strings.TrimRight(strings.NewReplacer("+", "-", "/", "_").Replace(ca), "=")
	require.Equal(t, "alice", rig.Whoami(t, client, shared.Stack.URL, alice.With(kubeheader.CertificateAuthority, url)))
}
