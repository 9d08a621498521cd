package kube

import (
	"bufio"
	"crypto/sha1"
	"encoding/base64"
	"net/http"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// TestSecondTry: SPDY is tried only where nothing can have run and the server
// did not refuse the caller.
func TestSecondTry(t *testing.T) {
	status := func(code int) http.HandlerFunc {
		return func(w http.ResponseWriter, _ *http.Request) { refuse(w, code, "no", "web-0") }
	}
	text := func(code int) http.HandlerFunc {
		return func(w http.ResponseWriter, _ *http.Request) { http.Error(w, "no", code) }
	}
	for name, test := range map[string]struct {
		handler http.HandlerFunc
		want    Trouble
		tries   int
	}{
		"unauthorized":                 {status(401), Unauthorized, 1},
		"forbidden by RBAC":            {status(403), Forbidden, 1},
		"no such pod":                  {status(404), NotFound, 1},
		"too many":                     {status(429), Failed, 1},
		"forbidden by a proxy":         {text(403), Forbidden, 2},
		"bad request":                  {status(400), Invalid, 2},
		"not found by a proxy":         {text(404), NoSuchAPI, 2},
		"bad gateway":                  {text(502), Failed, 2},
		"no upgrade":                   {text(200), 0, 2},
		"another protocol":             {upgradedTo("X-Other"), Garbled, 1},
		"another protocol of commands": {wsAccept("v4.channel.k8s.io"), Garbled, 1},
		"no protocol of commands":      {wsAccept(""), Garbled, 1},
	} {
		h := newHostile(t, test.handler)
		result, err := executor(t, h).Exec(within(t, 5*time.Second), "team-a", "web-0", ExecOptions{Command: []string{"true"}})
		require.Error(t, err, name)
		if test.want != 0 {
			require.Equal(t, test.want, trouble(t, err), name)
		}
		require.Equal(t, -1, result.Exit)
		require.Len(t, h.paths(), test.tries, name)
	}
}

func upgradedTo(protocol string) http.HandlerFunc {
	return hijacked("HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: " + protocol + "\r\n\r\n")
}

func hijacked(answer string) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		stop := make(chan struct{})
		close(stop)
		hijack(answer, stop)(w, r)
	}
}

func wsAccept(protocol string) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		sum := sha1.Sum([]byte(r.Header.Get("Sec-WebSocket-Key") + "258EAFA5-E914-47DA-95CA-C5AB0DC85B11"))
		answer := "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Accept: " +
			base64.StdEncoding.EncodeToString(sum[:]) + "\r\n"
		if protocol != "" {
			answer += "Sec-WebSocket-Protocol: " + protocol + "\r\n"
		}
		// What follows would be a success, if it were of a protocol that was agreed on.
		hijacked(answer+"\r\n"+string(frame(append([]byte{errorChannel}, success...))))(w, r)
	}
}

// TestFailedUpgrade: a connection on which an upgrade failed is never used
// again (CVE-2018-1002105), not even by the same caller.
func TestFailedUpgrade(t *testing.T) {
	used := make(chan int, 16)
	h := newHostile(t, plain, http1)
	h.Config.Handler = http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Header.Get("Upgrade") == "" {
			plain(w, r)
			return
		}
		conn, rw, err := w.(http.Hijacker).Hijack()
		if err != nil {
			return
		}
		defer func() { _ = conn.Close() }()
		n := 1
		for ; ; n++ { // a keen server: the connection may stay
			_, _ = rw.WriteString("HTTP/1.1 500 No\r\nContent-Length: 2\r\nConnection: keep-alive\r\n\r\nno")
			_ = rw.Flush()
			if _, err := http.ReadRequest(bufio.NewReader(rw)); err != nil {
				break
			}
		}
		used <- n
	})
	c := executor(t, h)
	for range 2 {
		_, err := c.Exec(within(t, 5*time.Second), "team-a", "web-0", ExecOptions{Command: []string{"true"}})
		require.Equal(t, Failed, trouble(t, err))
		_, err = c.ServerVersion(within(t, 5*time.Second))
		require.NoError(t, err)
	}
	for range 4 {
		require.Equal(t, 1, <-used, "requests on a connection that was to be upgraded")
	}
}
