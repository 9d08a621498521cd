package e2e

import (
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"kubernetes-mcp-edge/e2e/rig"
)

// applied is a ConfigMap, a Secret and a Deployment of a caller's own.
func applied(c rig.Caller, n int, color string) string {
	return fmt.Sprintf(`
apiVersion: v1
kind: ConfigMap
metadata: {name: settings-%[1]d, namespace: %[2]s}
data: {color: %[3]s}
---
apiVersion: v1
kind: Secret
metadata: {name: keys-%[1]d}
stringData: {password: CANARY-%[3]s-password}
---
apiVersion: apps/v1
kind: Deployment
metadata: {name: web-%[1]d}
spec:
  replicas: 1
  selector: {matchLabels: {app: web-%[1]d}}
  template:
    metadata: {labels: {app: web-%[1]d}}
    spec:
      containers: [{name: web, image: "registry.example.com/web:%[3]s"}]
`, n, c.Namespace, color)
}

// TestChangeApply: create, repeat, change and try, with the report of each, on a
// real API server.
func TestChangeApply(t *testing.T) {
	t.Parallel()
	w := changeWorld(t)
	for name, as := range w.each() {
		t.Run(name, func(t *testing.T) {
			c, n := as.Caller, as.n
			const tool = "resources_create_or_update"
			settings := fmt.Sprintf("/api/v1/namespaces/%s/configmaps/settings-%d", c.Namespace, n)
			in := map[string]any{"resource": applied(c, n, "red"), "namespace": c.Namespace, "dryRun": true}
			text := w.ok(t, c, tool, in)
			require.Contains(t, text, "3 documents: 3 created (dry run: nothing was written)\n")
			require.Equal(t, 3, strings.Count(text, "would be created (dry run) "))
			status, _ := apiDo(t, shared.Cluster, http.MethodGet, "admin", settings)
			require.Equal(t, http.StatusNotFound, status)

			in["dryRun"] = false
			require.Equal(t, fmt.Sprintf("3 documents: 3 created\n1. created ConfigMap settings-%[1]d (v1) in namespace %[2]s\n2. created Secret keys-%[1]d (v1) in namespace %[2]s\n"+
				"3. created Deployment web-%[1]d (apps/v1) in namespace %[2]s\n", n, c.Namespace), w.ok(t, c, tool, in))
			require.Contains(t, apiGet(t, shared.Cluster, "admin", settings), `"manager":"kubernetes-mcp-edge","operation":"Apply"`)
			// stringData is written and never read back: as kubectl's server-side apply
			// has it, the Secret counts as the same only by its data.
			require.Contains(t, w.ok(t, c, tool, in), fmt.Sprintf("1. unchanged ConfigMap settings-%d (v1)", n))

			in["resource"], in["dryRun"] = applied(c, n, "blue"), true
			text = w.ok(t, c, tool, in)
			require.Contains(t, text, fmt.Sprintf("1. would be configured (dry run) ConfigMap settings-%d (v1) in namespace %s: data.color\n", n, c.Namespace))
			require.Contains(t, text, "spec.template.spec.containers[0].image")
			require.NotContains(t, text, "CANARY")
			require.Contains(t, apiGet(t, shared.Cluster, "admin", settings), `"color":"red"`)
			in["dryRun"] = false
			got := w.call(t, c, tool, in)
			require.False(t, got.IsError, got.Text())
			require.Contains(t, got.Text(), ": data.password\n")
			require.NotContains(t, got.Text()+string(got.Structured), "CANARY")
			require.Contains(t, apiGet(t, shared.Cluster, "admin", settings), `"color":"blue"`)

			// What a get shows goes back as it is.
			shown := w.ok(t, c, "resources_get", map[string]any{"kind": "ConfigMap", "apiVersion": "v1", "name": fmt.Sprintf("settings-%d", n), "namespace": c.Namespace})
			require.Contains(t, w.ok(t, c, tool, map[string]any{"resource": shown}), "1 document: 1 unchanged\n")
			apiSend(t.Context(), t, c.User, http.MethodPatch, settings, "application/merge-patch+json", `{"data":{"size":"1"}}`)
			require.Contains(t, w.fails(t, c, tool, map[string]any{"resource": shown}), "The object is no longer the one that was read")
			hidden := w.ok(t, c, "resources_get", map[string]any{"kind": "Secret", "apiVersion": "v1", "name": fmt.Sprintf("keys-%d", n), "namespace": c.Namespace})
			require.Contains(t, w.fails(t, c, tool, map[string]any{"resource": hidden}), "data.password holds [redacted]")

			made := w.ok(t, c, tool, map[string]any{"namespace": c.Namespace, "resource": `{"apiVersion":"v1","kind":"ConfigMap","metadata":{"generateName":"run-"}}`})
			require.Regexp(t, `1\. created ConfigMap run-[a-z0-9]{5} \(v1\) in namespace `+c.Namespace+`\n`, made)
		})
	}
}

