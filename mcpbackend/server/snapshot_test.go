package server

import (
	"bytes"
	"encoding/json"
	"os"
	"testing"

	"github.com/stretchr/testify/require"
)

// maxTokens is what the tools of toolset core may cost a client's model, by the
// usual estimate of four bytes each. Every session pays for them.
const maxTokens = 4500

// listed is what a client is sent, as the members of the result.
func (w *world) listed(t *testing.T, method string) []byte {
	t.Helper()
	_, body := w.post(t, nil, "", message("", method, `{}`))
	answer, err := json.Marshal(result(t, body))
	require.NoError(t, err)
	return answer
}

// TestSnapshot: what clients are told of every tool and prompt is committed, so
// that a change of it shows in review.
func TestSnapshot(t *testing.T) {
	const path = "testdata/tools.json"
	w := newWorld(t, nil, func(o *setup) { o.Toolsets = []string{"core", "write", "exec"} })
	var told bytes.Buffer
	told.WriteString(`{"prompts/list":`)
	told.Write(w.listed(t, "prompts/list"))
	told.WriteString(`,"tools/list":`)
	told.Write(w.listed(t, "tools/list"))
	told.WriteString("}")
	var indented bytes.Buffer
	require.NoError(t, json.Indent(&indented, told.Bytes(), "", "  "))
	indented.WriteByte('\n')
	if *update {
		require.NoError(t, os.WriteFile(path, indented.Bytes(), 0o644))
	}
	committed, err := os.ReadFile(path)
	require.NoError(t, err)
	require.Equal(t, string(committed), indented.String(), "go test ./mcpbackend/server -run TestSnapshot -update, and read the diff")
}

// TestTokensOfCore: tools cost every session that has them.
func TestTokensOfCore(t *testing.T) {
	w := newWorld(t, nil)
	list := w.listed(t, "tools/list")
	tokens := len(list) / 4
	t.Logf("tools/list of toolset core: %d bytes, about %d tokens", len(list), tokens)
	var tools struct {
		Tools []struct {
			Name string `json:"name"`
		} `json:"tools"`
	}
	require.NoError(t, json.Unmarshal(list, &tools))
	names := make([]string, 0, len(tools.Tools))
	for _, tool := range tools.Tools {
		names = append(names, tool.Name)
	}
	require.ElementsMatch(t, []string{
		"whoami", "namespaces_list", "resources_list", "resources_get", "resources_describe", "diagnose", "api_resources", "explain", "can_i",
		"pods_list", "pods_list_in_namespace", "pods_get", "pods_log", "pods_top", "events_list", "nodes_top", "nodes_log", "nodes_stats_summary",
	}, names)
	require.LessOrEqual(t, tokens, maxTokens)
}
