package kube

import (
	"crypto/tls"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"log"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// hostile is a real TLS server that answers as a test wants, counting what it
// sees. By default it behaves like the few corners of an API server that a test
// of counting needs.
type hostile struct {
	*httptest.Server

	connections atomic.Int64
	closed      atomic.Int64

	mu       sync.Mutex
	requests []*http.Request
}

func newHostile(t *testing.T, handler http.HandlerFunc, change ...func(*httptest.Server)) *hostile {
	t.Helper()
	h := &hostile{}
	h.Server = httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		h.mu.Lock()
		h.requests = append(h.requests, r.Clone(r.Context()))
		h.mu.Unlock()
		handler(w, r)
	}))
	h.EnableHTTP2 = true
	h.Config.ErrorLog = log.New(discard{}, "", 0)
	h.Config.ConnState = func(_ net.Conn, s http.ConnState) {
		switch s {
		case http.StateNew:
			h.connections.Add(1)
		case http.StateClosed:
			h.closed.Add(1)
		case http.StateActive, http.StateIdle, http.StateHijacked:
		}
	}
	for _, f := range change {
		f(h.Server)
	}
	h.StartTLS()
	t.Cleanup(h.Close)
	return h
}

type discard struct{}

func (discard) Write(p []byte) (int, error) { return len(p), nil }

func http1(s *httptest.Server) { s.EnableHTTP2 = false }

// paths lists what was asked for, in order.
func (h *hostile) paths() []string {
	h.mu.Lock()
	defer h.mu.Unlock()
	out := make([]string, 0, len(h.requests))
	for _, r := range h.requests {
		out = append(out, r.Method+" "+r.URL.Path)
	}
	return out
}

func (h *hostile) last(t *testing.T) *http.Request {
	t.Helper()
	h.mu.Lock()
	defer h.mu.Unlock()
	require.NotEmpty(t, h.requests)
	return h.requests[len(h.requests)-1]
}

// headers are those of a caller with a token who pins this server's certificate.
func (h *hostile) headers(token string, more ...string) []string {
	return append([]string{
		"kubernetes-server", h.URL,
		"kubernetes-certificate-authority-data", pemData(h.Certificate()),
		"kubernetes-authorization", token,
	}, more...)
}

const coreV1 = `{"kind":"APIResourceList","groupVersion":"v1","resources":[
	{"name":"pods","singularName":"pod","kind":"Pod","namespaced":true,"shortNames":["po"],"verbs":["get","list"]},
	{"name":"pods/log","kind":"Pod","namespaced":true,"verbs":["get"]},
	{"name":"../nodes","kind":"Evil","namespaced":true,"verbs":["get","list"]},
	{"name":"namespaces","singularName":"namespace","kind":"Namespace","namespaced":false,"shortNames":["ns"],"verbs":["get","list"]}]}`

const podTable = `{"kind":"Table","apiVersion":"meta.k8s.io/v1","metadata":{"continue":"next","remainingItemCount":7},
	"columnDefinitions":[{"name":"Name","priority":0},{"name":"Restarts","priority":0},{"name":"IP","priority":1}],
	"rows":[{"cells":["web-0",3,"10.0.0.1"],"object":{"metadata":{"name":"web-0","namespace":"team-a"}}}]}`

// plain answers the corners that the tests of counting use.
func plain(w http.ResponseWriter, r *http.Request) {
	answer := map[string]string{
		"/api/v1":                          coreV1,
		"/api/v1/pods":                     podTable,
		"/api/v1/namespaces/team-a/pods":   podTable,
		"/api/v1/namespaces/team-a/pods/a": `{"kind":"Pod","metadata":{"name":"a","generation":12345678901234567890}}`,
		"/version":                         `{"gitVersion":"v1.37.2"}`,
		"/apis/authentication.k8s.io/v1/selfsubjectreviews": `{"status":{"userInfo":{"username":"alice","groups":["team-a","system:authenticated"]}}}`,
	}[r.URL.Path]
	if answer == "" {
		refuse(w, http.StatusNotFound, "the server could not find the requested resource", "")
		return
	}
	w.Header().Set("Content-Type", "application/json")
	_, _ = w.Write([]byte(answer))
}

// refuse answers with a metav1.Status.
func refuse(w http.ResponseWriter, status int, message, name string) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	writeJSON(w, map[string]any{
		"kind": "Status", "status": "Failure", "message": message, "code": status, "details": map[string]any{"name": name},
	})
}

func writeJSON(w http.ResponseWriter, v any) {
	if err := json.NewEncoder(w).Encode(v); err != nil {
		http.Error(w, err.Error(), http.StatusInternalServerError)
	}
}

func prefix(paths []string, p string) int {
	n := 0
	for _, path := range paths {
		if strings.HasPrefix(path, p) {
			n++
		}
	}
	return n
}

// mutualTLS makes the server ask for a client certificate, of any authority.
func mutualTLS(s *httptest.Server) { s.TLS = &tls.Config{ClientAuth: tls.RequireAnyClientCert} }

// trouble is the Trouble of an error, 0 for none.
func trouble(t *testing.T, err error) Trouble {
	t.Helper()
	if err == nil {
		return 0
	}
	var e *Error
	require.ErrorAs(t, err, &e)
	return e.Trouble
}

// jwt is an unsigned token that ends at a time.
func jwt(exp time.Time) string {
	claims := fmt.Sprintf(`{"exp":%d}`, exp.Unix())
	return "eyJhbGciOiJub25lIn0." + base64.RawURLEncoding.EncodeToString([]byte(claims)) + ".c2ln"
}
