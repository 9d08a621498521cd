package e2e

import (
	"encoding/base64"
	"encoding/pem"
	"net"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"
	"k8s.io/client-go/rest"

	"kubernetes-mcp-edge/e2e/harness"
	"kubernetes-mcp-edge/extproc/kubeheader"
)

// relay stands in front of the real API server with a certificate of its own,
// passes every request on, and remembers what it saw: that is what a client
// really sends.
type relay struct {
	*httptest.Server

	mu          sync.Mutex
	requests    []string // path
	credentials []string // values of Authorization, one per request
	connections int
}

func newRelay(t *testing.T) *relay {
	t.Helper()
	r := new(relay)
	target, err := url.Parse(shared.Cluster.Server)
	require.NoError(t, err)
	transport, err := rest.TransportFor(&rest.Config{TLSClientConfig: rest.TLSClientConfig{CAData: []byte(shared.Cluster.CA)}})
	require.NoError(t, err)
	proxy := &httputil.ReverseProxy{Transport: transport, Rewrite: func(p *httputil.ProxyRequest) { p.SetURL(target) }}
	r.Server = httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
		r.mu.Lock()
		r.requests = append(r.requests, req.URL.Path)
		r.credentials = append(r.credentials, req.Header["Authorization"]...)
		r.mu.Unlock()
		proxy.ServeHTTP(w, req)
	}))
	r.Config.ConnState = func(_ net.Conn, state http.ConnState) {
		if state == http.StateNew {
			r.mu.Lock()
			r.connections++
			r.mu.Unlock()
		}
	}
	r.StartTLS()
	t.Cleanup(r.Close)
	return r
}

// seen is what came since the last time.
func (r *relay) seen() (requests, credentials []string, connections int) {
	r.mu.Lock()
	defer r.mu.Unlock()
	requests, credentials, connections = r.requests, r.credentials, r.connections
	r.requests, r.credentials, r.connections = nil, nil, 0
	return requests, credentials, connections
}

// headers are alice's, for the relay.
func (r *relay) headers() harness.Headers {
	ca := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: r.Certificate().Raw})
	return shared.Cluster.Token("alice").With(kubeheader.Server, r.URL).
		With(kubeheader.CertificateAuthority, base64.StdEncoding.EncodeToString(ca))
}

// stack is one that lets callers name the relay.
func (r *relay) stack(t *testing.T, extra string) *harness.Stack {
	t.Helper()
	policy, err := harness.Policy(t.Context(), r.URL)
	require.NoError(t, err)
	return shared.StartStack(t, harness.Options{Policy: policy + extra})
}
