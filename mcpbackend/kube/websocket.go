package kube

import (
	"context"
	"errors"
	"io"
	"net/http"
	"net/url"
	"time"

	"github.com/coder/websocket"
)

// Channels of v5.channel.k8s.io: the first byte of each message (KEP-4006).
const (
	execProtocol  = "v5.channel.k8s.io"
	stdoutChannel = 1
	stderrChannel = 2
	errorChannel  = 3
	closeChannel  = 255
)

// The rest of a command's output may come after its status, since the API
// server copies each stream by itself; afterStatus is how long it may take.
const (
	afterStatus = 2 * time.Second
	maxStatus   = 64 << 10 // bytes
)

// overWebSocket runs the command. The error is errNoWebSocket only if nothing
// can have run.
func (e *entry) overWebSocket(ctx context.Context, u *url.URL, out *transcript) (int, error) {
	h := &handshake{entry: e}
	conn, resp, err := websocket.Dial(ctx, u.String(), &websocket.DialOptions{
		HTTPClient: &http.Client{Transport: h}, Subprotocols: []string{execProtocol},
	})
	if resp != nil && resp.Body != nil {
		_ = resp.Body.Close() // the library has read it
	}
	switch {
	case err == nil:
	case h.refused != nil && h.refused.final():
		return -1, statusError(h.refused.status, h.refused.body)
	case h.refused != nil:
		return -1, errNoWebSocket
	case h.conn != nil: // it said 101, and then something else
		return -1, garbled()
	default:
		return -1, err
	}
	defer func() { _ = conn.CloseNow() }()
	if conn.Subprotocol() != execProtocol {
		return -1, garbled()
	}
	conn.SetReadLimit(maxBody)
	return readChannels(ctx, conn, out)
}

// readChannels reads until the server ends the connection, or for a little
// while after the status.
func readChannels(ctx context.Context, conn *websocket.Conn, out *transcript) (int, error) {
	var status []byte
	reading, cancel := context.WithCancel(ctx)
	defer cancel()
	for {
		channel, err := readMessage(reading, conn, out, &status)
		if err == nil && channel == errorChannel { // the only one: a second is an error
			defer time.AfterFunc(afterStatus, cancel).Stop()
		}
		if err == nil {
			continue
		}
		var broken *Error
		switch {
		case errors.Is(err, errBodyLimit), errors.As(err, &broken):
			return -1, err
		case ctx.Err() != nil:
			return -1, ctx.Err()
		case status != nil:
			return exitOf(status)
		}
		return -1, garbled()
	}
}

func readMessage(ctx context.Context, conn *websocket.Conn, out *transcript, status *[]byte) (byte, error) {
	kind, message, err := conn.Reader(ctx)
	if err != nil {
		return 0, err
	}
	if kind != websocket.MessageBinary {
		return 0, garbled()
	}
	var channel [1]byte
	if _, err := io.ReadFull(message, channel[:]); err != nil {
		return 0, err
	}
	switch channel[0] {
	case stdoutChannel:
		_, err = io.Copy(out.stdout(), message)
	case stderrChannel:
		_, err = io.Copy(out.stderr(), message)
	case errorChannel:
		if *status != nil {
			return 0, garbled()
		}
		*status, err = io.ReadAll(io.LimitReader(message, maxStatus))
		if *status == nil {
			*status = []byte{}
		}
	case closeChannel:
		_, err = io.Copy(io.Discard, message)
	default:
		return 0, garbled()
	}
	return channel[0], err
}
