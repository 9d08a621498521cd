package kube

import (
	"context"
	"io"
	"net/http"
	"net/url"
	"strings"
	"sync"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/util/httpstream"
	"k8s.io/apimachinery/pkg/util/httpstream/spdy"
	"k8s.io/client-go/tools/remotecommand"
)

const spdyProtocol = "SPDY/3.1"

// spdyHandshake is what client-go's executor needs: a RoundTripper that asks for
// SPDY, and an Upgrader that makes a connection of the answer. client-go's own
// would dial by themselves, around the address policy.
type spdyHandshake struct {
	handshake

	status status
}

// RoundTrip is http.RoundTripper's. The connection behind a 101 is taken out of
// the answer, whose body client-go closes at once.
func (h *spdyHandshake) RoundTrip(req *http.Request) (*http.Response, error) {
	mine := *req
	mine.Header = req.Header.Clone()
	mine.Header.Set("Connection", "Upgrade")
	mine.Header.Set("Upgrade", spdyProtocol)
	resp, err := h.handshake.RoundTrip(&mine)
	if err != nil {
		return nil, err
	}
	resp.Body = http.NoBody
	return resp, nil
}

// NewConnection is spdy.Upgrader's.
func (h *spdyHandshake) NewConnection(resp *http.Response) (httpstream.Connection, error) {
	if h.conn == nil || !strings.EqualFold(resp.Header.Get("Upgrade"), spdyProtocol) {
		return nil, garbled()
	}
	conn, err := spdy.NewClientConnection(connection{h.conn})
	if err != nil {
		return nil, err
	}
	return overheard{conn, &h.status}, nil
}

// overheard is a connection whose error stream is kept: client-go takes one that
// ends without a word for success, also where the connection broke.
type overheard struct {
	httpstream.Connection

	status *status
}

// CreateStream is httpstream.Connection's.
func (c overheard) CreateStream(headers http.Header) (httpstream.Stream, error) {
	s, err := c.Connection.CreateStream(headers)
	if err != nil || headers.Get(corev1.StreamType) != corev1.StreamTypeError {
		return s, err
	}
	return overheardStream{s, c.status}, nil
}

type overheardStream struct {
	httpstream.Stream

	status *status
}

// Read is io.Reader's.
func (s overheardStream) Read(p []byte) (int, error) {
	n, err := s.Stream.Read(p)
	if full := s.status.add(p[:n]); full != nil {
		return n, full
	}
	return n, err
}

// status is what came on the error stream.
type status struct {
	mu   sync.Mutex
	text []byte
}

func (s *status) add(p []byte) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.text)+len(p) > maxStatus {
		return garbled()
	}
	s.text = append(s.text, p...)
	return nil
}

func (s *status) exit() (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return exitOf(s.text)
}

// overSPDY runs the command.
func (e *entry) overSPDY(ctx context.Context, u *url.URL, out *transcript) (exit int, err error) {
	// client-go hands on a panic of its own goroutine.
	defer func() {
		if recover() != nil {
			exit, err = -1, garbled()
		}
	}()
	h := &spdyHandshake{handshake: handshake{entry: e}}
	executor, err := remotecommand.NewSPDYExecutorForTransports(h, h, http.MethodPost, u)
	if err != nil {
		return -1, err
	}
	err = executor.StreamWithContext(ctx, remotecommand.StreamOptions{Stdout: out.stdout(), Stderr: out.stderr()})
	switch {
	case h.refused != nil:
		return -1, statusError(h.refused.status, h.refused.body)
	case h.failed != nil:
		return -1, h.failed
	case h.conn == nil:
		return -1, err
	case ctx.Err() != nil:
		return -1, ctx.Err()
	case overLimit(h.conn):
		return -1, errBodyLimit
	}
	return h.status.exit()
}

// overLimit reports whether the connection ended because it carried too much.
func overLimit(conn io.ReadWriteCloser) bool {
	t, ok := conn.(*takenOver)
	return ok && t.spent()
}
