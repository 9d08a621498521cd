package server

import (
	"crypto/tls"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"runtime/debug"
	"sync/atomic"
	"time"

	"github.com/modelcontextprotocol/go-sdk/mcp"

	"kubernetes-mcp-edge/extproc/policy"
)

// The limits of one connection. Envoy is the only client; it may hold few
// connections with many streams, for long.
const (
	readHeaderTimeout = 5 * time.Second
	// readTimeout is longer than the 60 s that Envoy gives a request to arrive
	// (request_timeout), so that it is Envoy who ends a slow caller, in his own
	// name and with an answer for the person. What this one ends is a fault
	// between the two.
	readTimeout = 75 * time.Second
	// writeSlack is what writeTimeout is longer than what may take long.
	writeSlack  = 15 * time.Second
	idleTimeout = 2 * time.Minute
	// maxHeaders is more than the 96 KiB that Envoy lets through.
	maxHeaders = 128 << 10
)

// writeTimeout runs from the end of the headers. It is longer than a slow body,
// the wait for a turn and the longest call together, so that it ends only what
// hangs.
func writeTimeout(limits policy.BackendLimits) time.Duration {
	return readTimeout + callWait + limits.CallTimeout + writeSlack
}

// newHTTPServer speaks HTTP/1 and, as Envoy prefers, HTTP/2 on the same port:
// over TLS as ALPN finds, otherwise with prior knowledge.
func newHTTPServer(h http.Handler, limits policy.BackendLimits, transport *tls.Config, log *slog.Logger) *http.Server {
	protocols := new(http.Protocols)
	protocols.SetHTTP1(true)
	protocols.SetHTTP2(transport != nil)
	protocols.SetUnencryptedHTTP2(transport == nil)
	srv := &http.Server{
		TLSConfig:         transport,
		Handler:           h,
		Protocols:         protocols,
		ReadHeaderTimeout: readHeaderTimeout,
		ReadTimeout:       readTimeout,
		WriteTimeout:      writeTimeout(limits),
		IdleTimeout:       idleTimeout,
		MaxHeaderBytes:    maxHeaders,
		HTTP2:             &http.HTTP2Config{MaxConcurrentStreams: limits.Streams, SendPingTimeout: 30 * time.Second, PingTimeout: 10 * time.Second},
		// What net/http has to say is about connections; panics never reach it.
		ErrorLog: slog.NewLogLogger(log.Handler(), slog.LevelDebug),
	}
	aging(srv, limits.ConnectionAge)
	return srv
}

// handler is what answers on the port: MCP to who proves that the edge checked
// him, health to anybody.
type handler struct {
	mux      *http.ServeMux
	log      *slog.Logger
	draining atomic.Bool
}

func (b *backend) newHandler(server *mcp.Server) *handler {
	log := b.options.Log
	h := &handler{mux: http.NewServeMux(), log: log}
	origins := func() []string { return b.policy.Current().Origins }
	h.mux.Handle("/mcp", b.admitted()(gate{next: streamable(server), log: log, origins: origins, refused: b.counts.refused}))
	h.mux.HandleFunc("GET /healthz", h.health)
	return h
}

// ServeHTTP routes; other paths are not found. A panic becomes an answer and a
// line: net/http would print its value, which may hold anything, and break the
// connection, which Envoy shares between callers.
func (h *handler) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	defer func() {
		p := recover()
		if p == nil {
			return
		}
		if err, ok := p.(error); ok && errors.Is(err, http.ErrAbortHandler) {
			panic(p) //nolint:forbidigo // net/http's own way to end a response early
		}
		h.log.Error("panic", "panic", panicText(p), "stack", string(debug.Stack()))
		w.Header().Set("Content-Type", "application/json")
		w.WriteHeader(http.StatusInternalServerError)
		_, _ = io.WriteString(w, `{"jsonrpc":"2.0","error":{"code":-32603,"message":"the server failed on this request"}}`)
	}()
	h.mux.ServeHTTP(w, r)
}

// health says whether new requests are welcome.
func (h *handler) health(w http.ResponseWriter, _ *http.Request) {
	w.Header().Set("Cache-Control", "no-store")
	if h.draining.Load() {
		http.Error(w, "draining", http.StatusServiceUnavailable)
		return
	}
	_, _ = io.WriteString(w, "ok\n")
}
