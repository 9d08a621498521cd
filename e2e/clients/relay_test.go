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
)

// relay is a reverse proxy in front of an endpoint. It shows each request to a
// function, and changes nothing else, Host included.
type relay struct {
	server *httptest.Server
	target *url.URL
}

func newRelay(tb testing.TB, edit func(*http.Request)) *relay {
	tb.Helper()
	transport := &http.Transport{DisableCompression: true}
	r := new(relay)
	r.server = httptest.NewServer(&httputil.ReverseProxy{
		Transport: transport,
		ErrorLog:  log.New(io.Discard, "", 0), // of requests that a client gave up on purpose
		Rewrite: func(p *httputil.ProxyRequest) {
			p.Out.URL.Scheme, p.Out.URL.Host = r.target.Scheme, r.target.Host
			edit(p.Out)
		},
	})
	tb.Cleanup(transport.CloseIdleConnections)
	tb.Cleanup(r.server.Close)
	return r
}

// to says where requests go, before the first, and returns the URL to use instead.
func (r *relay) to(tb testing.TB, endpoint string) string {
	tb.Helper()
	var err error
	r.target, err = url.Parse(endpoint)
	require.NoError(tb, err)
	return r.server.URL + r.target.Path
}
