package answer

import (
	"context"
	"testing"

	"github.com/stretchr/testify/require"

	"kubernetes-mcp-edge/mcpbackend/brokenapi"
	"kubernetes-mcp-edge/mcpbackend/kube"
)

// TestWorkEndsWithTheCall: a part that does not know it is one is no answer.
func TestWorkEndsWithTheCall(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	shown, _, cut := Object(ctx, map[string]any{"a": "b"}, same, false)
	require.Empty(t, shown)
	require.True(t, cut)
	require.Equal(t, "canceled", Word(Ended(ctx)))
	late, cancel := context.WithTimeout(t.Context(), -1)
	defer cancel()
	require.Equal(t, "deadline", Word(Ended(late)))
	_, c := brokenapi.Visit(t, nil)
	lines := rows(ctx, c, false, kube.Table{Columns: []kube.Column{{Name: "a"}}, Rows: []kube.Row{{Cells: []string{"b"}}}}, View{columns: []int{0}})
	require.Equal(t, []string{"A"}, lines)
}
