package admin

import (
	"io"
	"log/slog"
	"net"
	"net/http"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
)

// pipes is a listener in memory, so that a test can have its own clock.
type pipes struct {
	conns  chan net.Conn
	closed chan struct{}
	once   sync.Once
}

func (p *pipes) Accept() (net.Conn, error) {
	select {
	case conn := <-p.conns:
		return conn, nil
	case <-p.closed:
		return nil, net.ErrClosed
	}
}
func (p *pipes) Close() error   { p.once.Do(func() { close(p.closed) }); return nil }
func (p *pipes) Addr() net.Addr { return &net.TCPAddr{IP: net.IPv4(127, 0, 0, 1), Port: 9102} }
func (p *pipes) dial() net.Conn {
	client, server := net.Pipe()
	p.conns <- server
	return client
}

// pass lets the time of a test's own clock go by.
func pass(d time.Duration) {
	timer := time.NewTimer(d)
	<-timer.C
}

func inMemory(c Config) (*Server, *pipes) {
	c.Log = slog.New(slog.DiscardHandler)
	p := &pipes{conns: make(chan net.Conn), closed: make(chan struct{})}
	return serve(p, c), p
}

// TestSlowClientsAreCutOff: each way of holding a connection has its end.
func TestSlowClientsAreCutOff(t *testing.T) {
	for name, row := range map[string]struct {
		send string
		read bool
		want time.Duration
	}{
		"says nothing":        {"", true, headerTimeout},
		"half a header":       {"GET /healthz HTTP/1.1\r\nHo", true, headerTimeout},
		"idle after a answer": {line("/healthz"), true, idleTimeout},
		"reads nothing":       {line("/healthz"), false, writeTimeout},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s, p := inMemory(full(""))
				defer s.Close()
				conn := p.dial()
				began := time.Now()
				_, err := io.WriteString(conn, row.send)
				require.NoError(t, err)
				if row.read {
					_, err = io.Copy(io.Discard, conn)
					require.NoError(t, err)
				} else {
					pass(row.want + time.Second)
					_, err = conn.Read(make([]byte, 1))
					require.ErrorIs(t, err, io.EOF)
					return
				}
				require.InDelta(t, row.want, time.Since(began), float64(time.Second))
			})
		})
	}
}

func TestConnectionsAreLimited(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, p := inMemory(full(""))
		defer s.Close()
		held := make([]net.Conn, 0, maxConnections)
		for range maxConnections {
			held = append(held, p.dial())
		}
		synctest.Wait()
		got := make(chan net.Conn, 1)
		go func() { got <- p.dial() }()
		synctest.Wait()
		require.Empty(t, got, "one more is not taken")
		require.NoError(t, held[0].Close())
		next := <-got
		status, _, _ := ask(t, next, line("/healthz"))
		require.Equal(t, http.StatusOK, status)
		for _, conn := range append(held[1:], next) {
			require.NoError(t, conn.Close())
		}
	})
}

// TestCloseWaitsForAnswersAndNoLonger: an answer under way is given its second;
// a handler that hangs is not waited for, nor is a silent connection.
func TestCloseWaitsForAnswersAndNoLonger(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := full("")
		entered := make(chan struct{})
		c.Metrics = http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			close(entered)
			pass(goodbye / 2)
			_, _ = io.WriteString(w, "numbers")
		})
		c.Status = http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() })
		s, p := inMemory(c)
		silent, hanging, slow := p.dial(), p.dial(), p.dial()
		_, err := io.WriteString(hanging, line("/status"))
		require.NoError(t, err)
		answered := make(chan string, 1)
		go func() {
			_, _ = io.WriteString(slow, line("/metrics"))
			text, _ := io.ReadAll(slow)
			answered <- string(text)
		}()
		<-entered
		began := time.Now()
		s.Close()
		require.Equal(t, goodbye, time.Since(began))
		require.Contains(t, <-answered, "\r\n\r\nnumbers")
		for _, conn := range []net.Conn{silent, hanging} {
			_, err := conn.Read(make([]byte, 1))
			require.ErrorIs(t, err, io.EOF)
		}
		synctest.Wait()
	})
}
