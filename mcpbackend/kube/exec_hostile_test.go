package kube

import (
	"context"
	"crypto/sha1"
	"encoding/base64"
	"encoding/binary"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/coder/websocket"
	"github.com/stretchr/testify/require"
)

// upgraded answers 101 to any protocol and hands over the connection. What it
// does with it ends with stop, which is closed when the client closes.
func upgraded(serve func(conn net.Conn, stop <-chan struct{})) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		hijacker, ok := w.(http.Hijacker)
		if !ok {
			return
		}
		conn, rw, err := hijacker.Hijack()
		if err != nil {
			return
		}
		defer func() { _ = conn.Close() }()
		protocol := r.Header.Get("Upgrade")
		_, _ = rw.WriteString("HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: " + protocol + "\r\n")
		if protocol == "websocket" {
			sum := sha1.Sum([]byte(r.Header.Get("Sec-WebSocket-Key") + "258EAFA5-E914-47DA-95CA-C5AB0DC85B11"))
			_, _ = rw.WriteString("Sec-WebSocket-Accept: " + base64.StdEncoding.EncodeToString(sum[:]) + "\r\nSec-WebSocket-Protocol: " + execProtocol + "\r\n")
		} else {
			_, _ = rw.WriteString("X-Stream-Protocol-Version: v4.channel.k8s.io\r\n")
		}
		_, _ = rw.WriteString("\r\n")
		_ = rw.Flush()
		stop := make(chan struct{})
		go func() {
			defer close(stop)
			_, _ = io.Copy(io.Discard, rw)
		}()
		serve(conn, stop)
	}
}

// frame is one binary WebSocket message of a server.
func frame(payload []byte) []byte {
	return append(binary.BigEndian.AppendUint64([]byte{0x82, 127}, uint64(len(payload))), payload...)
}

func syn(id uint32) []byte {
	return binary.BigEndian.AppendUint32([]byte{0x80, 3, 0, 2, 0, 0, 0, 4}, id)
}

// hostileStreams are what a server may do once it has a connection.
func hostileStreams() map[string]func(conn net.Conn, stop <-chan struct{}) {
	endless := func(block []byte) func(net.Conn, <-chan struct{}) {
		return func(conn net.Conn, _ <-chan struct{}) {
			for {
				if _, err := conn.Write(block); err != nil {
					return
				}
			}
		}
	}
	noise := rand.NewChaCha8([32]byte{1})
	garbage := make([]byte, 1<<16)
	_, _ = noise.Read(garbage)
	return map[string]func(net.Conn, <-chan struct{}){
		"says nothing":     func(_ net.Conn, stop <-chan struct{}) { <-stop },
		"hangs up":         func(net.Conn, <-chan struct{}) {},
		"garbage":          func(conn net.Conn, stop <-chan struct{}) { _, _ = conn.Write(garbage); <-stop },
		"garbage for ever": endless(garbage),
		"zeros for ever":   endless(make([]byte, 1<<16)),
		"output for ever":  endless(frame(append([]byte{stdoutChannel}, make([]byte, 1<<15)...))),
		"empty messages":   endless(frame(nil)),
		"pings for ever":   endless(append([]byte{0x89, 125}, make([]byte, 125)...)),
		"a giant message": func(conn net.Conn, stop <-chan struct{}) {
			_, _ = conn.Write(binary.BigEndian.AppendUint64([]byte{0x82, 127}, 1<<62))
			<-stop
		},
		"another channel":   func(conn net.Conn, stop <-chan struct{}) { _, _ = conn.Write(frame([]byte{9, 'x'})); <-stop },
		"text":              func(conn net.Conn, stop <-chan struct{}) { _, _ = conn.Write([]byte{0x81, 2, 1, 'x'}); <-stop },
		"half a message":    func(conn net.Conn, stop <-chan struct{}) { _, _ = conn.Write([]byte{0x82, 100, 1, 'x'}); <-stop },
		"statuses for ever": endless(frame(append([]byte{errorChannel}, success...))),
		"streams of its own": func(conn net.Conn, stop <-chan struct{}) {
			for id := uint32(2); id < 20000; id += 2 {
				header := binary.BigEndian.AppendUint32([]byte{0x80, 3, 0, 1, 0, 0, 0, 10}, id)
				if _, err := conn.Write(append(header, 0, 0, 0, 0, 0, 0)); err != nil {
					return
				}
			}
			<-stop
		},
		"replies twice": func(conn net.Conn, stop <-chan struct{}) {
			for range 100 {
				for _, id := range []uint32{1, 3, 5, 7} {
					_, _ = conn.Write(syn(id))
				}
			}
			<-stop
		},
		"goes away": func(conn net.Conn, stop <-chan struct{}) {
			_, _ = conn.Write([]byte{0x80, 3, 0, 7, 0, 0, 0, 8, 0, 0, 0, 0, 0, 0, 0, 0})
			<-stop
		},
	}
}

