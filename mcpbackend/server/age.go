package server

import (
	"context"
	"net"
	"net/http"
	"time"
)

// bornKey is under which the context of a connection holds when it was accepted.
type bornKey struct{}

// aging makes a connection that is older than age take its last request, so that
// who came in by a client CA or name that is on the list no more does not stay for
// ever: mutual TLS asks when a connection begins. Over HTTP/1, which Envoy is
// rendered to speak here, the next request comes over another one. Over HTTP/2
// net/http takes the header for a GOAWAY, which refuses what the client has sent
// meanwhile; Go's own client sends that again, Envoy's does not.
func aging(srv *http.Server, age time.Duration) {
	next := srv.Handler
	srv.ConnContext = func(ctx context.Context, _ net.Conn) context.Context {
		return context.WithValue(ctx, bornKey{}, time.Now())
	}
	srv.Handler = http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if born, ok := r.Context().Value(bornKey{}).(time.Time); !ok || time.Since(born) > age {
			last := &lastAnswer{ResponseWriter: w}
			next.ServeHTTP(last, r)
			last.begin() // an answer without a body has not
			return
		}
		next.ServeHTTP(w, r)
	})
}

// lastAnswer says with the head of an answer that the connection ends, whatever
// the handler says: an event stream's says keep-alive.
type lastAnswer struct {
	http.ResponseWriter

	begun bool
}

func (l *lastAnswer) begin() {
	if !l.begun {
		l.begun = true
		l.Header().Set("Connection", "close")
	}
}

// WriteHeader begins the answer.
func (l *lastAnswer) WriteHeader(status int) {
	l.begin()
	l.ResponseWriter.WriteHeader(status)
}

// Write begins the answer, if nothing has.
func (l *lastAnswer) Write(p []byte) (int, error) {
	l.begin()
	return l.ResponseWriter.Write(p)
}

// FlushError begins the answer, if nothing has; it is what http.ResponseController calls.
func (l *lastAnswer) FlushError() error {
	l.begin()
	return http.NewResponseController(l.ResponseWriter).Flush()
}

// Flush is FlushError for who asks for an http.Flusher.
func (l *lastAnswer) Flush() { _ = l.FlushError() }

// Unwrap is for http.ResponseController.
func (l *lastAnswer) Unwrap() http.ResponseWriter { return l.ResponseWriter }
