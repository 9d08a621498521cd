package kube

import (
	"context"
	"net"
	"net/http"
	"sync"
)

// lines are the connections of one transport that are open. The transport closes
// what it takes for idle, and that is not all: on HTTP/2 a server can keep a
// connection for ever, by sending frames that ask for nothing and answering no
// ping.
type lines struct {
	mu   sync.Mutex
	open map[*lineConn]struct{}
}

// lineConn is one connection.
type lineConn struct {
	net.Conn

	of *lines
}

// Close closes the connection and forgets it.
func (c *lineConn) Close() error {
	c.of.mu.Lock()
	delete(c.of.open, c)
	c.of.mu.Unlock()
	return c.Conn.Close()
}

// watch makes the transport's connections known from now on.
func (l *lines) watch(t *http.Transport) {
	dial := t.DialContext
	t.DialContext = func(ctx context.Context, network, address string) (net.Conn, error) {
		conn, err := dial(ctx, network, address)
		if err != nil {
			return nil, err
		}
		c := &lineConn{Conn: conn, of: l}
		l.mu.Lock()
		defer l.mu.Unlock()
		if l.open == nil {
			l.open = map[*lineConn]struct{}{}
		}
		l.open[c] = struct{}{}
		return c, nil
	}
}

// cut ends every connection. What TLS would say on closing is not said: a server
// that does not read would be waited for.
func (l *lines) cut() {
	l.mu.Lock()
	defer l.mu.Unlock()
	for c := range l.open {
		_ = c.Conn.Close()
	}
	clear(l.open)
}
