package server

import (
	"fmt"
	"net/http"
	"testing"

	"github.com/modelcontextprotocol/go-sdk/mcp"
	"github.com/stretchr/testify/require"
)

// TestAuditLineSaysWhatWasDone: verb, kind and namespace are those of the
// request that the call made for it, and no name or other argument is there.
func TestAuditLineSaysWhatWasDone(t *testing.T) {
	api := newBrokenAPI(t)
	api.objects["/api/v1/pods"] = table(1, "")
	api.objects["/api/v1/namespaces/team-a/pods"] = table(1, "")
	api.objects["/api/v1/namespaces/team-a/secrets/canary-name"] = http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.WriteHeader(http.StatusForbidden)
		_, _ = w.Write([]byte(`{"kind":"Status","message":"canary-text"}`))
	})
	w := newWorld(t, api)
	s := w.session(t, api.headers("alice-token"))
	for _, c := range []struct {
		tool      string
		arguments map[string]any
	}{
		{"whoami", nil},
		{"resources_list", map[string]any{"apiVersion": "v1", "kind": "Pod", "labelSelector": "canary=selector"}},
		{"resources_list", map[string]any{"apiVersion": "v1", "kind": "Pod", "namespace": "team-a"}},
		{"resources_get", map[string]any{"apiVersion": "v1", "kind": "Secret", "namespace": "team-a", "name": "canary-name"}},
		{"resources_get", map[string]any{"apiVersion": "v1", "kind": "Secret", "namespace": "Canary", "name": "canary-name"}},
	} {
		_, err := s.CallTool(t.Context(), &mcp.CallToolParams{Name: c.tool, Arguments: c.arguments})
		require.NoError(t, err)
	}
	got := make([]string, 0, 5)
	for _, l := range w.logs.lines(t, "tool call") {
		got = append(got, fmt.Sprint(l["tool"], " ", l["verb"], " ", l["group"], " ", l["resource"], " ", l["namespace"], " ", l["outcome"], " ", l["trouble"]))
		for name := range l {
			require.Contains(t, []string{
				"time", "level", "msg", "decision", "fingerprint", "tool", "verb", "group", "resource", "namespace", "outcome", "trouble", "duration",
			}, name)
		}
	}
	require.Equal(t, []string{
		"whoami create authentication.k8s.io selfsubjectreviews <nil> ok <nil>",
		"resources_list list  pods <nil> ok <nil>",
		"resources_list list  pods team-a ok <nil>",
		"resources_get get  secrets team-a tool-error forbidden",
		"resources_get <nil> <nil> <nil> <nil> tool-error arguments",
	}, got)
	require.NotContains(t, w.logs.String(), "anary")
}
