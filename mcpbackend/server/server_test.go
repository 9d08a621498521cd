package server

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/modelcontextprotocol/go-sdk/jsonrpc"
	"github.com/modelcontextprotocol/go-sdk/mcp"
	"github.com/stretchr/testify/require"

	"kubernetes-mcp-edge/extproc/kubeheader"
	"kubernetes-mcp-edge/mcpbackend/kube"
	"kubernetes-mcp-edge/mcpbackend/tool"
)

// eras are the protocol versions that clients speak; "" is no header.
var eras = []string{"", "2024-11-05", "2025-03-26", "2025-06-18", "2025-11-25", "2026-07-28"}

// message is a request as a client of the era writes it.
func message(era, method, params string) string {
	if era >= "2026-07-28" {
		meta := `"_meta":{"io.modelcontextprotocol/protocolVersion":"` + era + `","io.modelcontextprotocol/clientCapabilities":{},"io.modelcontextprotocol/clientInfo":{"name":"t","version":"1"}}`
		rest := strings.TrimPrefix(params, "{")
		if rest != "}" {
			rest = "," + rest
		}
		params = "{" + meta + rest
	}
	return `{"jsonrpc":"2.0","id":"one","method":"` + method + `","params":` + params + `}`
}

// result reads the answer out of an event stream or a plain body.
func result(t *testing.T, body string) map[string]any {
	t.Helper()
	for l := range strings.Lines(body) {
		if data, ok := strings.CutPrefix(l, "data: "); ok {
			body = data
		}
	}
	var m map[string]any
	require.NoError(t, json.Unmarshal([]byte(body), &m), body)
	require.Equal(t, "one", m["id"])
	require.NotContains(t, m, "error", body)
	return m["result"].(map[string]any)
}

// onlyLists wants capabilities without logging and without changes of lists: no
// request outlives its answer, so nobody could be told.
func onlyLists(t *testing.T, capabilities any) {
	t.Helper()
	named, ok := capabilities.(map[string]any)
	require.True(t, ok)
	require.Contains(t, named, "tools")
	for name, what := range named {
		require.Contains(t, []string{"tools", "prompts"}, name)
		require.Empty(t, what, name)
	}
}

// TestBothEras: every revision is served without a session.
func TestBothEras(t *testing.T) {
	api := newBrokenAPI(t)
	w := newWorld(t, api)
	for _, era := range eras {
		t.Run(era, func(t *testing.T) {
			if era < "2026-07-28" {
				asked := era
				if era == "" {
					asked = "2024-11-05"
				}
				status, body := w.post(t, api.headers("alice-token"), era, message(era, "initialize",
					`{"protocolVersion":"`+asked+`","capabilities":{},"clientInfo":{"name":"t","version":"1"}}`))
				require.Equal(t, http.StatusOK, status, body)
				initialized := result(t, body)
				require.Equal(t, asked, initialized["protocolVersion"])
				onlyLists(t, initialized["capabilities"])
				require.Contains(t, initialized["instructions"], "whoami")
			} else {
				status, body := w.post(t, api.headers("alice-token"), era, message(era, "server/discover", `{}`))
				require.Equal(t, http.StatusOK, status, body)
				discovered := result(t, body)
				require.Equal(t, "private", discovered["cacheScope"])
				onlyLists(t, discovered["capabilities"])
			}
			status, body := w.post(t, api.headers("alice-token"), era, message(era, "tools/list", `{}`))
			require.Equal(t, http.StatusOK, status, body)
			listed := result(t, body)
			require.Greater(t, len(listed["tools"].([]any)), 3)
			if era >= "2026-07-28" {
				require.Equal(t, "private", listed["cacheScope"])
			}
			status, body = w.post(t, api.headers("bob-token"), era, message(era, "tools/call", `{"name":"whoami","arguments":{}}`))
			require.Equal(t, http.StatusOK, status, body)
			require.Contains(t, body, "User: bob")
		})
	}
}

// TestTwoCallersOneConnection alternates on one HTTP/2 connection: identity
// comes from the request and from nothing that outlives it.
func TestTwoCallersOneConnection(t *testing.T) {
	api := newBrokenAPI(t)
	w := newWorld(t, api)
	client := w.httpClient(t, nil, true)
	base := client.Transport.(*guarded).base
	ask := func(user string) string {
		req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, w.url+"/mcp", strings.NewReader(message("", "tools/call", `{"name":"whoami","arguments":{}}`)))
		require.NoError(t, err)
		req.Header.Set("Content-Type", "application/json")
		req.Header.Set("Accept", "application/json, text/event-stream")
		req.Header.Set("Mcp-Session-Id", "one-for-both")
		require.NoError(t, w.seal(req.Header, api.headers(user+"-token")))
		resp, err := base.RoundTrip(req)
		if err != nil {
			return err.Error()
		}
		defer func() { _ = resp.Body.Close() }()
		require.Equal(t, 2, resp.ProtoMajor)
		body, err := io.ReadAll(resp.Body)
		require.NoError(t, err)
		return string(body)
	}
	answers := make(chan error, 64)
	for i := range cap(answers) {
		go func() {
			user := []string{"alice", "bob"}[i%2]
			if body := ask(user); !strings.Contains(body, "User: "+user) {
				answers <- fmt.Errorf("%s got %s", user, body)
				return
			}
			answers <- nil
		}()
	}
	for range cap(answers) {
		require.NoError(t, <-answers)
	}
}

