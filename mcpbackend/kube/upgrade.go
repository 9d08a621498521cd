package kube

import (
	"errors"
	"io"
	"net"
	"net/http"
	"time"
)

var errNoWebSocket = errors.New("the API server takes no WebSocket here")

// maxRefusal bounds what is read of a refusal, in bytes.
const maxRefusal = 64 << 10

// handshake is the RoundTripper of one upgrade: it sends a single request
// through the entry's client, token and guard, and keeps what the server said
// where that was not 101.
type handshake struct {
	entry   *entry
	refused *refusal
	failed  error              // where there was no answer; client-go drops all but the text
	conn    io.ReadWriteCloser // after 101
}

// RoundTrip is http.RoundTripper's.
func (h *handshake) RoundTrip(req *http.Request) (*http.Response, error) {
	resp, err := h.entry.client.Transport.RoundTrip(req)
	if err != nil {
		h.failed = err
		return nil, err
	}
	if conn, ok := resp.Body.(io.ReadWriteCloser); ok && resp.StatusCode == http.StatusSwitchingProtocols {
		h.conn = conn
		return resp, nil
	}
	h.refused = &refusal{status: resp.StatusCode}
	h.refused.body, err = io.ReadAll(io.LimitReader(resp.Body, maxRefusal))
	if err = errors.Join(err, resp.Body.Close()); err != nil {
		h.refused, h.failed = nil, err
		return nil, err
	}
	return nil, h.refused
}

// connection is a taken-over connection as a net.Conn, for spdystream. Its end
// is the guard's business, so deadlines are none; nobody reads the addresses.
type connection struct{ io.ReadWriteCloser }

// LocalAddr is net.Conn's.
func (connection) LocalAddr() net.Addr { return nowhere{} }

// RemoteAddr is net.Conn's.
func (connection) RemoteAddr() net.Addr { return nowhere{} }

// SetDeadline is net.Conn's.
func (connection) SetDeadline(time.Time) error { return nil }

// SetReadDeadline is net.Conn's.
func (connection) SetReadDeadline(time.Time) error { return nil }

// SetWriteDeadline is net.Conn's.
func (connection) SetWriteDeadline(time.Time) error { return nil }

// nowhere is an address that says nothing.
type nowhere struct{}

// Network is net.Addr's.
func (nowhere) Network() string { return "tcp" }

// String is net.Addr's.
func (nowhere) String() string { return "" }
