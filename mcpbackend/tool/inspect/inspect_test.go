package inspect

import (
	"encoding/json"
	"testing"

	"github.com/modelcontextprotocol/go-sdk/mcp"
	"github.com/stretchr/testify/require"

	"kubernetes-mcp-edge/mcpbackend/tool"
)

// TestSchemasAreShort: every conversation pays for them before it has begun.
func TestSchemasAreShort(t *testing.T) {
	catalog, err := tool.NewCatalog(Tools(), Prompts())
	require.NoError(t, err)
	server := mcp.NewServer(&mcp.Implementation{Name: "test"}, nil)
	require.NoError(t, catalog.Register(server, nil, []string{tool.Core}))
	here, there := mcp.NewInMemoryTransports()
	running, err := server.Connect(t.Context(), there, nil)
	require.NoError(t, err)
	defer func() { _ = running.Close() }()
	session, err := mcp.NewClient(&mcp.Implementation{Name: "test"}, nil).Connect(t.Context(), here, nil)
	require.NoError(t, err)
	defer func() { _ = session.Close() }()

	tools, err := session.ListTools(t.Context(), nil)
	require.NoError(t, err)
	size := 0
	for _, one := range tools.Tools {
		whole, err := json.Marshal(one)
		require.NoError(t, err)
		t.Logf("%s: %d bytes", one.Name, len(whole))
		size += len(whole)
		require.True(t, one.Annotations.ReadOnlyHint)
	}
	require.Len(t, tools.Tools, 5)
	require.LessOrEqual(t, size, 4500)

	prompts, err := session.ListPrompts(t.Context(), nil)
	require.NoError(t, err)
	require.Len(t, prompts.Prompts, 1)
	require.Equal(t, "cluster-health-check", prompts.Prompts[0].Name)
}
