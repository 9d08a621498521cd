package server

import (
	"net/http"
	"strings"
	"testing"

	"github.com/modelcontextprotocol/go-sdk/mcp"
	"github.com/stretchr/testify/require"
)

func TestTheTools(t *testing.T) {
	api := newBrokenAPI(t)
	w := newWorld(t, api)
	list, err := w.session(t, api.headers("alice-token")).ListTools(t.Context(), nil)
	require.NoError(t, err)
	names := make([]string, 0, len(list.Tools))
	for _, tool := range list.Tools {
		names = append(names, tool.Name)
		require.True(t, tool.Annotations.ReadOnlyHint)
		require.False(t, *tool.Annotations.DestructiveHint)
		require.True(t, tool.Annotations.IdempotentHint)
		require.True(t, *tool.Annotations.OpenWorldHint)
		require.NotEmpty(t, tool.Description)
		require.NotNil(t, tool.OutputSchema)
		require.Equal(t, false, tool.InputSchema.(map[string]any)["additionalProperties"], tool.Name)
	}
	require.Subset(t, names, []string{"whoami", "namespaces_list", "resources_list", "resources_get", "pods_list", "pods_log"})
	require.Empty(t, api.asked(), "a list of tools asks no cluster")
}

func TestSchemasAreEnforced(t *testing.T) {
	api := newBrokenAPI(t)
	w := newWorld(t, api)
	s := w.session(t, api.headers("alice-token"))
	for _, arguments := range []map[string]any{
		{"apiVersion": "v1"},
		{"apiVersion": "v1", "kind": "Pod", "nonsense": 1},
		{"apiVersion": "v1", "kind": 7},
		{"apiVersion": "v1", "kind": "Pod", "limit": 501},
		{"apiVersion": "v1", "kind": "Pod", "limit": -1},
	} {
		fails(t, s, "resources_list", arguments)
	}
	require.Empty(t, api.asked())
}

func TestWhoAmI(t *testing.T) {
	api := newBrokenAPI(t)
	w := newWorld(t, api)
	s := w.session(t, api.headers("alice-token", "kubernetes-namespace", "team-a"))
	text, structured := ok(t, s, "whoami", nil)
	require.Equal(t, "User: alice\nGroups: system:authenticated\nServer: "+api.URL+" (Kubernetes v1.37.2)\n"+
		"Default namespace: team-a (from the kubernetes-namespace header)\n", text)
	require.Equal(t, map[string]any{
		"username": "alice", "groups": []any{"system:authenticated"}, "server": api.URL,
		"serverVersion": "v1.37.2", "defaultNamespace": "team-a",
	}, structured)
	ok(t, s, "whoami", nil)
	require.Len(t, api.asked(), 3, "a warm call makes one request")
}

// TestScopes: every list says where it looked, and looks nowhere else.
func TestScopes(t *testing.T) {
	api := newBrokenAPI(t)
	w := newWorld(t, api)
	api.objects["/api/v1/pods"] = table(2, "")
	api.objects["/api/v1/namespaces/team-a/pods"] = table(2, "")
	api.objects["/api/v1/nodes"] = table(1, "")
	api.objects["/api/v1/namespaces"] = table(1, "")
	plain, inTeam := w.session(t, api.headers("alice-token")), w.session(t, api.headers("alice-token", "kubernetes-namespace", "team-a"))
	pods := func(namespace string) map[string]any {
		a := map[string]any{"apiVersion": "v1", "kind": "Pod"}
		if namespace != "" {
			a["namespace"] = namespace
		}
		return a
	}
	for _, test := range []struct {
		s         *mcp.ClientSession
		arguments map[string]any
		path      string
		scope     string
	}{
		{plain, pods(""), "/api/v1/pods", "2 Pod (v1) in all namespaces\n"},
		{plain, pods("*"), "/api/v1/pods", "2 Pod (v1) in all namespaces\n"},
		{plain, pods("team-a"), "/api/v1/namespaces/team-a/pods", "2 Pod (v1) in namespace team-a\n"},
		{inTeam, pods(""), "/api/v1/namespaces/team-a/pods", "2 Pod (v1) in namespace team-a (from the kubernetes-namespace header; pass namespace * for all)\n"},
		{inTeam, pods("*"), "/api/v1/pods", "2 Pod (v1) in all namespaces\n"},
		{inTeam, map[string]any{"apiVersion": "v1", "kind": "Node"}, "/api/v1/nodes", "1 Node (v1) in the cluster\n"},
		{inTeam, map[string]any{"apiVersion": "v1", "kind": "node", "namespace": "team-a"}, "/api/v1/nodes", "1 Node (v1) in the cluster (this kind has no namespaces: the argument was not used)\n"},
	} {
		text, structured := ok(t, test.s, "resources_list", test.arguments)
		require.True(t, strings.HasPrefix(text, test.scope), text)
		require.Equal(t, strings.Contains(test.scope, "all namespaces"), structured["allNamespaces"] == true)
		asked := api.asked()
		query := "?includeObject=None&limit=100"
		if strings.Contains(test.scope, "all namespaces") && test.path != "/api/v1/namespaces/team-a/pods" {
			query = "?limit=100" // the namespace of each is beside its cells
		}
		require.Equal(t, test.path+query, asked[len(asked)-1])
	}
	text, _ := ok(t, plain, "namespaces_list", nil)
	require.Contains(t, text, "1 Namespace (v1) in the cluster\n")
}

