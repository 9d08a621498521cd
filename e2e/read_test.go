package e2e

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"kubernetes-mcp-edge/e2e/harness"
	"kubernetes-mcp-edge/e2e/rig"
)

// reader calls tools of a stack as one caller.
type reader struct {
	client  *harness.Client
	url     string
	headers harness.Headers
}

// reading is a reader of the shared stack.
func reading(t *testing.T, headers harness.Headers) reader {
	t.Helper()
	return reader{rig.NewClient(t, true), shared.Stack.URL, headers}
}

type args = map[string]any

func (r reader) call(t *testing.T, tool string, in args) harness.ToolResult {
	t.Helper()
	text, err := json.Marshal(in)
	require.NoError(t, err)
	got, rpc, err := r.client.CallTool(t.Context(), r.url, r.headers, tool, string(text))
	require.NoError(t, err)
	require.Nil(t, rpc.Error)
	require.NotContains(t, got.Text()+string(got.Structured), "do-not-show", "the value of a Secret in the answer of %s", tool)
	return got
}

// ok is the text of a call that succeeds, and its structured part.
func (r reader) ok(t *testing.T, tool string, in args) (string, args) {
	t.Helper()
	got := r.call(t, tool, in)
	require.False(t, got.IsError, got.Text())
	var structured args
	require.NoError(t, json.Unmarshal(got.Structured, &structured))
	return got.Text(), structured
}

// mistake is the text of a call that fails.
func (r reader) mistake(t *testing.T, tool string, in args) string {
	t.Helper()
	got := r.call(t, tool, in)
	require.True(t, got.IsError, got.Text())
	return got.Text()
}

// TestReadLists: kinds by any name and without an apiVersion, in each form; and
// what callers get wrong most: the kind, the namespace, the selector.
func TestReadLists(t *testing.T) {
	for _, c := range shared.Callers() {
		r := reading(t, c.Headers)
		for _, kind := range []string{"Deployment", "deployments", "deploy", "deployment"} {
			text, out := r.ok(t, "resources_list", args{"kind": kind, "namespace": c.Namespace, "output": "names"})
			require.Equal(t, "3 Deployment (apps/v1) in namespace "+c.Namespace+"\nimporter\nrenderer\nweb\n", text)
			require.NotContains(t, out, "names")
		}
		text, out := r.ok(t, "resources_list", args{"kind": "po", "namespace": c.Namespace, "labelSelector": "app=web", "output": "count"})
		require.Equal(t, "2 Pod (v1) in namespace "+c.Namespace+"\n", text)
		require.InDelta(t, 2, out["count"], 0)

		first, out := r.ok(t, "resources_list", args{"kind": "Pod", "namespace": c.Namespace, "limit": 3})
		require.Contains(t, first, "-- There are 1 more. Call again with the same arguments and continue ")
		rest, _ := r.ok(t, "resources_list", args{"kind": "Pod", "namespace": c.Namespace, "limit": 3, "continue": out["continue"]})
		require.Contains(t, rest, "1 Pod (v1) in namespace "+c.Namespace+"\n")

		text, _ = r.ok(t, "resources_list", args{"kind": "Pod", "namespace": c.Namespace, "labelSelector": "app=web", "fields": []string{"status.phase", "spec.containers[*].image"}})
		require.Equal(t, 2, count(text, `web-\S+ +Running +registry.example.com/web:1`), text)
		text, _ = r.ok(t, "resources_list", args{"kind": "Secret", "namespace": c.Namespace, "output": "yaml"})
		require.Contains(t, text, "password: '[redacted]'")

		require.Contains(t, r.mistake(t, "resources_list", args{"kind": "Deploymnet", "namespace": c.Namespace}), "apps/v1 Deployment")
		require.Contains(t, r.mistake(t, "resources_list", args{"apiVersion": "v1", "kind": "Deployment", "namespace": c.Namespace}), "Call again with one of these (apiVersion kind): apps/v1 Deployment.")
		require.Contains(t, r.mistake(t, "resources_list", args{"kind": "Pod", "namespace": c.Foreign}), "The cluster's RBAC does not allow this to the caller.")
		require.Contains(t, r.mistake(t, "resources_list", args{"kind": "Pod", "namespace": c.Namespace, "labelSelector": "a==b==c"}), "above all the selectors")
		require.Contains(t, r.mistake(t, "resources_list", args{"kind": "Pod", "namespace": c.Namespace, "fields": []string{"{.a}"}}), "is no path")
	}
}

// TestReadNamespaces: the admin sees them; a tenant is told that he may not.
func TestReadNamespaces(t *testing.T) {
	text, _ := reading(t, shared.Cluster.Token("admin")).ok(t, "namespaces_list", args{"fieldSelector": "metadata.name=team-a"})
	require.Regexp(t, `^1 Namespace \(v1\) in the cluster\nNAME +STATUS +AGE\nteam-a +Active `, text)
	for _, c := range shared.Callers() {
		require.Contains(t, reading(t, c.Headers).mistake(t, "namespaces_list", args{}), "The cluster's RBAC does not allow this to the caller.")
	}
}

// TestReadObjects: one, several of which one is missing, and parts of one.
func TestReadObjects(t *testing.T) {
	for _, c := range shared.Callers() {
		r := reading(t, c.Headers)
		text, out := r.ok(t, "resources_get", args{"kind": "Secret", "name": "database", "namespace": c.Namespace})
		require.Contains(t, text, "password: '[redacted]'")
		require.Equal(t, []any{"data.password"}, out["redacted"])
		text, out = r.ok(t, "resources_get", args{"kind": "cm", "names": []string{"settings", "nope", "feature-flags"}, "namespace": c.Namespace})
		require.True(t, strings.HasPrefix(text, "# 2 of 3 ConfigMap (v1) in namespace "+c.Namespace+"\n# nope: There is no such object."), text)
		require.Equal(t, []any{"settings", "feature-flags"}, out["names"])
		require.Equal(t, []any{"nope"}, out["failed"])
		text, _ = r.ok(t, "resources_get", args{"kind": "cm", "name": "settings", "namespace": c.Namespace, "fields": []string{"data.team", "metadata.labels['owner']"}})
		require.Equal(t, "# ConfigMap settings (v1) in namespace "+c.Namespace+"\ndata.team: "+c.Namespace+"\nmetadata.labels['owner']: "+c.User+"\n", text)
		require.Contains(t, r.mistake(t, "resources_get", args{"kind": "cm", "name": "nope", "namespace": c.Namespace}), "There is no such object.")
		require.Contains(t, r.mistake(t, "resources_get", args{"kind": "cm", "name": "settings"}), "call again with namespace")
		require.Contains(t, r.mistake(t, "resources_get", args{"kind": "cm", "name": "settings", "namespace": c.Foreign}), "RBAC")
	}
}

// TestReadWhoAmI: with what the caller may do in a namespace.
func TestReadWhoAmI(t *testing.T) {
	for _, c := range shared.Callers() {
		r := reading(t, c.Headers)
		text, _ := r.ok(t, "whoami", args{"namespace": c.Namespace})
		require.Contains(t, text, "User: "+c.User+"\n")
		require.Contains(t, text, "May in namespace "+c.Namespace+" (verbs: resources):\n")
		require.Contains(t, text, "\n- get list watch: * *.apps *.batch *.events.k8s.io\n")
		text, _ = r.ok(t, "whoami", args{"namespace": c.Foreign})
		require.NotContains(t, text, "get list watch: *")
		require.Contains(t, r.mistake(t, "whoami", args{"namespace": "*"}), "one namespace")
	}
}
