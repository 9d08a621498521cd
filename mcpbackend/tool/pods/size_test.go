package pods

import (
	"encoding/json"
	"slices"
	"testing"

	"github.com/modelcontextprotocol/go-sdk/mcp"
	"github.com/stretchr/testify/require"

	"kubernetes-mcp-edge/mcpbackend/tool"
	"kubernetes-mcp-edge/mcpbackend/tool/resources"
)

// offered is the part of tools/list that comes from this package and resources.
func offered(t *testing.T) []*mcp.Tool {
	t.Helper()
	catalog, err := tool.NewCatalog(slices.Concat(resources.Tools(), Tools()), nil)
	require.NoError(t, err)
	server := mcp.NewServer(&mcp.Implementation{Name: "test", Version: "1"}, nil)
	require.NoError(t, catalog.Register(server, nil, []string{tool.Core}))
	here, there := mcp.NewInMemoryTransports()
	session, err := server.Connect(t.Context(), there, nil)
	require.NoError(t, err)
	client, err := mcp.NewClient(&mcp.Implementation{Name: "test", Version: "1"}, nil).Connect(t.Context(), here, nil)
	require.NoError(t, err)
	list, err := client.ListTools(t.Context(), nil)
	require.NoError(t, err)
	require.NoError(t, client.Close())
	require.NoError(t, session.Wait())
	return list.Tools
}

// TestToolsAreTerse: every conversation pays for them before it has begun.
func TestToolsAreTerse(t *testing.T) {
	total := 0
	for _, one := range offered(t) {
		text, err := json.Marshal(one)
		require.NoError(t, err)
		t.Logf("%5d %s", len(text), one.Name)
		total += len(text)
	}
	require.LessOrEqual(t, total, 11_000)
}
