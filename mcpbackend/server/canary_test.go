package server

import (
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/modelcontextprotocol/go-sdk/mcp"
	"github.com/stretchr/testify/require"
)

// spellings are the ways in which a canary could be found.
func spellings(canary string) map[string]string {
	return map[string]string{
		"raw": canary, "base64": base64.StdEncoding.EncodeToString([]byte(canary))[:len(canary)*4/3-2], "hex": hex.EncodeToString([]byte(canary)),
	}
}

func requireNoCanary(t *testing.T, where, text string, canaries ...string) {
	t.Helper()
	for _, canary := range canaries {
		for how, spelling := range spellings(canary) {
			require.NotContains(t, text, spelling, "%s in %s", how, where)
		}
	}
}

// credentials are shapes that are secret wherever they stand.
const (
	bootstrapToken = "abcdef.0123456789abcdef"
	serviceToken   = "eyJhbGciOiJSUzI1NiJ9.eyJzdWIiOiJzeXN0ZW0ifQ.Q0FOQVJZ"
	privateKey     = "-----BEGIN RSA PRIVATE KEY-----\nQ0FOQVJZ\n-----END RSA PRIVATE KEY-----\n"
)

// whole is everything that a client receives.
func whole(t *testing.T, result *mcp.CallToolResult) string {
	t.Helper()
	text, err := json.Marshal(result)
	require.NoError(t, err)
	return string(text)
}

// TestSecretsAreRedacted in text and structure, in a Secret, in copies of one,
// and in objects that embed one.
func TestSecretsAreRedacted(t *testing.T) {
	secretData := map[string]any{"password": base64.StdEncoding.EncodeToString([]byte(canarySecret)), "empty": ""}
	copied := `{"kind":"Secret","stringData":{"password":"` + canarySecret + `"}}`
	metadata := map[string]any{"name": "a", "annotations": map[string]any{
		"kubectl.kubernetes.io/last-applied-configuration": copied, "example.com/own-copy": copied, "example.com/team": "a",
	}}
	api := newBrokenAPI(t)
	for path, object := range map[string]any{
		"secrets/a":    map[string]any{"kind": "Secret", "type": "bootstrap.kubernetes.io/token", "metadata": metadata, "data": secretData, "stringData": secretData},
		"secrets/b":    map[string]any{"kind": "Liar", "metadata": metadata, "data": secretData},
		"configmaps/a": map[string]any{"kind": "ConfigMap", "metadata": map[string]any{"annotations": map[string]any{"kubectl.kubernetes.io/last-applied-configuration": copied}}, "data": map[string]any{"x": "y"}},
		"configmaps/b": map[string]any{"kind": "Wrapper", "spec": map[string]any{"manifests": []any{map[string]any{"kind": "Secret", "data": secretData}}}},
		"configmaps/c": map[string]any{"kind": "SecretList", "items": []any{map[string]any{"data": secretData}}},
		"configmaps/d": map[string]any{"kind": "ConfigMap", "data": map[string]any{
			"bootstrap": "kubeadm join --token " + bootstrapToken, "sa": "token: " + serviceToken, "key": privateKey,
			"kubeconfig": "client-key-data: " + base64.StdEncoding.EncodeToString([]byte(privateKey)),
		}},
	} {
		api.objects["/api/v1/namespaces/team-a/"+path] = object
	}
	w := newWorld(t, api)
	s := w.session(t, api.headers(canaryToken))
	get := func(kind, name string) (string, map[string]any) {
		text, structured, result := call(t, s, "resources_get", map[string]any{"apiVersion": "v1", "kind": kind, "name": name, "namespace": "team-a"})
		require.False(t, result.IsError, text)
		requireNoCanary(t, kind+" "+name, whole(t, result), canarySecret, bootstrapToken, serviceToken, "Q0FOQVJZ")
		return text, structured
	}
	text, structured := get("Secret", "a")
	require.Contains(t, text, "password: '[redacted]'")
	require.Contains(t, text, `empty: ""`, "that a value is empty is no secret")
	require.Contains(t, text, "example.com/team: a")
	require.Equal(t, []any{
		"data.password", "metadata.annotations.example.com/own-copy",
		"metadata.annotations.kubectl.kubernetes.io/last-applied-configuration", "stringData.password",
	}, structured["redacted"])
	get("Secret", "b")
	text, _ = get("ConfigMap", "a")
	require.Contains(t, text, "x: \"y\"")
	for _, name := range []string{"b", "c", "d"} {
		text, structured = get("ConfigMap", name)
		require.Contains(t, text, "[redacted]")
		require.NotEmpty(t, structured["redacted"])
	}
	requireNoCanary(t, "the log", w.logs.String(), canaryToken, canarySecret)
}

// TestTablesAreRedacted: a custom column may print anything.
func TestTablesAreRedacted(t *testing.T) {
	api := newBrokenAPI(t)
	printed := table(1, serviceToken)
	printed["rows"].([]any)[0].(map[string]any)["cells"] = []any{"web-0\n\x1b]8;;http://evil\x07\u202e", bootstrapToken + " " + serviceToken, ""}
	api.objects["/api/v1/pods"] = printed
	w := newWorld(t, api)
	_, _, result := call(t, w.session(t, api.headers(canaryToken)), "resources_list", map[string]any{"apiVersion": "v1", "kind": "Pod"})
	requireNoCanary(t, "the table", whole(t, result), bootstrapToken, serviceToken)
	require.Contains(t, result.Content[0].(*mcp.TextContent).Text, "the server's continue token cannot be used")
	require.NotContains(t, result.StructuredContent, "continue", "half a token continues nothing")
	for _, bad := range []string{"evil", "\\u001b", "\\u202e", "\u202e"} {
		require.NotContains(t, whole(t, result), bad)
	}
}

