package server

import (
	"io"
	"net/http"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"kubernetes-mcp-edge/extproc/kubeheader"
)

// TestOrigin: a page gets through only if the policy names its origin exactly;
// programs, which send none, always do.
func TestOrigin(t *testing.T) {
	api := newBrokenAPI(t)
	w := newWorld(t, api)
	w.rewrite(t, policyFor(api)+"origins: [https://app.example.com]\n")
	client := w.httpClient(t, api.headers("alice-token"), false)
	const list = `{"jsonrpc":"2.0","id":"one","method":"tools/list","params":{}}`
	send := func(method string, origins []string, body string) (int, string) {
		req, err := http.NewRequestWithContext(t.Context(), method, w.url+"/mcp", strings.NewReader(body))
		require.NoError(t, err)
		req.Header.Set("Content-Type", "application/json")
		req.Header.Set("Accept", "application/json, text/event-stream")
		if origins != nil {
			req.Header["Origin"] = origins
		}
		resp, err := client.Do(req)
		require.NoError(t, err)
		defer func() { _ = resp.Body.Close() }()
		answer, err := io.ReadAll(resp.Body)
		require.NoError(t, err)
		return resp.StatusCode, string(answer)
	}
	for _, origins := range [][]string{nil, {"https://app.example.com"}} {
		status, body := send(http.MethodPost, origins, list)
		require.Equal(t, http.StatusOK, status)
		require.Contains(t, body, `"tools"`)
	}
	for name, origins := range map[string][]string{
		"another":      {"https://evil.example.com"},
		"longer":       {"https://app.example.com.evil.example.com"},
		"in the clear": {"http://app.example.com"},
		"another port": {"https://app.example.com:8443"},
		"capitals":     {"https://APP.example.com"},
		"opaque":       {"null"},
		"empty":        {""},
		"two":          {"https://app.example.com", "https://app.example.com"},
		"a list":       {"https://app.example.com https://evil.example.com"},
		"loopback":     {"http://localhost:6274"},
	} {
		status, body := send(http.MethodPost, origins, list)
		require.Equal(t, http.StatusForbidden, status, name)
		require.Contains(t, body, `"id":"one"`)
		require.Contains(t, body, `"reason":"origin-not-allowed"`)
		require.Contains(t, body, kubeheader.ReasonOriginNotAllowed.Problem("").Message)
		require.NotContains(t, body, "example.com")
		status, body = send(http.MethodPost, origins, "{")
		require.Equal(t, http.StatusForbidden, status, name)
		require.NotContains(t, body, `"id"`)
		status, _ = send(http.MethodGet, origins, "")
		require.Equal(t, http.StatusForbidden, status, name)
	}
	w.rewrite(t, policyFor(api))
	status, _ := send(http.MethodPost, []string{"https://app.example.com"}, list)
	require.Equal(t, http.StatusForbidden, status, "the policy names none any more")
	_, series := w.scrape(t)
	require.Equal(t, "31", series(`kube_backend_requests_refused_total{reason="origin-not-allowed"}`))
}
