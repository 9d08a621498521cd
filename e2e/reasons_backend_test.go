package e2e

import (
	"encoding/base64"
	"fmt"
	"net/http"
	"testing"

	"github.com/stretchr/testify/require"

	"kubernetes-mcp-edge/e2e/harness"
	"kubernetes-mcp-edge/e2e/rig"
	"kubernetes-mcp-edge/envoy"
	"kubernetes-mcp-edge/extproc/jsonrpc"
	"kubernetes-mcp-edge/extproc/kubeheader"
)

// backendReasons are those that the backend finds behind a good proof; the tests
// of this file cause them.
func backendReasons() []kubeheader.Reason {
	return []kubeheader.Reason{kubeheader.ReasonOriginNotAllowed, kubeheader.ReasonCredentialRefused}
}

// modernCall is rig.Call as a client of 2026-07-28 writes it.
const modernCall = `{"jsonrpc":"2.0","id":"f-1","method":"tools/call","params":{"name":"whoami","arguments":{},"_meta":{` +
	`"io.modelcontextprotocol/protocolVersion":"2026-07-28","io.modelcontextprotocol/clientCapabilities":{},` +
	`"io.modelcontextprotocol/clientInfo":{"name":"t","version":"1"}}}}`

// TestCredentialRefused: a credential that the API server does not accept is a
// JSON-RPC error of the edge's own form, so that a client renews it; clients of
// every revision are told, and calls that need no cluster go through.
func TestCredentialRefused(t *testing.T) {
	client := rig.NewClient(t, true)
	other := newAuthority(t, "another CA")
	certificate, key := other.client(t, "alice")
	for header, headers := range map[string]harness.Headers{
		kubeheader.Authorization: shared.Cluster.Token("alice").With(kubeheader.Authorization, "Bearer revoked-canary-token"),
		kubeheader.ClientCertificate: shared.Cluster.Certificate("alice").
			With(kubeheader.ClientCertificate, base64.StdEncoding.EncodeToString([]byte(certificate))).
			With(kubeheader.ClientKey, base64.StdEncoding.EncodeToString([]byte(key))),
	} {
		for _, revision := range reasonRevisions() {
			t.Run(fmt.Sprintf("%s/%q", header, revision), func(t *testing.T) {
				headers, body := asClient(headers, revision), rig.Call
				if revision == "2026-07-28" {
					headers, body = headers.Plus("Mcp-Method", "tools/call").Plus("Mcp-Name", "whoami"), modernCall
				}
				got, err := client.Post(t.Context(), shared.Stack.URL, headers, body)
				require.NoError(t, err)
				require.NotContains(t, string(got.Body), "canary")
				require.Equal(t, reasonStatus(revision), got.Status, "%s", got.Body)
				if got.Status == http.StatusBadRequest { // clients read no event stream behind it
					require.Equal(t, "application/json", got.Header.Get("Content-Type"))
				}
				rpc, err := got.RPC()
				require.NoError(t, err)
				require.Equal(t, rig.CallID, string(rpc.ID))
				require.NotNil(t, rpc.Error, "%s", got.Body)
				require.Equal(t, jsonrpc.InvalidParams, rpc.Error.Code)
				require.Equal(t, kubeheader.ReasonCredentialRefused.String(), rpc.Error.Data.Reason)
				require.Equal(t, header, rpc.Error.Data.Header)
				require.Equal(t, kubeheader.ReasonCredentialRefused.Problem(header).Message, rpc.Error.Message)
				require.Equal(t, got.Header.Get("X-Request-ID"), rpc.Error.Data.Decision)
			})
		}
	}
}

// TestOriginNotAllowed: a page that the policy does not name gets nothing, through
// an Envoy that would let it; programs and the page that is named are served.
func TestOriginNotAllowed(t *testing.T) {
	t.Parallel()
	s := shared.StartStack(t, harness.Options{
		PolicyExtra: "origins: [" + goodOrigin + "]\n",
		Envoy:       func(c *envoy.Config) { c.CORS.Origins = []string{goodOrigin, otherOrigin} },
	})
	client := rig.NewClient(t, true)
	alice := shared.Cluster.Token("alice")
	got, err := client.Post(t.Context(), s.URL, asClient(alice, "").With("Origin", goodOrigin), rig.Call)
	require.NoError(t, err)
	user, err := rig.DecodeUser(got)
	require.NoError(t, err)
	require.Equal(t, "alice", user)
	for _, origin := range []string{otherOrigin, "null", "http://app.example.com"} {
		got, err := client.Post(t.Context(), s.URL, asClient(alice, "").With("Origin", origin), rig.Call)
		require.NoError(t, err)
		require.Equal(t, http.StatusForbidden, got.Status, "%s", got.Body)
		rpc, err := got.RPC()
		require.NoError(t, err)
		require.NotNil(t, rpc.Error)
		require.Equal(t, rig.CallID, string(rpc.ID))
		require.Equal(t, kubeheader.ReasonOriginNotAllowed.String(), rpc.Error.Data.Reason)
	}
}
