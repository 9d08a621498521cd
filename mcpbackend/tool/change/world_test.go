package change

import (
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"kubernetes-mcp-edge/mcpbackend/brokenapi"
	"kubernetes-mcp-edge/mcpbackend/kube"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// offered is what the API server of these tests has.
var offered = map[string]string{
	"/api/v1": `{"resources":[
		{"name":"pods","kind":"Pod","namespaced":true,"verbs":["create","delete","get","list","patch","update"]},
		{"name":"services","kind":"Service","namespaced":true,"verbs":["create","delete","get","list","patch","update"]},
		{"name":"configmaps","kind":"ConfigMap","namespaced":true,"shortNames":["cm"],"verbs":["create","delete","get","list","patch","update"]},
		{"name":"secrets","kind":"Secret","namespaced":true,"verbs":["create","delete","get","list","patch","update"]},
		{"name":"namespaces","kind":"Namespace","verbs":["create","delete","get","list","patch","update"]},
		{"name":"componentstatuses","kind":"ComponentStatus","verbs":["get","list"]}]}`,
	"/apis/apps/v1": `{"resources":[
		{"name":"deployments","kind":"Deployment","namespaced":true,"verbs":["create","delete","get","list","patch","update"]}]}`,
	"/apis/apiextensions.k8s.io/v1": `{"resources":[
		{"name":"customresourcedefinitions","kind":"CustomResourceDefinition","verbs":["create","delete","get","list","patch","update"]}]}`,
	"/apis/example.com/v1": `404 {"kind":"Status","message":"the server could not find the requested resource"}`,
	"/api":                 `{"kind":"APIGroupDiscoveryList","items":[{"versions":[{"version":"v1","resources":[{"resource":"configmaps","responseKind":{"kind":"ConfigMap"}}]}]}]}`,
	"/apis":                `{"kind":"APIGroupDiscoveryList","items":[]}`,
}

// visit opens such a server with more answers, and the door for a writer.
func visit(t *testing.T, answers map[string]string) (*brokenapi.Server, *kube.Client) {
	t.Helper()
	all := maps.Clone(offered)
	maps.Copy(all, answers)
	h, c := brokenapi.Visit(t, all)
	return h, c.Writing()
}

const (
	cmA    = "/api/v1/namespaces/team-a/configmaps/a"
	secret = "/api/v1/namespaces/team-a/secrets/a"
)

// configMap is one on the server, at a version, with data a: value.
func configMap(version, value string) string {
	return fmt.Sprintf(`{"apiVersion":"v1","kind":"ConfigMap","metadata":{"name":"a","namespace":"team-a","resourceVersion":%q,"managedFields":[{"manager":%q}]},"data":{"a":%q}}`, version, value, value)
}

// manifest is one ConfigMap per name, in team-a.
func manifest(names ...string) string {
	var b strings.Builder
	for _, n := range names {
		fmt.Fprintf(&b, "---\napiVersion: v1\nkind: ConfigMap\nmetadata: {name: %s, namespace: team-a}\ndata: {a: b}\n", n)
	}
	return b.String()
}

// writes are the requests that change something, as METHOD URI.
func writes(h *brokenapi.Server) []string {
	var out []string
	for _, r := range h.Requests() {
		if r.Method != http.MethodGet {
			out = append(out, r.Method+" "+r.URI)
		}
	}
	return out
}

// sent is the body of the last request, decoded.
func sent(t *testing.T, h *brokenapi.Server) map[string]any {
	t.Helper()
	all := h.Requests()
	require.NotEmpty(t, all)
	var v map[string]any
	require.NoError(t, json.Unmarshal([]byte(all[len(all)-1].Body), &v))
	return v
}