func TestListReadsLikeATable(t *testing.T) {
	api := newBrokenAPI(t)
	w := newWorld(t, api)
	api.objects["/api/v1/pods"] = table(2, "token/+=")
	text, structured := ok(t, w.session(t, api.headers("alice-token")), "resources_list",
		map[string]any{"apiVersion": "v1", "kind": "pods", "limit": 2, "labelSelector": "app=web", "fieldSelector": "spec.nodeName=a", "continue": "x"})
	require.Equal(t, `2 Pod (v1) in all namespaces
NAMESPACE  NAME   RESTARTS
team-a     web-0  0
team-a     web-1  1
-- There are 38 more. Call again with the same arguments and continue "token/+=". --
`, text)
	require.Equal(t, map[string]any{
		"apiVersion": "v1", "kind": "Pod", "allNamespaces": true, "count": 2.0, "names": []any{"team-a/web-0", "team-a/web-1"},
		"continue": "token/+=", "remaining": 38.0,
	}, structured)
	asked := api.asked()
	require.Equal(t, "/api/v1/pods?continue=x&fieldSelector=spec.nodeName%3Da&labelSelector=app%3Dweb&limit=2", asked[len(asked)-1])
}

// TestListOverBudget says what is missing, and offers no token that would skip
// what was not shown.
func TestListOverBudget(t *testing.T) {
	api := newBrokenAPI(t)
	w := newWorld(t, api)
	api.objects["/api/v1/pods"] = table(5000, "next")
	text, structured := ok(t, w.session(t, api.headers("alice-token")), "resources_list", map[string]any{"apiVersion": "v1", "kind": "Pod"})
	require.Less(t, len(text), 33<<10)
	require.Equal(t, true, structured["truncated"])
	require.NotContains(t, structured, "continue")
	count := int(structured["count"].(float64))
	require.Len(t, structured["names"], count)
	require.Regexp(t, `\n-- 4900 more rows were left out: the server sent more than the limit of 100, so it does not page\. .* --\n$`, text)
	require.NotContains(t, text, "continue")
	require.Equal(t, count+3, strings.Count(text, "\n"))
}

func TestEmptyList(t *testing.T) {
	api := newBrokenAPI(t)
	w := newWorld(t, api)
	api.objects["/api/v1/pods"] = table(0, "")
	text, structured := ok(t, w.session(t, api.headers("alice-token")), "resources_list", map[string]any{"apiVersion": "v1", "kind": "Pod"})
	require.Equal(t, "0 Pod (v1) in all namespaces\n", text)
	require.Equal(t, []any{}, structured["names"])
}

func TestGet(t *testing.T) {
	api := newBrokenAPI(t)
	w := newWorld(t, api)
	api.objects["/api/v1/namespaces/team-a/pods/web-0"] = map[string]any{
		"apiVersion": "v1", "kind": "Pod", "spec": map[string]any{"nodeName": "node-1", "bytes": 12345678901234567},
		"metadata": map[string]any{"name": "web-0", "namespace": "team-a", "uid": "u-1", "resourceVersion": "7",
			"creationTimestamp": "2026-01-01T00:00:00Z", "managedFields": []any{map[string]any{"manager": "kubectl"}}},
	}
	s := w.session(t, api.headers("alice-token", "kubernetes-namespace", "team-a"))
	text, structured := ok(t, s, "resources_get", map[string]any{"apiVersion": "v1", "kind": "Pod", "name": "web-0"})
	require.Equal(t, `# Pod web-0 (v1) in namespace team-a (from the kubernetes-namespace header)
apiVersion: v1
kind: Pod
metadata:
  creationTimestamp: "2026-01-01T00:00:00Z"
  name: web-0
  namespace: team-a
  resourceVersion: "7"
  uid: u-1
spec:
  bytes: 12345678901234567
  nodeName: node-1
`, text)
	require.Equal(t, map[string]any{
		"apiVersion": "v1", "kind": "Pod", "namespace": "team-a", "name": "web-0", "uid": "u-1", "resourceVersion": "7",
		"creationTimestamp": "2026-01-01T00:00:00Z",
	}, structured, "the structured part is no second copy")
	without := w.session(t, api.headers("alice-token"))
	require.Contains(t, fails(t, without, "resources_get", map[string]any{"apiVersion": "v1", "kind": "Pod", "name": "web-0"}), "call again with namespace")
}