// TestHostileText: what steers terminals and readers is gone from YAML too.
func TestHostileText(t *testing.T) {
	api := newBrokenAPI(t)
	api.objects["/api/v1/namespaces/team-a/configmaps/a"] = map[string]any{"kind": "ConfigMap", "data": map[string]any{
		"a\x1b[2J\u200bb": "red\x1b[31m\u202e\u2066\U000E0041 text\r\nsecond",
	}}
	w := newWorld(t, api)
	text, _ := ok(t, w.session(t, api.headers("alice-token")), "resources_get", map[string]any{"apiVersion": "v1", "kind": "ConfigMap", "name": "a", "namespace": "team-a"})
	require.Equal(t, "# ConfigMap a (v1) in namespace team-a\ndata:\n  ab: |-\n    red text\n    second\nkind: ConfigMap\n", text)
}

// TestTheTokenStaysInside: a server echoes it wherever it can, and the log is
// at debug.
func TestTheTokenStaysInside(t *testing.T) {
	api := newBrokenAPI(t)
	echo := func(status int) http.HandlerFunc {
		return func(w http.ResponseWriter, r *http.Request) {
			token := strings.TrimPrefix(r.Header.Get("Authorization"), "Bearer ")
			w.Header().Set("X-Token", token)
			w.Header().Set("Warning", `299 - "`+token+`"`)
			w.WriteHeader(status)
			writeJSON(w, map[string]any{
				"kind": "Status", "message": token, "metadata": map[string]any{"name": token, "uid": token, "continue": token},
				"data": map[string]any{token: token}, "items": []any{map[string]any{"metadata": map[string]any{"name": token, "namespace": token}}},
			})
		}
	}
	statuses := []int{200, 403, 401, 500, 404}
	for i, status := range statuses {
		api.objects["/api/v1/namespaces/team-a/configmaps/"+string(rune('a'+i))] = echo(status)
	}
	api.objects["/api/v1/pods"] = echo(200)
	w := newWorld(t, api)
	s := w.session(t, api.headers("Bearer "+canaryToken))
	for i, status := range statuses {
		result, err := s.CallTool(t.Context(), &mcp.CallToolParams{Name: "resources_get", Arguments: map[string]any{
			"apiVersion": "v1", "kind": "ConfigMap", "namespace": "team-a", "name": string(rune('a' + i)),
		}})
		if status == http.StatusUnauthorized {
			require.Error(t, err)
			requireNoCanary(t, "the error", fmt.Sprintf("%+v", err), canaryToken)
			continue
		}
		require.NoError(t, err)
		requireNoCanary(t, "the answer", whole(t, result), canaryToken)
	}
	_, _, result := call(t, s, "resources_list", map[string]any{"apiVersion": "v1", "kind": "Pod"})
	requireNoCanary(t, "the list", whole(t, result), canaryToken)
	_, _, result = call(t, s, "resources_list", map[string]any{"apiVersion": "v1", "kind": "Pod", "labelSelector": canarySecret})
	require.NotNil(t, result)
	requireNoCanary(t, "the log", w.logs.String(), canaryToken, canarySecret)
	require.NotEmpty(t, w.logs.lines(t, "tool call"))
}

// TestTheTokenIsNoName: of an owner that cannot be read, or of a kind.
func TestTheTokenIsNoName(t *testing.T) {
	const word = "CANARYbearer1f9d" // is a kind, and a name
	api := newBrokenAPI(t)
	api.objects["/api/v1/namespaces/team-a/pods/a"] = map[string]any{"kind": "Pod", "metadata": map[string]any{
		"name": "a", "namespace": "team-a", "ownerReferences": []any{map[string]any{"apiVersion": "apps/v1", "kind": "ReplicaSet", "name": word, "controller": true}},
	}}
	api.objects["/apis/example.com/v1"] = map[string]any{"resources": []any{kindOf("widgets", word, true)}}
	api.objects["/apis/example.com/v1/namespaces/team-a/widgets/a"] = map[string]any{"metadata": map[string]any{"name": "a"}}
	api.objects["/api"] = map[string]any{"items": []any{map[string]any{
		"versions": []any{map[string]any{"version": "v1", "resources": []any{map[string]any{"resource": "widgets", "responseKind": map[string]any{"kind": word}}}}},
	}}}
	s := newWorld(t, api).session(t, api.headers("Bearer "+word))
	for tool, arguments := range map[string]map[string]any{
		"diagnose":       {"kind": "Pod", "name": "a", "namespace": "team-a"},
		"resources_get":  {"apiVersion": "example.com/v1", "kind": "widgets", "name": "a", "namespace": "team-a"},
		"resources_list": {"kind": "widgetz"},
	} {
		_, _, result := call(t, s, tool, arguments)
		requireNoCanary(t, tool, whole(t, result), word)
		require.Contains(t, whole(t, result), "[redacted]", tool)
	}
}
