package harness

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
)

// OpenBackend is a fake: a backend that asks for no proof, answers everybody,
// and keeps what it was sent. It shows what Envoy and the guard let through.
type OpenBackend struct {
	Address string // for Options.Backend
	server  *httptest.Server
	mu      sync.Mutex
	calls   []Headers
}

// NewOpenBackend starts one on a free loopback port.
func NewOpenBackend() *OpenBackend {
	b := new(OpenBackend)
	b.server = httptest.NewServer(http.HandlerFunc(b.answer))
	b.Address = strings.TrimPrefix(b.server.URL, "http://")
	return b
}

func (b *OpenBackend) answer(w http.ResponseWriter, r *http.Request) {
	if r.URL.Path == "/healthz" {
		return // 200: Envoy asks
	}
	var headers Headers
	for name, values := range r.Header {
		for _, value := range values {
			headers = append(headers, Header{name, value})
		}
	}
	b.mu.Lock()
	b.calls = append(b.calls, headers)
	b.mu.Unlock()
	w.Header().Set("Content-Type", "application/json")
	_, _ = w.Write([]byte(`{"jsonrpc":"2.0","id":1,"result":{}}`))
}

// Calls are the headers of each request so far, those of one name in order.
func (b *OpenBackend) Calls() []Headers {
	b.mu.Lock()
	defer b.mu.Unlock()
	return append([]Headers(nil), b.calls...)
}

// Stop ends the fake.
func (b *OpenBackend) Stop() { b.server.Close() }
