package e2e

import (
	"bytes"
	"encoding/json"
	"net/http"
	"os"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"kubernetes-mcp-edge/e2e/harness"
	"kubernetes-mcp-edge/e2e/rig"
	"kubernetes-mcp-edge/extproc/kubeheader"
)

// accessLine waits for the one line of a decision in Envoy's access log.
func accessLine(t *testing.T, s *harness.Stack, decision string) map[string]any {
	t.Helper()
	reasonAccessLog(t, s, decision)
	log, err := os.ReadFile(s.AccessLogFile())
	require.NoError(t, err)
	var found []map[string]any
	for line := range bytes.Lines(log) {
		if bytes.Contains(line, []byte(decision)) {
			var fields map[string]any
			require.NoError(t, json.Unmarshal(line, &fields))
			found = append(found, fields)
		}
	}
	require.Len(t, found, 1)
	return found[0]
}

// TestAccessLog: what the caller was told, what the guard logged and what Envoy
// logged are one decision, on accept and on reject, and no value of a header is
// in any of them.
func TestAccessLog(t *testing.T) {
	for _, http2 := range []bool{false, true} {
		for _, user := range []struct {
			headers    harness.Headers
			credential string
		}{
			{shared.Cluster.Token("alice"), "token"}, {shared.Cluster.Certificate("alice"), "client-certificate"},
		} {
			client := rig.NewClient(t, http2)
			accepted, err := client.Post(t.Context(), shared.Stack.URL, asClient(user.headers, ""), rig.Call)
			require.NoError(t, err)
			decision := accepted.Header.Get("X-Request-ID")
			line := accessLine(t, shared.Stack, decision)
			require.Equal(t, "allow", line["verdict"])
			require.Empty(t, line["reason"])
			require.Equal(t, decision, line["decision"])
			require.Equal(t, decision, line["guard_decision"])
			require.Equal(t, "via_upstream", line["details"])
			require.InEpsilon(t, http.StatusOK, line["status"], 0)
			requireWellFormed(t, line, http2)
			require.NotEmpty(t, line["credential"])
			require.NotEmpty(t, reasonLines(shared.Stack.MCPBackend.Output())[decision], "the backend acted under the same id")

			rejected, err := client.Post(t.Context(), shared.Stack.URL, asClient(user.headers, "").With(kubeheader.Server, "https://203.0.113.9:7"), rig.Call)
			require.NoError(t, err)
			rpc, err := rejected.RPC()
			require.NoError(t, err)
			require.NotNil(t, rpc.Error)
			decision = rpc.Error.Data.Decision
			line = accessLine(t, shared.Stack, decision)
			require.Equal(t, "reject", line["verdict"])
			require.Equal(t, rpc.Error.Data.Reason, line["reason"])
			require.Equal(t, rpc.Error.Data.Reason, line["details"])
			require.Equal(t, decision, line["decision"])
			require.Equal(t, decision, line["guard_decision"])
			requireWellFormed(t, line, http2)
			guard := reasonLines(shared.Stack.Extproc.Output())[decision]
			require.Len(t, guard, 1)
			require.Equal(t, rpc.Error.Data.Reason, guard[0].Reason)

			log, err := os.ReadFile(shared.Stack.AccessLogFile())
			require.NoError(t, err)
			for _, h := range user.headers {
				for _, spelt := range leakSpellings(h.Value) {
					require.False(t, bytes.Contains(log, []byte(spelt)), "a value of %s is in the access log", h.Name)
				}
			}
			require.NotContains(t, string(log), "203.0.113.9")
		}
	}
}

// requireWellFormed looks at what every line has.
func requireWellFormed(t *testing.T, line map[string]any, http2 bool) {
	t.Helper()
	protocol := "HTTP/1.1"
	if http2 {
		protocol = "HTTP/2"
	}
	require.Equal(t, protocol, line["protocol"])
	require.Equal(t, "POST", line["method"])
	require.Equal(t, "/mcp", line["path"])
	require.IsType(t, float64(0), line["duration_ms"])
	require.Contains(t, line, "flags")
	names := make([]string, 0, len(line))
	for name := range line {
		names = append(names, name)
	}
	require.ElementsMatch(t, strings.Fields("time decision guard_decision verdict reason credential method path protocol status details flags duration_ms bytes_received bytes_sent peer"), names)
}