func TestGetOverBudget(t *testing.T) {
	api := newBrokenAPI(t)
	w := newWorld(t, api)
	lines := map[string]any{}
	for i := range 3000 {
		lines[strings.Repeat("k", 20)+string(rune('a'+i%26))+strings.Repeat("x", i/26)] = "some value"
	}
	api.objects["/api/v1/namespaces/team-a/configmaps/big"] = map[string]any{"kind": "ConfigMap", "data": lines}
	text, structured := ok(t, w.session(t, api.headers("alice-token")), "resources_get",
		map[string]any{"apiVersion": "v1", "kind": "ConfigMap", "name": "big", "namespace": "team-a"})
	require.Less(t, len(text), 65<<10)
	require.Equal(t, true, structured["truncated"])
	require.Regexp(t, `\n# -- cut: the first \d+ bytes are shown, and there are more\. Ask for parts of it with fields\. --\n$`, text)
}

// TestNamesAreChecked before anything is asked, and no path escapes.
func TestNamesAreChecked(t *testing.T) {
	api := newBrokenAPI(t)
	w := newWorld(t, api)
	s := w.session(t, api.headers("alice-token"))
	ok(t, s, "whoami", nil)
	before := len(api.asked())
	for _, bad := range []string{"../nodes/node-1/proxy", "a/b", "..", "a%2fb", "a?b", "a#b", " ", "\u202e", strings.Repeat("a", 300)} {
		fails(t, s, "resources_get", map[string]any{"apiVersion": "v1", "kind": "Pod", "namespace": "team-a", "name": bad})
		fails(t, s, "resources_list", map[string]any{"apiVersion": "v1/" + bad, "kind": "Pod"})
		fails(t, s, "resources_list", map[string]any{"apiVersion": "v1", "kind": bad})
	}
	require.Len(t, api.asked(), before)
	for _, bad := range []string{"../nodes/node-1/proxy", "UPPER", "a.b", "a/b"} {
		require.Contains(t, fails(t, s, "resources_list", map[string]any{"apiVersion": "v1", "kind": "Pod", "namespace": bad}), "not the name of a namespace")
		require.Contains(t, fails(t, s, "resources_get", map[string]any{"apiVersion": "v1", "kind": "Pod", "namespace": bad, "name": "a"}), "not the name of a namespace")
	}
	for _, path := range api.asked() {
		require.NotContains(t, path, "proxy")
	}
	require.Contains(t, fails(t, s, "resources_list", map[string]any{"apiVersion": "v1", "kind": "Pod", "labelSelector": strings.Repeat("a", 5000)}), "selector")
}

func TestUnknownKindSuggests(t *testing.T) {
	api := newBrokenAPI(t)
	w := newWorld(t, api)
	s := w.session(t, api.headers("alice-token"))
	require.Equal(t, `This cluster has no kind "Deployment" in apiVersion "v1". Call again with one of these (apiVersion kind): apps/v1 Deployment.`,
		fails(t, s, "resources_list", map[string]any{"apiVersion": "v1", "kind": "Deployment"}))
	require.Contains(t, fails(t, s, "resources_get", map[string]any{"apiVersion": "v1", "kind": "Zebra", "name": "a"}), "Check the spelling")
}

// TestAdviceOfServers: what the API server refuses ends in a next step.
func TestAdviceOfServers(t *testing.T) {
	api := newBrokenAPI(t)
	w := newWorld(t, api)
	refuse := func(status int, body string) http.HandlerFunc {
		return func(w http.ResponseWriter, _ *http.Request) {
			w.WriteHeader(status)
			_, _ = w.Write([]byte(body))
		}
	}
	s := w.session(t, api.headers("alice-token"))
	list := map[string]any{"apiVersion": "v1", "kind": "Pod"}
	for _, test := range []struct {
		status     int
		body, want string
	}{
		{403, `{"kind":"Status","message":"pods is forbidden: User \"alice\" cannot list"}`, `The server said: pods is forbidden: User "alice" cannot list`},
		{403, `{"kind":"Status","message":"a\u001b[31mb\nc\u202ed"}`, "The server said: ab cd"},
		{410, `{"kind":"Status","message":"old"}`, "without continue"},
		{400, `{"kind":"Status","message":"bad selector"}`, "bad selector"},
		{500, `<html>`, "could not answer"},
		{302, ``, "redirect"},
		{200, `{`, "not a Kubernetes API"},
	} {
		api.mu.Lock()
		api.objects["/api/v1/pods"] = refuse(test.status, test.body)
		api.mu.Unlock()
		require.Contains(t, fails(t, s, "resources_list", list), test.want)
	}
}
