package e2e

import (
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"

	"kubernetes-mcp-edge/e2e/harness"
	"kubernetes-mcp-edge/e2e/rig"
	"kubernetes-mcp-edge/extproc/jsonrpc"
	"kubernetes-mcp-edge/extproc/kubeheader"
)

// TestReasonsTogether: a request is told all that is wrong with it, at most 16
// things, in the order of the contract whatever the order of the lines.
func TestReasonsTogether(t *testing.T) {
	other := shared.Cluster.Certificate("bob").Get(kubeheader.ClientKey)
	send := harness.Headers{
		{Name: "kubernetes-canary", Value: "canary"},
		{Name: kubeheader.Toolsets, Value: "core,,canary"},
		{Name: kubeheader.Namespace, Value: "Canary"},
		{Name: "kubernetes-tls_server_name", Value: "canary_name"},
		{Name: kubeheader.InsecureSkipTLSVerify, Value: "${CANARY}"},
		{Name: kubeheader.ClientKey, Value: other},
		{Name: kubeheader.ClientCertificate, Value: shared.Cluster.Certificate("alice").Get(kubeheader.ClientCertificate)},
		{Name: kubeheader.Authorization, Value: "Bearer bearer canary"},
		{Name: kubeheader.CertificateAuthority, Value: "canary*canary"},
		{Name: kubeheader.Server, Value: "http://canary@canary_host:0/canary//?canary#canary"},
	}
	all := []reasonProblem{
		{"server-scheme", kubeheader.Server, "https://"},
		{"server-userinfo", kubeheader.Server, "user name"},
		{"server-query", kubeheader.Server, "query"},
		{"server-fragment", kubeheader.Server, "fragment"},
		{"server-host", kubeheader.Server, "host"},
		{"server-port", kubeheader.Server, "port"},
		{"server-path", kubeheader.Server, "path"},
		{"base64-malformed", kubeheader.CertificateAuthority, "base64"},
		{"credential-ambiguous", kubeheader.Authorization, "one credential"},
		{"token-double-bearer", kubeheader.Authorization, "twice"},
		{"client-key-mismatch", kubeheader.ClientKey, "does not belong"},
		{"placeholder", kubeheader.InsecureSkipTLSVerify, "placeholder"},
		{"underscore-name", kubeheader.TLSServerName, "underscore"},
		{"tls-server-name-malformed", kubeheader.TLSServerName, "DNS name"},
		{"namespace-malformed", kubeheader.Namespace, "namespace"},
		{"toolsets-malformed", kubeheader.Toolsets, "misspelt"},
		{"unknown-header", kubeheader.AnyHeader, "not one that this endpoint knows"},
	}
	for _, c := range []struct {
		name string
		send harness.Headers
		want []reasonProblem
	}{
		{"17 are cut to 16", send, all[:16]},
		{"all of 16", send.With(kubeheader.Toolsets, "core"), append(append([]reasonProblem{}, all[:15]...), all[16])},
	} {
		for i, revision := range reasonRevisions() {
			t.Run(fmt.Sprintf("%s/%q", c.name, revision), func(t *testing.T) {
				got, err := rig.NewClient(t, i%2 == 1).Post(t.Context(), shared.Stack.URL, asClient(c.send, revision), request("1"))
				require.NoError(t, err)
				reasonAnswer{status: reasonStatus(revision), code: jsonrpc.InvalidParams, ids: []string{"1"}, problems: c.want}.check(t, got)
				checkSilence(t, c.send, got)
			})
		}
	}
}
