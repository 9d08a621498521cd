package e2e

import (
	"net/http"
	"testing"

	"github.com/modelcontextprotocol/go-sdk/jsonrpc"
	"github.com/modelcontextprotocol/go-sdk/mcp"
	"github.com/stretchr/testify/require"

	"kubernetes-mcp-edge/e2e/harness"
	"kubernetes-mcp-edge/extproc/kubeheader"
)

// withHeaders adds a caller's headers to every request of an MCP client.
type withHeaders harness.Headers

// RoundTrip is http.RoundTripper.
func (h withHeaders) RoundTrip(r *http.Request) (*http.Response, error) {
	r = r.Clone(r.Context())
	for _, header := range h {
		r.Header.Add(header.Name, header.Value)
	}
	return http.DefaultTransport.RoundTrip(r)
}

// connect connects a real MCP client, which speaks the newest revision that
// both sides know.
func connect(t *testing.T, headers harness.Headers) (*mcp.ClientSession, error) {
	t.Helper()
	client := mcp.NewClient(&mcp.Implementation{Name: "e2e", Version: "1"}, nil)
	session, err := client.Connect(t.Context(), &mcp.StreamableClientTransport{
		Endpoint:   shared.Stack.URL,
		HTTPClient: &http.Client{Transport: withHeaders(headers)},
		MaxRetries: -1,
	}, nil)
	if err == nil {
		t.Cleanup(func() { _ = session.Close() })
	}
	return session, err
}

// TestClientCallsTools: the official client initializes, lists and calls.
func TestClientCallsTools(t *testing.T) {
	for _, c := range shared.Callers() {
		session, err := connect(t, c.Headers)
		require.NoError(t, err)
		listed, err := session.ListTools(t.Context(), nil)
		require.NoError(t, err)
		names := make([]string, 0, len(listed.Tools))
		for _, tool := range listed.Tools {
			names = append(names, tool.Name)
			require.True(t, tool.Annotations.ReadOnlyHint, tool.Name)
		}
		require.Subset(t, names, []string{"namespaces_list", "resources_get", "resources_list", "whoami", "pods_log", "diagnose"})
		require.NotContains(t, names, "resources_delete")
		got, err := session.CallTool(t.Context(), &mcp.CallToolParams{Name: "whoami"})
		require.NoError(t, err)
		require.False(t, got.IsError)
		structured, ok := got.StructuredContent.(map[string]any)
		require.True(t, ok)
		require.Equal(t, c.User, structured["username"])
	}
}

// TestClientShowsRejections: the sentence and the reason arrive as an error of
// the protocol, at the first message that the client sends.
func TestClientShowsRejections(t *testing.T) {
	headers := shared.Cluster.Token("alice").With(kubeheader.Server, "http://127.0.0.1:6443")
	_, err := connect(t, headers)
	var wire *jsonrpc.Error
	require.ErrorAs(t, err, &wire)
	require.EqualValues(t, -32602, wire.Code)
	require.Contains(t, wire.Message, kubeheader.Server)
	require.Contains(t, string(wire.Data), kubeheader.ReasonServerScheme.String())
}
