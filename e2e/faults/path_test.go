package faults

import (
	"context"
	"io"
	"net"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	toxiproxy "github.com/Shopify/toxiproxy/v2"
	"github.com/rs/zerolog"
	"github.com/stretchr/testify/require"
)

// path is the network between Envoy and its guard: toxiproxy, which can break
// every connection on it, and send them elsewhere.
type path struct{ proxy *toxiproxy.Proxy }

func newPath(t *testing.T, to string) path {
	t.Helper()
	server := toxiproxy.NewServer(toxiproxy.NewMetricsContainer(nil), zerolog.Nop())
	p := path{toxiproxy.NewProxy(server, "guard", "127.0.0.1:0", to)}
	require.NoError(t, p.proxy.Start())
	t.Cleanup(p.proxy.Stop)
	return p
}

// address is where Envoy looks for the guard.
func (p path) address() string { return p.proxy.Listen }

// lead ends all connections; new ones go to another address.
func (p path) lead(t *testing.T, to string) {
	t.Helper()
	p.proxy.Stop()
	p.proxy.Lock()
	p.proxy.Upstream = to
	p.proxy.Unlock()
	require.NoError(t, p.proxy.Start())
}

// poison adds a toxic in both directions. See toxiproxy's README for the names.
func (p path) poison(t *testing.T, kind, attributes string) {
	t.Helper()
	for _, direction := range []string{"upstream", "downstream"} {
		_, err := p.proxy.Toxics.AddToxicJson(strings.NewReader(
			`{"type":"` + kind + `","stream":"` + direction + `","attributes":` + attributes + `}`))
		require.NoError(t, err)
	}
}

// heal removes every toxic.
func (p path) heal(t *testing.T) {
	t.Helper()
	p.proxy.Toxics.ResetToxics(t.Context())
}

// gully is a fake: a stretch of network that can lose connections for good. A
// lost connection stays open and carries nothing any more, as when a machine, or
// a firewall's memory of the connection, is gone. toxiproxy cannot do that: it
// closes what it has silenced.
type gully struct {
	address  string
	listener net.Listener
	to       string
	era      atomic.Int64
	done     sync.WaitGroup
	mu       sync.Mutex
	open     []net.Conn
}

func newGully(t *testing.T, to string) *gully {
	t.Helper()
	l, err := new(net.ListenConfig).Listen(t.Context(), "tcp", "127.0.0.1:0")
	require.NoError(t, err)
	g := &gully{address: l.Addr().String(), listener: l, to: to}
	g.done.Go(g.accept)
	t.Cleanup(func() {
		_ = l.Close()
		g.mu.Lock()
		for _, c := range g.open {
			_ = c.Close()
		}
		g.mu.Unlock()
		g.done.Wait()
	})
	return g
}

// lose silences every connection that there is.
func (g *gully) lose() { g.era.Add(1) }

func (g *gully) accept() {
	for {
		near, err := g.listener.Accept()
		if err != nil {
			return
		}
		far, err := new(net.Dialer).DialContext(context.Background(), "tcp", g.to)
		if err != nil {
			_ = near.Close()
			continue
		}
		g.mu.Lock()
		g.open = append(g.open, near, far)
		g.mu.Unlock()
		era := g.era.Load()
		g.done.Go(func() { g.carry(era, near, far) })
		g.done.Go(func() { g.carry(era, far, near) })
	}
}

// carry copies until the end, which it passes on, or until the connection is
// lost; then it takes what comes and passes on nothing, an end included.
func (g *gully) carry(era int64, to io.WriteCloser, from io.Reader) {
	buffer := make([]byte, 32<<10)
	for {
		n, err := from.Read(buffer)
		if g.era.Load() != era {
			if err != nil {
				return
			}
			continue
		}
		if n > 0 {
			if _, writeErr := to.Write(buffer[:n]); writeErr != nil {
				err = writeErr
			}
		}
		if err != nil {
			_ = to.Close()
			return
		}
	}
}