// TestChangeApplyMistakes: the most likely ones, as a real API server answers them.
func TestChangeApplyMistakes(t *testing.T) {
	t.Parallel()
	w := changeWorld(t)
	const tool = "resources_create_or_update"
	for name, as := range w.each() {
		t.Run(name, func(t *testing.T) {
			c, n := as.Caller, as.n
			one := func(name, namespace, field string) string {
				return fmt.Sprintf("---\napiVersion: v1\nkind: ConfigMap\nmetadata: {name: %s, namespace: %s}\n%s\n", name, namespace, field)
			}
			first := fmt.Sprintf("half-%d", n)
			// The other tenant's namespace: the report says what was done before it.
			text := w.fails(t, c, tool, map[string]any{"resource": one(first, c.Namespace, "") + one("x", c.Foreign, "") + one("z", c.Namespace, "")})
			require.Contains(t, text, "3 documents: 1 created, 1 failed, 1 not tried\n1. created ConfigMap "+first)
			require.Contains(t, text, "\n2. failed ConfigMap x (v1) in namespace "+c.Foreign+". The cluster's RBAC does not allow this")
			require.Contains(t, text, "\n3. not tried ConfigMap z")

			// Nothing is written where any of it cannot be understood.
			second := fmt.Sprintf("none-%d", n)
			text = w.fails(t, c, tool, map[string]any{"resource": one(second, c.Namespace, "") + "---\napiVersion: apps/v1\nkind: Deploymnt\nmetadata: {name: x}\n"})
			require.Contains(t, text, "Nothing was written.\ndocument 2 (Deploymnt x): This cluster has no kind")
			require.Contains(t, text, "apps/v1 Deployment")
			status, _ := apiDo(t, shared.Cluster, http.MethodGet, "admin", "/api/v1/namespaces/"+c.Namespace+"/configmaps/"+second)
			require.Equal(t, http.StatusNotFound, status)

			text = w.fails(t, c, tool, map[string]any{"resource": one(second, c.Namespace, "dat: {a: b}")})
			require.Contains(t, text, "refuses the object; mend what it names. The server said: ")
			require.Contains(t, text, ".dat: field not declared in schema")
			text = w.fails(t, c, tool, map[string]any{"resource": "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: x}\n"})
			require.Contains(t, text, "set metadata.namespace, or call again with namespace")
			text = w.fails(t, c, tool, map[string]any{"resource": one("x", "gone", "")})
			require.Contains(t, text, "1. failed ConfigMap x (v1) in namespace gone. ")

			// A real API server quotes what it refuses.
			text = w.fails(t, c, tool, map[string]any{"namespace": c.Namespace, "resource": "apiVersion: v1\nkind: Secret\nmetadata: {name: bad}\ndata: {a: CANARY}\n"})
			require.Equal(t, "Nothing was written.\ndocument 1 (Secret bad): data.a is not base64; plain text belongs under stringData.", text)
			for _, field := range []string{"data: {a: {CANARY: CANARY}}", "data: CANARY", "stringData: {a: [CANARY]}", "immutable: CANARY-not-a-boolean", "type: 7\nstringData: {a: CANARY}"} {
				text = w.fails(t, c, tool, map[string]any{"namespace": c.Namespace, "resource": "apiVersion: v1\nkind: Secret\nmetadata: {name: bad}\n" + field + "\n"})
				require.NotContains(t, text, "CANARY", field)
				require.Contains(t, text, "1. failed Secret bad", field)
			}
		})
	}
}

// TestChangeConflicts: fields of another manager stay his, until the user wants
// them taken over.
func TestChangeConflicts(t *testing.T) {
	t.Parallel()
	w := changeWorld(t)
	for name, as := range w.each() {
		t.Run(name, func(t *testing.T) {
			c, n := as.Caller, as.n
			name := fmt.Sprintf("owned-%d", n)
			path := "/api/v1/namespaces/" + c.Namespace + "/configmaps/" + name
			apiSend(t.Context(), t, c.User, http.MethodPatch, path+"?fieldManager=gitops", "application/apply-patch+yaml",
				fmt.Sprintf(`{"apiVersion":"v1","kind":"ConfigMap","metadata":{"name":%q},"data":{"color":"red","size":"1"}}`, name))
			in := map[string]any{"resource": fmt.Sprintf("apiVersion: v1\nkind: ConfigMap\nmetadata: {name: %s, namespace: %s}\ndata: {color: blue}\n", name, c.Namespace)}
			text := w.fails(t, c, "resources_create_or_update", in)
			require.Contains(t, text, `Other managers own fields that this would change: .data.color (conflict with "gitops"`)
			require.Contains(t, text, "call again with force true")
			require.Contains(t, apiGet(t, shared.Cluster, "admin", path), `"color":"red"`)
			in["force"] = true
			require.Contains(t, w.ok(t, c, "resources_create_or_update", in), ": data.color\n")
			require.Contains(t, apiGet(t, shared.Cluster, "admin", path), `"data":{"color":"blue","size":"1"}`)
		})
	}
}
