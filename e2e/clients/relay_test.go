package clients

import (
	"io"
	"log"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"testing"

	"github.com/stretchr/testify/require"

	"kubernetes-mcp-edge/e2e/harness"
)

// relay starts a reverse proxy in front of the endpoint and returns the URL to
// use instead. It shows each request to edit, and changes nothing else, Host
// included.
func relay(tb testing.TB, edit func(*http.Request)) string {
	tb.Helper()
	target, err := url.Parse(world.Stack.URL)
	require.NoError(tb, err)
	transport := &http.Transport{DisableCompression: true}
	server := httptest.NewServer(&httputil.ReverseProxy{
		Transport: transport,
		ErrorLog:  log.New(io.Discard, "", 0), // of requests that a client gave up on purpose
		Rewrite: func(r *httputil.ProxyRequest) {
			r.Out.URL.Scheme, r.Out.URL.Host = target.Scheme, target.Host
			edit(r.Out)
		},
	})
	tb.Cleanup(transport.CloseIdleConnections)
	tb.Cleanup(server.Close)
	return server.URL + target.Path
}

// addHeaders is a relay that adds these headers to each request: the conformance
// suite has no option for them.
func addHeaders(tb testing.TB, headers harness.Headers) string {
	tb.Helper()
	return relay(tb, func(r *http.Request) {
		for _, h := range headers {
			r.Header.Set(h.Name, h.Value)
		}
	})
}
