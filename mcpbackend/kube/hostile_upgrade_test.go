package kube

import (
	"bufio"
	"context"
	"crypto/tls"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"golang.org/x/net/http2"
)

// hijack answers with these bytes and keeps the socket until stop.
func hijack(answer string, stop <-chan struct{}) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		var conn net.Conn
		var rw *bufio.ReadWriter
		var err error
		if hijacker, ok := w.(http.Hijacker); ok {
			conn, rw, err = hijacker.Hijack()
		}
		if conn == nil || err != nil {
			return
		}
		defer func() { _ = conn.Close() }()
		_, _ = rw.WriteString(answer)
		_ = rw.Flush()
		<-stop
	}
}

func (g *guard) underway() int {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.inFlight
}

// TestSwitchingProtocols: a server that answers 101 and keeps the socket holds
// no call and no connection. Without the guard net/http hands out the bare
// connection, on which no deadline ends a read.
func TestSwitchingProtocols(t *testing.T) {
	for name, answer := range map[string]string{
		"upgrade":     "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: SPDY/3.1\r\n\r\n",
		"below a 100": "HTTP/1.1 042 What\r\n\r\n",
	} {
		t.Run(name, func(t *testing.T) {
			stop := make(chan struct{})
			defer close(stop)
			h := newHostile(t, hijack(answer, stop), http1)
			client, err := newClients(t).For(t.Context(), newEdge(t).caller(t, h.headers("CANARY-token")...), decision)
			require.NoError(t, err)
			done := make(chan error, 1)
			ctx := within(t, 5*time.Second)
			go func() {
				_, err := client.ServerVersion(ctx)
				done <- err
			}()
			timer := time.NewTimer(10 * time.Second)
			defer timer.Stop()
			select {
			case err := <-done:
				require.Equal(t, Garbled, trouble(t, err))
			case <-timer.C:
				t.Fatal("the call outlives its deadline")
			}
			require.NoError(t, ctx.Err(), "at once, not at the deadline")
			require.Zero(t, client.entry.guard.underway())
		})
	}
}

// TestNoReadOutlivesItsCall: a body that only closing ends is closed with the
// context, the call counts as done, and the reader learns why.
func TestNoReadOutlivesItsCall(t *testing.T) {
	g := &guard{transport: &http.Transport{}}
	g.begin()
	ctx, cancel := context.WithCancelCause(t.Context())
	r, w := io.Pipe()
	body := newCappedBody(ctx, r, g.end)
	done := make(chan error, 1)
	go func() {
		_, err := io.ReadAll(body)
		done <- err
	}()
	_, err := w.Write([]byte("half"))
	require.NoError(t, err)
	require.Equal(t, 1, g.underway())
	cancel(nil)
	require.ErrorIs(t, <-done, context.Canceled)
	require.Eventually(t, func() bool { return g.underway() == 0 }, 5*time.Second, time.Millisecond)
	require.NoError(t, body.Close())
	require.NoError(t, body.Close())
	require.Zero(t, g.underway(), "once")
}

// TestFramesWithoutEnd: a server that goes on sending frames of HTTP/2 after the
// call loses its connection with it.
func TestFramesWithoutEnd(t *testing.T) {
	closed := make(chan struct{})
	h := newHostile(t, plain, func(s *httptest.Server) {
		s.Config.TLSNextProto = map[string]func(*http.Server, *tls.Conn, http.Handler){"h2": func(_ *http.Server, conn *tls.Conn, _ http.Handler) {
			defer close(closed)
			defer func() { _ = conn.Close() }()
			go func() { _, _ = io.Copy(io.Discard, conn) }()
			f := http2.NewFramer(conn, nil)
			for err := f.WriteSettings(); err == nil; {
				err = f.WriteSettings(http2.Setting{ID: http2.SettingHeaderTableSize, Val: 4096})
			}
		}}
	})
	client := clientOf(t, h)
	ctx := within(t, 200*time.Millisecond)
	_, err := client.ServerVersion(ctx)
	require.Equal(t, Deadline, trouble(t, err))
	select {
	case <-closed:
	case <-within(t, 5*time.Second).Done():
		require.Fail(t, "the connection is still there")
	}
}
