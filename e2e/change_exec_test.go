package e2e

import (
	"encoding/json"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"kubernetes-mcp-edge/e2e/harness"
	"kubernetes-mcp-edge/e2e/rig"
)

func regexpQuote(s string) string { return regexp.QuoteMeta(s) }

// firstWord is the first word of a text that begins like this.
func firstWord(text, prefix string) (string, error) {
	for word := range strings.FieldsSeq(text) {
		if strings.HasPrefix(word, prefix) {
			return word, nil
		}
	}
	return "", fmt.Errorf("no word begins with %s", prefix)
}

// TestChangeExec runs commands in the tenants' Pods, as kubectl exec does.
func TestChangeExec(t *testing.T) {
	t.Parallel()
	w := changeWorld(t)
	for n, c := range shared.Callers() {
		t.Run(fmt.Sprintf("%s/%d", c.User, n), func(t *testing.T) {
			pod := webPod(t, shared.Cluster, c.User, c.Namespace)
			in := func(script string) map[string]any {
				return map[string]any{"name": pod, "namespace": c.Namespace, "command": []string{"sh", "-c", script}}
			}
			got := w.call(t, c, "pods_exec", in(`echo "in $POD_NAMESPACE"; echo oops >&2; exit 3`))
			require.False(t, got.IsError, got.Text())
			require.Equal(t, fmt.Sprintf("Exit code 3 in container web of Pod %s in namespace %s\n--- stdout ---\nin %[2]s\n--- stderr ---\noops\n", pod, c.Namespace), got.Text())
			require.JSONEq(t, fmt.Sprintf(`{"namespace":%q,"pod":%q,"container":"web","exitCode":3}`, c.Namespace, pod), string(got.Structured))
			require.Contains(t, w.ok(t, c, "pods_exec", in("exit 0")), "Exit code 0 ")
			require.Contains(t, w.ok(t, c, "pods_exec", in("exit 0")), "(no output)")

			text := w.ok(t, c, "pods_exec", in("seq 1 20000"))
			require.Less(t, len(text), 32<<10)
			require.Contains(t, text, "\n1\n2\n3\n")
			require.Contains(t, text, "-- cut: there is more, which is not shown --\n")

			require.Contains(t, w.fails(t, c, "pods_exec", map[string]any{"name": pod, "namespace": c.Namespace, "container": "wrong", "command": []string{"true"}}),
				"the Pod has no container of that name; it has: web.")
			require.Contains(t, w.fails(t, c, "pods_exec", map[string]any{"name": "gone", "namespace": c.Namespace, "command": []string{"true"}}), "There is no such object")
			require.Contains(t, w.fails(t, c, "pods_exec", map[string]any{"name": pod, "namespace": c.Namespace, "command": []string{}}), "minItems")
			foreign := webPod(t, shared.Cluster, "admin", c.Foreign)
			require.Contains(t, w.fails(t, c, "pods_exec", map[string]any{"name": foreign, "namespace": c.Foreign, "command": []string{"true"}}),
				"The command did not run in Pod "+foreign+" in namespace "+c.Foreign+": The cluster's RBAC does not allow this")
		})
	}
	t.Run("a command that never ends", func(t *testing.T) {
		c := shared.Callers()[0]
		pod := webPod(t, shared.Cluster, c.User, c.Namespace)
		begin := time.Now()
		text := w.fails(t, c, "pods_exec", map[string]any{"name": pod, "namespace": c.Namespace, "command": []string{"sh", "-c", "echo started; exec sleep 600"}})
		require.Less(t, time.Since(begin), 6*time.Second, "the call's own time")
		require.Contains(t, text, "did not end in time, and is no longer waited for; it may still run.")
		require.Contains(t, text, "--- stdout ---\nstarted\n")
		text = w.fails(t, c, "pods_exec", map[string]any{"name": pod, "namespace": c.Namespace, "command": []string{"sh", "-c", "exec yes"}})
		require.Contains(t, text, "wrote too much and is no longer waited for")
		require.Contains(t, text, "--- stdout ---\ny\n")
	})
}

// changing are the tools that no backend offers unless it is told to.
var changing = []string{"pods_delete", "pods_exec", "pods_run", "resources_create_or_update", "resources_delete", "resources_scale"}

// TestChangeToolsetsOff: what the operator left out is not there, and no header
// brings it back; what he put in can be left out by a request.
func TestChangeToolsetsOff(t *testing.T) {
	t.Parallel()
	names := func(t *testing.T, url string, headers harness.Headers) (out []string) {
		t.Helper()
		res, err := rig.NewClient(t, true).Post(t.Context(), url, headers.With("MCP-Protocol-Version", "2025-11-25"), `{"jsonrpc":"2.0","id":1,"method":"tools/list"}`)
		require.NoError(t, err)
		rpc, err := res.RPC()
		require.NoError(t, err)
		require.Nil(t, rpc.Error)
		var list struct {
			Tools []struct {
				Name string `json:"name"`
			} `json:"tools"`
		}
		require.NoError(t, json.Unmarshal(rpc.Result, &list))
		for _, tool := range list.Tools {
			if slices.Contains(changing, tool.Name) {
				out = append(out, tool.Name)
			}
		}
		slices.Sort(out)
		return out
	}
	w := changeWorld(t)
	alice := shared.Cluster.Token("alice")
	for toolsets, want := range map[string][]string{
		"": changing, "core": nil, "exec": {"pods_exec"}, "core,exec,helm": {"pods_exec"},
		"write": {"pods_delete", "pods_run", "resources_create_or_update", "resources_delete", "resources_scale"},
	} {
		headers := alice
		if toolsets != "" {
			headers = alice.With("kubernetes-toolsets", toolsets)
		}
		require.Equal(t, want, names(t, w.stack.URL, headers), toolsets)
		require.Empty(t, names(t, shared.Stack.URL, headers), toolsets)
	}
	for _, tool := range changing {
		for url, headers := range map[string]harness.Headers{
			shared.Stack.URL: alice.With("kubernetes-toolsets", "core,write,exec"), w.stack.URL: alice.With("kubernetes-toolsets", "core"),
		} {
			_, rpc, err := rig.NewClient(t, true).CallTool(t.Context(), url, headers, tool, `{"kind":"Pod","name":"x","image":"x","resource":"x","command":["x"]}`)
			require.NoError(t, err)
			require.NotNil(t, rpc.Error, tool)
			require.Equal(t, -32602, rpc.Error.Code, tool)
		}
	}
}