// TestHostileExec: whatever a server does with a connection, the call ends by
// its deadline, nothing runs on, and no success is made up.
func TestHostileExec(t *testing.T) {
	for name, serve := range hostileStreams() {
		for protocol, over := range map[string]func(*entry, context.Context, *url.URL, *transcript) (int, error){"websocket": (*entry).overWebSocket, "spdy": (*entry).overSPDY} {
			t.Run(protocol+" "+name, func(t *testing.T) {
				h := newHostile(t, upgraded(serve))
				c := executor(t, h)
				ctx, cancel := context.WithTimeout(saying(t.Context(), c.said), 250*time.Millisecond)
				defer cancel()
				u, err := c.execURL("team-a", "web-0", ExecOptions{Command: []string{"true"}})
				require.NoError(t, err)
				out := &transcript{limit: 1 << 10}
				begin := time.Now()
				exit, err := over(c.entry, ctx, u, out)
				require.Less(t, time.Since(begin), 5*time.Second)
				require.Error(t, err)
				require.Equal(t, -1, exit)
				require.LessOrEqual(t, len(out.result().Stdout), 1<<10)
				cancel()
				require.Eventually(t, func() bool { return c.entry.guard.underway() == 0 }, 5*time.Second, time.Millisecond)
			})
		}
	}
}

// TestExecEndsWithItsDeadline and hands over what had come.
func TestExecEndsWithItsDeadline(t *testing.T) {
	for name, handler := range runs(t, func(_ []string, stdout, _ func([]byte)) string {
		stdout([]byte("begun\n"))
		<-t.Context().Done()
		return success
	}) {
		h := newHostile(t, handler)
		begin := time.Now()
		result, err := executor(t, h).Exec(within(t, 2*time.Second), "team-a", "web-0", ExecOptions{Command: []string{"sleep", "9"}})
		require.Equal(t, Deadline, trouble(t, err), name)
		require.Less(t, time.Since(begin), 6*time.Second, name)
		require.Equal(t, ExecResult{Stdout: []byte("begun\n"), Exit: -1}, result, name)
	}
}

// TestExecEndlessOutput ends at the limit of an answer, as a result.
func TestExecEndlessOutput(t *testing.T) {
	for name, handler := range runs(t, func(_ []string, stdout, _ func([]byte)) string {
		block := []byte(strings.Repeat("y\n", 1<<13))
		for range 4096 {
			stdout(block)
		}
		return success
	}) {
		result, err := executor(t, newHostile(t, handler)).Exec(within(t, 20*time.Second), "team-a", "web-0",
			ExecOptions{Command: []string{"yes"}, Limit: 100})
		require.NoError(t, err, name)
		require.Equal(t, ExecResult{Stdout: []byte(strings.Repeat("y\n", 50)), Exit: -1, Truncated: true}, result, name)
	}
}

// TestStatusOvertakesOutput: an API server copies each stream by itself, so the
// end may come before the rest. One that then never hangs up is not waited for.
func TestStatusOvertakesOutput(t *testing.T) {
	h := newHostile(t, wsServer(t, func(ctx context.Context, conn *websocket.Conn, _ *http.Request) {
		_ = conn.Write(ctx, websocket.MessageBinary, append([]byte{errorChannel}, success...))
		_ = conn.Write(ctx, websocket.MessageBinary, append([]byte{stdoutChannel}, "late"...))
		_, _, _ = conn.Read(ctx)
	}))
	begin := time.Now()
	result, err := executor(t, h).Exec(within(t, 20*time.Second), "team-a", "web-0", ExecOptions{Command: []string{"true"}})
	require.NoError(t, err)
	require.Equal(t, ExecResult{Stdout: []byte("late")}, result)
	require.Less(t, time.Since(begin), afterStatus+3*time.Second)
}
