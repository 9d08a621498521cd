package server

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"testing"

	"github.com/modelcontextprotocol/go-sdk/mcp"
	"github.com/stretchr/testify/require"

	"kubernetes-mcp-edge/mcpbackend/kube"
	"kubernetes-mcp-edge/mcpbackend/tool"
)

// with replaces the catalog of a running backend.
func (w *world) with(t *testing.T, tools []tool.Tool, prompts []tool.Prompt) {
	t.Helper()
	var err error
	w.catalog, err = tool.NewCatalog(tools, prompts)
	require.NoError(t, err)
	w.counts = newCounts(w.catalog.Names())
	server, err := w.newMCP()
	require.NoError(t, err)
	w.handler.mux = w.newHandler(server).mux
}

// TestAccess: a tool's client may do on the wire what the tool declares, and no
// more than the configured toolsets need.
func TestAccess(t *testing.T) {
	pod := kube.Kind{Version: "v1", Kind: "Pod", Resource: "pods", Namespaced: true}
	said := func(err error) string {
		var e *kube.Error
		if errors.As(err, &e) && e.Trouble == kube.ReadOnly {
			return "read-only"
		}
		return "sent"
	}
	try := func(name, toolset string, access tool.Access) tool.Tool {
		return tool.New(mcp.Tool{Name: name}, tool.Options{Toolset: toolset, Access: access},
			func(ctx context.Context, c *kube.Client, _ struct{}) (string, any, error) {
				_, get := c.Get(ctx, pod, "team-a", "web")
				_, del := c.Delete(ctx, pod, "team-a", "web", kube.DeleteOptions{})
				_, exec := c.Exec(ctx, "team-a", "web", kube.ExecOptions{Command: []string{"true"}})
				return fmt.Sprint("get ", said(get), ", delete ", said(del), ", exec ", said(exec)), nil, nil
			})
	}
	tools := []tool.Tool{try("read", tool.Core, tool.Reads), try("write", tool.Write, tool.Writes), try("exec", tool.Exec, tool.Execs)}
	for _, row := range []struct {
		toolsets []string
		want     map[string]string
	}{
		{[]string{"core"}, map[string]string{"read": "get sent, delete read-only, exec read-only"}},
		{[]string{"core", "write"}, map[string]string{"read": "get sent, delete read-only, exec read-only", "write": "get sent, delete sent, exec read-only"}},
		{[]string{"core", "exec"}, map[string]string{"exec": "get sent, delete read-only, exec sent"}},
		{[]string{"core", "write", "exec"}, map[string]string{"write": "get sent, delete sent, exec read-only", "exec": "get sent, delete read-only, exec sent"}},
	} {
		t.Run(fmt.Sprint(row.toolsets), func(t *testing.T) {
			api := newBrokenAPI(t)
			api.objects["/api/v1/namespaces/team-a/pods/web"] = map[string]any{"apiVersion": "v1", "kind": "Pod", "metadata": map[string]any{"name": "web"}}
			api.objects["/api/v1/namespaces/team-a/pods/web/exec"] = http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
				w.WriteHeader(http.StatusInternalServerError)
			})
			w := newWorld(t, api, func(o *setup) { o.Toolsets = row.toolsets })
			w.with(t, tools, nil)
			s := w.session(t, api.headers("alice-token"))
			for name, want := range row.want {
				text, _ := ok(t, s, name, nil)
				require.Equal(t, want, text, name)
			}
		})
	}
}

// TestWhatTheProcessCanDo: without a toolset that writes, no client of it can.
func TestWhatTheProcessCanDo(t *testing.T) {
	for toolsets, want := range map[[3]string][2]bool{
		{"core"}: {false, false}, {"core", "write"}: {true, false}, {"core", "exec"}: {false, true}, {"core", "write", "exec"}: {true, true}, {}: {false, false},
	} {
		var names []string
		for _, name := range toolsets {
			if name != "" {
				names = append(names, name)
			}
		}
		c := newWorld(t, nil, func(o *setup) { o.Toolsets = names }).kubeConfig()
		require.Equal(t, want, [2]bool{c.Writes, c.Execs}, "%v", names)
	}
}

// TestAnnotationsAreTrue of every tool: what changes nothing says so, and nothing
// else does; only what may take something away is destructive.
func TestAnnotationsAreTrue(t *testing.T) {
	w := newWorld(t, nil, func(o *setup) { o.Toolsets = []string{"core", "write", "exec"} })
	list, err := w.session(t, nil).ListTools(t.Context(), nil)
	require.NoError(t, err)
	writes := map[string]bool{
		"resources_create_or_update": true, "resources_delete": true, "resources_scale": true,
		"pods_run": true, "pods_delete": true, "pods_exec": true,
	}
	for _, tool := range list.Tools {
		require.Equal(t, !writes[tool.Name], tool.Annotations.ReadOnlyHint, tool.Name)
		require.NotNil(t, tool.Annotations.DestructiveHint, "left out it would mean yes")
		require.NotNil(t, tool.Annotations.OpenWorldHint)
		require.Equal(t, writes[tool.Name] && tool.Name != "pods_run", *tool.Annotations.DestructiveHint, tool.Name)
		require.NotEmpty(t, tool.Annotations.Title, tool.Name)
		require.NotEmpty(t, tool.Description, tool.Name)
		delete(writes, tool.Name)
	}
	require.Empty(t, writes, "tools that are not there")
}

// TestPromptsNarrow as tools do.
func TestPromptsNarrow(t *testing.T) {
	api := newBrokenAPI(t)
	w := newWorld(t, api, func(o *setup) { o.Toolsets = []string{"core", "write"} })
	say := func(text string) tool.Ask {
		return func(context.Context, *kube.Client, map[string]string) (string, error) { return text, nil }
	}
	w.with(t, nil, []tool.Prompt{
		tool.NewPrompt(mcp.Prompt{Name: "a"}, tool.Core, say("a")), tool.NewPrompt(mcp.Prompt{Name: "b"}, tool.Write, say("b")),
	})
	for toolsets, want := range map[string][]string{"": {"a", "b"}, "core": {"a"}, "write": {"b"}, "helm": nil} {
		headers := api.headers("alice-token")
		if toolsets != "" {
			headers["kubernetes-toolsets"] = toolsets
		}
		s := w.session(t, headers)
		list, err := s.ListPrompts(t.Context(), nil)
		require.NoError(t, err)
		got := make([]string, 0, 2)
		for _, p := range list.Prompts {
			got = append(got, p.Name)
		}
		require.ElementsMatch(t, want, got, toolsets)
		for _, name := range []string{"a", "b"} {
			_, err := s.GetPrompt(t.Context(), &mcp.GetPromptParams{Name: name})
			if len(want) == 2 || len(want) == 1 && want[0] == name {
				require.NoError(t, err)
				continue
			}
			require.ErrorContains(t, err, "no such prompt")
		}
	}
}