// TestNoProofNoService: raw headers reach nothing.
func TestNoProofNoService(t *testing.T) {
	api := newBrokenAPI(t)
	w := newWorld(t, api)
	for name, change := range map[string]func(http.Header){
		"bare headers": func(h http.Header) {
			for _, name := range []string{kubeheader.Signature, kubeheader.SignatureInput, kubeheader.Fingerprint} {
				h.Del(name)
			}
		},
		"another token":   func(h http.Header) { h.Set(kubeheader.Authorization, "Bearer bob-token") },
		"an added header": func(h http.Header) { h.Set(kubeheader.Namespace, "team-b") },
		"a dropped one":   func(h http.Header) { h.Del(kubeheader.CertificateAuthority) },
	} {
		t.Run(name, func(t *testing.T) {
			req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, w.url+"/mcp", strings.NewReader(message("", "tools/call", `{"name":"whoami","arguments":{}}`)))
			require.NoError(t, err)
			require.NoError(t, w.seal(req.Header, api.headers("alice-token")))
			change(req.Header)
			req.Header.Set("Content-Type", "application/json")
			req.Header.Set("Accept", "application/json, text/event-stream")
			transport := &http.Transport{}
			defer transport.CloseIdleConnections()
			resp, err := transport.RoundTrip(req)
			require.NoError(t, err)
			body, err := io.ReadAll(resp.Body)
			require.NoError(t, err)
			require.NoError(t, resp.Body.Close())
			require.Contains(t, string(body), `"reason":"proof-`)
			require.Contains(t, string(body), `"id":"one"`)
		})
	}
	require.Empty(t, api.asked())
}

// TestPanicsAreAnswers: a tool panics, another method panics, and the process
// serves on.
func TestPanicsAreAnswers(t *testing.T) {
	api := newBrokenAPI(t)
	w := newWorld(t, api)
	var nothing map[string]int
	w.with(t, []tool.Tool{tool.New(mcp.Tool{Name: "whoami"}, tool.Options{Toolset: tool.Core},
		func(context.Context, *kube.Client, struct{}) (string, any, error) {
			panic("CANARY of a panic") //nolint:forbidigo // what is tested
		})}, []tool.Prompt{tool.NewPrompt(mcp.Prompt{Name: "bad"}, tool.Core, func(context.Context, *kube.Client, map[string]string) (string, error) {
		nothing["x"] = 1
		return "", nil
	})})
	s := w.session(t, api.headers("alice-token"))
	for range 2 {
		require.Contains(t, fails(t, s, "whoami", nil), "the server failed on this request")
		_, err := s.GetPrompt(t.Context(), &mcp.GetPromptParams{Name: "bad"})
		var wire *jsonrpc.Error
		require.ErrorAs(t, err, &wire)
		require.EqualValues(t, jsonrpc.CodeInternalError, wire.Code)
	}
	lines := w.logs.lines(t, "panic")
	require.Len(t, lines, 4)
	require.Equal(t, decision, lines[0]["decision"])
	require.Contains(t, lines[0]["stack"], "server_test.go")
	require.Equal(t, "string", lines[0]["panic"])
	require.Contains(t, lines[1]["panic"], "nil map")
	require.NotContains(t, w.logs.String(), "CANARY")
	require.Equal(t, "panic", w.logs.lines(t, "tool call")[0]["outcome"])
}

// TestAuditLines: one per call, with everything to join logs and nothing that
// a caller or a cluster wrote.
func TestAuditLines(t *testing.T) {
	api := newBrokenAPI(t)
	w := newWorld(t, api)
	s := w.session(t, api.headers("alice-token"))
	ok(t, s, "whoami", nil)
	fails(t, s, "resources_get", map[string]any{"apiVersion": "v1", "kind": "Pod", "namespace": "CANARY", "name": "x"})
	fails(t, s, "resources_get", map[string]any{"apiVersion": "v1", "kind": "Canary", "namespace": "a", "name": "x"})
	fails(t, s, "resources_get", map[string]any{"apiVersion": "v1", "kind": "Pod", "namespace": "team-a", "name": "canary-name"})
	_, err := s.CallTool(t.Context(), &mcp.CallToolParams{Name: "CANARY"})
	require.Error(t, err)
	fails(t, w.session(t, nil), "whoami", nil)
	got := make([]string, 0, 6)
	for _, l := range w.logs.lines(t, "tool call") {
		require.Equal(t, decision, l["decision"])
		require.NotEmpty(t, l["fingerprint"])
		_, err := time.ParseDuration(l["duration"].(string))
		require.NoError(t, err)
		got = append(got, fmt.Sprint(l["tool"], " ", l["outcome"], " ", l["trouble"]))
	}
	require.Equal(t, []string{
		"whoami ok <nil>", "resources_get tool-error arguments", "resources_get tool-error unknown-kind",
		"resources_get tool-error no-such-api", "unknown rejected not-offered", "whoami tool-error anonymous",
	}, got)
	require.NotContains(t, strings.ToUpper(w.logs.String()), "CANARY")
}
