package e2e

import (
	"encoding/json"
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"

	"kubernetes-mcp-edge/e2e/harness"
	"kubernetes-mcp-edge/e2e/rig"
	"kubernetes-mcp-edge/extproc/kubeheader"
)

// TestProofReplayWithinItsLifetimeByTheSameHolderIsAllowedByDesign: a proof says
// that these values were checked, not what they are used for. Who can replay it
// holds the credential already.
func TestProofReplayWithinItsLifetimeByTheSameHolderIsAllowedByDesign(t *testing.T) {
	e := shared.NewEdge(t, shared.Stack, shared.Policy)
	sent := e.Now(t, shared.Cluster.Token("alice"))
	for _, http2 := range []bool{false, true} {
		for range 2 { // other connections
			client := rig.NewClient(t, http2)
			require.Equal(t, "alice", rig.Whoami(t, client, e.Stack.BackendURL, sent))
			list, err := client.Post(t.Context(), e.Stack.BackendURL, sent, `{"jsonrpc":"2.0","id":2,"method":"tools/list"}`)
			require.NoError(t, err)
			require.Contains(t, string(list.Message()), "resources_get")
		}
	}
}

// TestProofBodyIsNoCredential: only headers say who calls, to the
// backend and through Envoy.
func TestProofBodyIsNoCredential(t *testing.T) {
	e := shared.NewEdge(t, shared.Stack, shared.Policy)
	client := rig.NewClient(t, false)
	bob, err := json.Marshal(shared.Cluster.Token("bob").Map())
	require.NoError(t, err)
	bodies := []string{
		fmt.Sprintf(`{"jsonrpc":"2.0","id":"f-1","method":"tools/call","params":{"name":"whoami","arguments":{},"_meta":%s}}`, bob),
		fmt.Sprintf(`{"jsonrpc":"2.0","id":"f-1","method":"tools/call","params":{"name":"whoami","arguments":{},"_meta":{"headers":%s}},"_meta":%[1]s,"headers":%[1]s}`, bob),
		fmt.Sprintf(`{"jsonrpc":"2.0","id":"f-1","method":"tools/call","params":{"name":"whoami","arguments":%s}}`, bob),
	}
	alice := shared.Cluster.Token("alice").With("MCP-Protocol-Version", "2025-11-25")
	for i, body := range bodies {
		for url, headers := range map[string]harness.Headers{e.Stack.BackendURL: e.Now(t, alice.Without("MCP-Protocol-Version")), e.Stack.URL: alice} {
			res, err := client.Post(t.Context(), url, headers, body)
			require.NoError(t, err)
			require.NotContains(t, string(res.Message()), "bob")
			if i < 2 { // unknown arguments are an error, unknown metadata is none
				who, err := rig.DecodeUser(res)
				require.NoError(t, err)
				require.Equal(t, "alice", who)
			}
		}
	}
	e.NothingActed(t, func() {
		for _, body := range bodies {
			res, err := client.Post(t.Context(), e.Stack.BackendURL, nil, body)
			require.NoError(t, err)
			(rig.Refusal{Status: 200, ID: rig.CallID, Code: -32603, Reason: kubeheader.ReasonProofMissing, Header: "*"}).Check(t, res)
			res, err = client.Post(t.Context(), e.Stack.URL, nil, body)
			require.NoError(t, err)
			(rig.Refusal{Status: 200, ID: rig.CallID, Code: -32602, Reason: kubeheader.ReasonServerMissing, Header: kubeheader.Server}).Check(t, res)
		}
	})
}
