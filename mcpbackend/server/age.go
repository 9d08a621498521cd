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
// ever: mutual TLS asks when a connection begins. To net/http the header means
// GOAWAY on HTTP/2. It refuses what the client has sent meanwhile, which nobody
// sends again: Envoy is told to replace its connections before (max_connection_duration).
func aging(srv *http.Server, age time.Duration) {
	next := srv.Handler
	srv.ConnContext = func(ctx context.Context, _ net.Conn) context.Context {
		return context.WithValue(ctx, bornKey{}, time.Now())
	}
	srv.Handler = http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if born, ok := r.Context().Value(bornKey{}).(time.Time); !ok || time.Since(born) > age {
			w.Header().Set("Connection", "close")
		}
		next.ServeHTTP(w, r)
	})
}
