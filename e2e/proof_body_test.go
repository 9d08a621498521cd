package e2e

import (
	"encoding/json"
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"

	"kubernetes-mcp-edge/e2e/harness"
	"kubernetes-mcp-edge/extproc/kubeheader"
)

// TestProofReplayWithinItsLifetimeByTheSameHolderIsAllowedByDesign: a proof says
// that these values were checked, not what they are used for. Who can replay it
// holds the credential already.
func TestProofReplayWithinItsLifetimeByTheSameHolderIsAllowedByDesign(t *testing.T) {
	e := newEdge(t, shared.stack, shared.policy)
	sent := e.now(t, shared.cluster.Token("alice"))
	for _, http2 := range []bool{false, true} {
		for range 2 { // other connections
			client := newClient(t, http2)
			require.Equal(t, "alice", whoami(t, client, e.stack.BackendURL, sent))
			list, err := client.Post(t.Context(), e.stack.BackendURL, sent, `{"jsonrpc":"2.0","id":2,"method":"tools/list"}`)
			require.NoError(t, err)
			require.Contains(t, string(list.Message()), "resources_get")
		}
	}
}

// TestProofBodyIsNoCredential: only headers say who calls, to the
// backend and through Envoy.
func TestProofBodyIsNoCredential(t *testing.T) {
	e := newEdge(t, shared.stack, shared.policy)
	client := newClient(t, false)
	bob, err := json.Marshal(shared.cluster.Token("bob").Map())
	require.NoError(t, err)
	bodies := []string{
		fmt.Sprintf(`{"jsonrpc":"2.0","id":"f-1","method":"tools/call","params":{"name":"whoami","arguments":{},"_meta":%s}}`, bob),
		fmt.Sprintf(`{"jsonrpc":"2.0","id":"f-1","method":"tools/call","params":{"name":"whoami","arguments":{},"_meta":{"headers":%s}},"_meta":%[1]s,"headers":%[1]s}`, bob),
		fmt.Sprintf(`{"jsonrpc":"2.0","id":"f-1","method":"tools/call","params":{"name":"whoami","arguments":%s}}`, bob),
	}
	alice := shared.cluster.Token("alice").With("MCP-Protocol-Version", "2025-11-25")
	for i, body := range bodies {
		for url, headers := range map[string]harness.Headers{e.stack.BackendURL: e.now(t, alice.Without("MCP-Protocol-Version")), e.stack.URL: alice} {
			res, err := client.Post(t.Context(), url, headers, body)
			require.NoError(t, err)
			require.NotContains(t, string(res.Message()), "bob")
			if i < 2 { // unknown arguments are an error, unknown metadata is none
				who, err := decodeUser(res)
				require.NoError(t, err)
				require.Equal(t, "alice", who)
			}
		}
	}
	e.nothingActed(t, func() {
		for _, body := range bodies {
			res, err := client.Post(t.Context(), e.stack.BackendURL, nil, body)
			require.NoError(t, err)
			(refusal{status: 200, id: faultID, code: -32603, reason: kubeheader.ReasonProofMissing, header: "*"}).check(t, res)
			res, err = client.Post(t.Context(), e.stack.URL, nil, body)
			require.NoError(t, err)
			(refusal{status: 200, id: faultID, code: -32602, reason: kubeheader.ReasonServerMissing, header: kubeheader.Server}).check(t, res)
		}
	})
}
