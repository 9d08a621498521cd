// Package admin serves what operators and their machines ask a program about
// itself: metrics, liveness, readiness and a status page, over plain HTTP on a
// listener of its own, apart from the traffic that the program is there for.
//
// There is nothing to change here and nothing secret to see. Still, whoever is
// not on this machine gets numbers and no more: off loopback and Unix sockets
// the status page does not exist. There is no profiler and no debug page.
package admin

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"sync"
	"time"

	"golang.org/x/net/netutil"

	"kubernetes-mcp-edge/extproc/nearby"
)

// Off is the address that asks for no listener at all.
const Off = "off"

// Config is what a listener serves. A nil handler is a page that does not exist.
type Config struct {
	// Address is host:port, unix:PATH or Off; empty means Off. A Unix socket is
	// made with mode 0600.
	Address string
	// Metrics answers /metrics.
	Metrics http.Handler
	// Ready says why the program should get no requests now, in words that may
	// be shown to anybody; nil means it may. Without it the program is ready.
	Ready func() error
	// Status answers /status, and StatusJSON answers /status.json, on loopback
	// and Unix sockets alone.
	Status, StatusJSON http.Handler
	// Log gets a line with the address. Nil discards.
	Log *slog.Logger
}

// The bounds of the listener. Its clients are a scraper, a prober and a person.
const (
	// maxConnections are open at a time; more wait in the kernel's queue.
	maxConnections = 32
	// maxHeader bounds a request, which needs a line and a few headers.
	maxHeader = 8 << 10
	// headerTimeout and readTimeout bound a slow sender.
	headerTimeout = 2 * time.Second
	readTimeout   = 5 * time.Second
	// writeTimeout bounds a slow reader. A page is some tens of KiB.
	writeTimeout = 10 * time.Second
	// idleTimeout gives a silent connection's place to somebody else.
	idleTimeout = 15 * time.Second
	// goodbye is how long an answer under way may take once the program ends.
	goodbye = time.Second
)

// Server is a running listener, or none at all if it is off.
type Server struct {
	address string
	http    *http.Server
	running sync.WaitGroup
}

// Start opens the listener and serves until Close. The error is one sentence
// that says what to change.
func Start(ctx context.Context, c Config) (*Server, error) {
	if c.Log == nil {
		c.Log = slog.New(slog.DiscardHandler)
	}
	if c.Address == Off || c.Address == "" {
		return &Server{}, nil
	}
	// Insecure, because what other machines may see is decided below, by page.
	listener, err := nearby.Port{Address: c.Address, Insecure: true}.Listen(ctx)
	if err != nil {
		return nil, fmt.Errorf("--admin: %w; or use --admin=%s", err, Off)
	}
	return serve(listener, c), nil
}

func serve(listener net.Listener, c Config) *Server {
	scope := scopeOf(listener.Addr())
	protocols := new(http.Protocols)
	protocols.SetHTTP1(true)
	s := &Server{address: listener.Addr().String(), http: &http.Server{
		Handler:   handler(c, scope),
		Protocols: protocols,
		// OPTIONS * is answered by our handler too.
		DisableGeneralOptionsHandler: true,
		MaxHeaderBytes:               maxHeader,
		ReadHeaderTimeout:            headerTimeout,
		ReadTimeout:                  readTimeout,
		WriteTimeout:                 writeTimeout,
		IdleTimeout:                  idleTimeout,
		ErrorLog:                     slog.NewLogLogger(c.Log.Handler(), slog.LevelDebug),
	}}
	s.running.Go(func() {
		if err := s.http.Serve(netutil.LimitListener(listener, maxConnections)); !errors.Is(err, http.ErrServerClosed) {
			c.Log.Error("the admin listener ended", "error", err)
		}
	})
	c.Log.Info("admin listening", "address", s.address, "status_page", scope != remote && c.Status != nil)
	return s
}

// Address is where the listener is, with the port that it got; "" if it is off.
func (s *Server) Address() string { return s.address }

// Close ends the listener: answers under way get a second, then all connections
// are closed. When it returns nothing of the server runs any more.
func (s *Server) Close() {
	if s.http == nil {
		return
	}
	ctx, cancel := context.WithTimeout(context.Background(), goodbye)
	defer cancel()
	if s.http.Shutdown(ctx) != nil {
		_ = s.http.Close()
	}
	s.running.Wait()
}
