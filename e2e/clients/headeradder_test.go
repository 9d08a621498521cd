package clients

import (
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"testing"

	"github.com/stretchr/testify/require"

	"kubernetes-mcp-edge/e2e/harness"
)

// addHeaders starts a reverse proxy in front of the endpoint that adds these
// headers to each request and changes nothing else, Host included: the
// conformance suite has no option for headers. It returns the URL to use instead.
func addHeaders(tb testing.TB, endpoint string, headers harness.Headers) string {
	tb.Helper()
	target, err := url.Parse(endpoint)
	require.NoError(tb, err)
	transport := &http.Transport{DisableCompression: true}
	server := httptest.NewServer(&httputil.ReverseProxy{
		Transport: transport,
		Rewrite: func(r *httputil.ProxyRequest) {
			r.Out.URL.Scheme, r.Out.URL.Host = target.Scheme, target.Host
			for _, h := range headers {
				r.Out.Header.Set(h.Name, h.Value)
			}
		},
	})
	tb.Cleanup(transport.CloseIdleConnections)
	tb.Cleanup(server.Close)
	return server.URL + target.Path
}
