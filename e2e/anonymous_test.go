package e2e

import (
	"encoding/json"
	"testing"

	"github.com/stretchr/testify/require"

	"kubernetes-mcp-edge/e2e/harness"
	"kubernetes-mcp-edge/e2e/rig"
	"kubernetes-mcp-edge/extproc/kubeheader"
)

// TestAnonymous: where the policy makes credentials optional, somebody who sends
// none gets to know the server and its tools, signed for as nobody; a tool tells
// him what to send; and half a credential is as wrong as ever.
func TestAnonymous(t *testing.T) {
	s := shared.StartStack(t, harness.Options{Policy: shared.Policy + "credentials: optional\n"})
	client := rig.NewClient(t, true)
	ask := func(t *testing.T, headers harness.Headers, method, params string) harness.RPC {
		t.Helper()
		res, err := client.Post(t.Context(), s.URL, headers.With("MCP-Protocol-Version", "2025-11-25"),
			`{"jsonrpc":"2.0","id":"a-1","method":"`+method+`","params":`+params+`}`)
		require.NoError(t, err)
		rpc, err := res.RPC()
		require.NoError(t, err)
		require.Equal(t, `"a-1"`, string(rpc.ID))
		return rpc
	}

	t.Run("initialize", func(t *testing.T) {
		rpc := ask(t, nil, "initialize", `{"protocolVersion":"2025-11-25","capabilities":{},"clientInfo":{"name":"t","version":"1"}}`)
		require.Nil(t, rpc.Error)
		require.Contains(t, string(rpc.Result), `"serverInfo"`)
	})
	t.Run("tools/list", func(t *testing.T) {
		rpc := ask(t, nil, "tools/list", `{}`)
		require.Nil(t, rpc.Error)
		require.Contains(t, string(rpc.Result), `"whoami"`)
	})
	t.Run("tools/call", func(t *testing.T) {
		before := shared.IdentityReviews(t.Context(), t)
		rpc := ask(t, nil, "tools/call", `{"name":"whoami","arguments":{}}`)
		require.Nil(t, rpc.Error)
		var result harness.ToolResult
		require.NoError(t, json.Unmarshal(rpc.Result, &result))
		require.True(t, result.IsError)
		require.Contains(t, result.Text(), kubeheader.Server)
		require.Contains(t, result.Text(), kubeheader.Authorization)
		require.Equal(t, before, shared.IdentityReviews(t.Context(), t), "somebody's credential was used")
	})
	t.Run("half a credential", func(t *testing.T) {
		rpc := ask(t, shared.Cluster.Token("alice").Without(kubeheader.Authorization), "tools/list", `{}`)
		require.NotNil(t, rpc.Error)
		require.Equal(t, kubeheader.ReasonCredentialMissing.String(), rpc.Error.Data.Reason)
	})
	t.Run("a proof of one's own", func(t *testing.T) {
		rpc := ask(t, harness.Headers{
			{Name: kubeheader.Fingerprint, Value: "alice"}, {Name: kubeheader.Signature, Value: "kube=:AAAA:"}, {Name: kubeheader.SignatureInput, Value: "kube=()"},
		}, "tools/call", `{"name":"whoami","arguments":{}}`)
		require.Nil(t, rpc.Error, "Envoy strips it, and what is left is nobody's request")
	})
	t.Run("somebody", func(t *testing.T) {
		require.Equal(t, "alice", rig.Whoami(t, client, s.URL, shared.Cluster.Token("alice")))
	})
}

// TestAnonymousIsNotTheDefault: without the word in the policy nobody is let in.
func TestAnonymousIsNotTheDefault(t *testing.T) {
	res, err := rig.NewClient(t, true).Post(t.Context(), shared.Stack.URL, nil, `{"jsonrpc":"2.0","id":1,"method":"tools/list"}`)
	require.NoError(t, err)
	rpc, err := res.RPC()
	require.NoError(t, err)
	require.NotNil(t, rpc.Error)
	require.Equal(t, kubeheader.ReasonServerMissing.String(), rpc.Error.Data.Reason)
}
