package e2e

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"time"

	"kubernetes-mcp-edge/e2e/harness"
)

// wireGot is an answer as it came.
type wireGot struct {
	harness.Response

	reset string // the HTTP/2 error code, if the stream was reset instead
}

// wireConn is a connection that a case speaks on.
type wireConn interface {
	// send sends the bytes or frames of a step; it does not wait.
	send(text, run string) error
	// receive reads the next answer; without says that it has no body, as that
	// to a HEAD request.
	receive(without bool) (wireGot, error)
	// open wants that nothing more has come and that the connection still serves.
	open() error
	// closed wants that nothing more comes, and the end.
	closed() error
	close()
}

// wirePatience is how long a case waits for anything at all.
const wirePatience = 20 * time.Second

func wireDial(ctx context.Context, address string) (net.Conn, error) {
	c, err := new(net.Dialer).DialContext(ctx, "tcp", address)
	if err != nil {
		return nil, err
	}
	return c, c.SetDeadline(time.Now().Add(wirePatience))
}

// wireHTTP1 is bytes over TCP.
type wireHTTP1 struct {
	connection net.Conn
	reader     *bufio.Reader
	closing    bool // the last answer said that it is the last
}

func newWireHTTP1(ctx context.Context, address string) (wireConn, error) {
	c, err := wireDial(ctx, address)
	if err != nil {
		return nil, err
	}
	return &wireHTTP1{connection: c, reader: bufio.NewReader(c)}, nil
}

func (w *wireHTTP1) send(text, run string) error {
	data, err := wireBytes(text, run)
	if err != nil {
		return err
	}
	// Not waited for, and no error of the case's: Envoy may answer, and close,
	// before it has read all.
	go func() { _, _ = w.connection.Write(data) }()
	return nil
}

func (w *wireHTTP1) receive(without bool) (wireGot, error) {
	request := &http.Request{Method: http.MethodPost}
	if without {
		request.Method = http.MethodHead
	}
	res, err := http.ReadResponse(w.reader, request)
	if err != nil {
		return wireGot{}, err
	}
	defer func() { _ = res.Body.Close() }()
	if w.closing = res.Close; res.Close {
		res.Header.Set("Connection", "close") // ReadResponse takes it out
	}
	body, err := io.ReadAll(res.Body)
	return wireGot{Response: harness.Response{Status: res.StatusCode, Header: res.Header, Body: body}}, err
}

// open asks for /healthz, which has an answer of its own. What a request that was
// smuggled in has caused would stand before it.
func (w *wireHTTP1) open() error {
	if err := w.send(`GET /healthz HTTP/1.1\r\nHost: mcp.example.com\r\n\r\n`, ""); err != nil {
		return err
	}
	got, err := w.receive(false)
	if err == nil && (got.Status != http.StatusOK || len(got.Body) > 0) {
		err = fmt.Errorf("another answer came: status %d, %d bytes", got.Status, len(got.Body))
	}
	return err
}

func (w *wireHTTP1) closed() error {
	if !w.closing {
		return errors.New("the end was not announced")
	}
	if _, err := w.reader.ReadByte(); err != nil {
		return wireEnd(err)
	}
	return errors.New("more came")
}

// wireEnd is nil for the end of a connection, a reset included.
func wireEnd(err error) error {
	if timeout, ok := errors.AsType[net.Error](err); ok && timeout.Timeout() {
		return errors.New("the connection stays open")
	}
	return nil
}

func (w *wireHTTP1) close() { _ = w.connection.Close() }
