package kube

import (
	"errors"
	"io"
	"net/http"
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
	conn    io.ReadWriteCloser // after 101
}

// RoundTrip is http.RoundTripper's.
func (h *handshake) RoundTrip(req *http.Request) (*http.Response, error) {
	resp, err := h.entry.client.Transport.RoundTrip(req)
	if err != nil {
		return nil, err
	}
	if conn, ok := resp.Body.(io.ReadWriteCloser); ok && resp.StatusCode == http.StatusSwitchingProtocols {
		h.conn = conn
		return resp, nil
	}
	h.refused = &refusal{status: resp.StatusCode}
	h.refused.body, err = io.ReadAll(io.LimitReader(resp.Body, maxRefusal))
	if err = errors.Join(err, resp.Body.Close()); err != nil {
		h.refused = nil
		return nil, err
	}
	return nil, h.refused
}
