package server

import (
	"context"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/modelcontextprotocol/go-sdk/mcp"
	"github.com/stretchr/testify/require"
)

func fetch(t *testing.T, client *http.Client, url string) (int, string) {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, url, nil)
	require.NoError(t, err)
	resp, err := client.Do(req)
	require.NoError(t, err)
	defer func() { _ = resp.Body.Close() }()
	body, err := io.ReadAll(resp.Body)
	require.NoError(t, err)
	return resp.StatusCode, string(body)
}

// bare is a client without headers, over HTTP/1 or HTTP/2 with prior knowledge.
func bare(t *testing.T, h2 bool) *http.Client {
	t.Helper()
	protocols := new(http.Protocols)
	protocols.SetHTTP1(!h2)
	protocols.SetUnencryptedHTTP2(h2)
	transport := &http.Transport{Protocols: protocols}
	t.Cleanup(transport.CloseIdleConnections)
	return &http.Client{Transport: transport}
}

// TestPaths: health needs no proof, MCP does, nothing else exists.
func TestPaths(t *testing.T) {
	w := newWorld(t, nil)
	for _, h2 := range []bool{false, true} {
		status, body := fetch(t, bare(t, h2), w.url+"/healthz")
		require.Equal(t, http.StatusOK, status)
		require.Equal(t, "ok\n", body)
		for _, path := range []string{"/", "/mcp/", "/mcp/x", "/metrics", "/.well-known/oauth-protected-resource", "/debug/pprof/"} {
			status, _ = fetch(t, bare(t, h2), w.url+path)
			require.Equal(t, http.StatusNotFound, status, path)
		}
		status, body = fetch(t, bare(t, h2), w.url+"/mcp")
		require.Equal(t, http.StatusBadRequest, status)
		require.Contains(t, body, "proof-missing")
	}
}

// TestBodyLimit: 4 MiB, whoever asks.
func TestBodyLimit(t *testing.T) {
	w := newWorld(t, nil)
	status, body := w.post(t, nil, "", message("", "tools/list", `{"x":"`+strings.Repeat("a", maxRequest)+`"}`))
	require.Equal(t, http.StatusOK, status)
	require.Contains(t, body, "request-too-large")
	status, _ = w.post(t, nil, "", message("", "tools/list", `{"x":"`+strings.Repeat("a", maxRequest/2)+`"}`))
	require.Equal(t, http.StatusOK, status)
}

// TestHeaderLimit: what Envoy lets through passes, what nobody sends does not.
func TestHeaderLimit(t *testing.T) {
	w := newWorld(t, nil)
	send := func(size int) int {
		req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, w.url+"/healthz", nil)
		require.NoError(t, err)
		req.Header.Set("X-Large", strings.Repeat("x", size))
		resp, err := bare(t, false).Do(req)
		require.NoError(t, err)
		require.NoError(t, resp.Body.Close())
		return resp.StatusCode
	}
	require.Equal(t, http.StatusOK, send(96<<10))
	require.Equal(t, http.StatusRequestHeaderFieldsTooLarge, send(256<<10))
}

// TestPanicOfTheHandler is an answer too, and its value is not logged.
func TestPanicOfTheHandler(t *testing.T) {
	w := newWorld(t, nil)
	w.handler.mux.HandleFunc("/panic", func(http.ResponseWriter, *http.Request) {
		panic("CANARY") //nolint:forbidigo // what is tested
	})
	w.handler.mux.HandleFunc("/abort", func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) }) //nolint:forbidigo // what is tested
	status, body := fetch(t, bare(t, true), w.url+"/panic")
	require.Equal(t, http.StatusInternalServerError, status)
	require.Contains(t, body, "-32603")
	require.Len(t, w.logs.lines(t, "panic"), 1)
	require.NotContains(t, w.logs.String(), "CANARY")
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, w.url+"/abort", nil)
	require.NoError(t, err)
	_, err = bare(t, true).Do(req)
	require.Error(t, err)
	require.Len(t, w.logs.lines(t, "panic"), 1)
}

// TestTimeouts are set: a test of each would only test net/http.
func TestTimeouts(t *testing.T) {
	w := newWorld(t, nil)
	srv := newHTTPServer(nil, w.limits, nil, w.options.Log)
	for _, d := range []time.Duration{srv.ReadHeaderTimeout, srv.ReadTimeout, srv.WriteTimeout, srv.IdleTimeout} {
		require.Positive(t, d)
	}
	require.Greater(t, srv.WriteTimeout, w.limits.CallTimeout)
}

// TestDrain: the call under way is answered, health says no, then it ends.
func TestDrain(t *testing.T) {
	arrived, answer := make(chan struct{}), make(chan struct{})
	api := newBrokenAPI(t)
	api.objects["/api/v1/pods"] = http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		close(arrived)
		<-answer
		_, _ = io.WriteString(w, `{"kind":"Table","rows":[]}`)
	})
	w := newWorld(t, api)
	s := w.session(t, api.headers("alice-token"))
	done := make(chan string, 1)
	go func() {
		result, err := s.CallTool(t.Context(), &mcp.CallToolParams{Name: "resources_list", Arguments: map[string]any{"apiVersion": "v1", "kind": "Pod"}})
		if err != nil {
			done <- err.Error()
			return
		}
		done <- result.Content[0].(*mcp.TextContent).Text
	}()
	<-arrived
	w.stop()
	require.Eventually(t, w.handler.draining.Load, 5*time.Second, time.Millisecond)
	close(answer)
	require.Equal(t, "0 Pod (v1) in all namespaces\n", <-done)
	require.NoError(t, <-w.stopped)
	w.stopped <- nil // for the clean-up
	require.NotEmpty(t, w.logs.lines(t, "stopped"))
}

// TestDrainBudget cuts off what does not end.
func TestDrainBudget(t *testing.T) {
	arrived, closed := make(chan struct{}), make(chan struct{})
	api := newBrokenAPI(t)
	api.objects["/api/v1/pods"] = http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		close(arrived)
		<-r.Context().Done()
		close(closed)
	})
	w := newWorld(t, api, limited("drain: 100ms"))
	s := w.session(t, api.headers("alice-token"))
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() {
		_, err := s.CallTool(ctx, &mcp.CallToolParams{Name: "resources_list", Arguments: map[string]any{"apiVersion": "v1", "kind": "Pod"}})
		done <- err
	}()
	<-arrived
	w.stop()
	require.NoError(t, <-w.stopped)
	w.stopped <- nil // for the clean-up
	<-closed         // without anybody's cancelling it
	cancel()
	require.Error(t, <-done)
	require.NotEmpty(t, w.logs.lines(t, "calls were cut off at the end of the drain budget"))
}

func TestHealthWhileDraining(t *testing.T) {
	w := newWorld(t, nil)
	w.handler.draining.Store(true)
	status, _ := fetch(t, bare(t, true), w.url+"/healthz")
	require.Equal(t, http.StatusServiceUnavailable, status)
}
