package e2e

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"strconv"
	"strings"

	"golang.org/x/net/http2"
	"golang.org/x/net/http2/hpack"

	"kubernetes-mcp-edge/e2e/harness"
)

// wireHTTP2 is frames over TCP. It sends what Go's client would refuse to, and
// keeps to no rule by itself but the preface and acknowledgements.
type wireHTTP2 struct {
	connection net.Conn
	out        *bufio.Writer // what is sent before something is waited for goes together
	framer     *http2.Framer
	last       uint32              // the stream that was opened last
	due        []uint32            // those whose answer was not read yet
	came       map[uint32]*wireGot // what has come of each
	ended      map[uint32]bool
}

// wireStreams numbers a client's streams: 1, 3, 5 and so on.
const wireStreams = 2

func newWireHTTP2(ctx context.Context, address string) (wireConn, error) {
	c, err := wireDial(ctx, address)
	if err != nil {
		return nil, err
	}
	out := bufio.NewWriter(c)
	w := &wireHTTP2{connection: c, out: out, framer: http2.NewFramer(out, c), came: map[uint32]*wireGot{}, ended: map[uint32]bool{}}
	w.last--
	w.framer.ReadMetaHeaders = hpack.NewDecoder(4096, nil)
	if _, err := out.WriteString(http2.ClientPreface); err != nil {
		return nil, err
	}
	return w, w.framer.WriteSettings()
}

// send reads a frames section: a line begins a frame with its name, or is one
// more header of the frame above it.
func (w *wireHTTP2) send(text, run string) error {
	var headers harness.Headers
	var kind, flag string
	flush := func() error {
		defer func() { headers, kind, flag = nil, "", "" }()
		return w.block(kind, flag, headers)
	}
	for line := range strings.Lines(text) {
		line = strings.TrimSuffix(line, "\n")
		word, rest, _ := strings.Cut(line, " ")
		switch word {
		case "HEADERS", "TRAILERS":
			if err := flush(); err != nil {
				return err
			}
			kind, flag = word, rest
		case "DATA":
			if err := flush(); err != nil {
				return err
			}
			if err := w.data(rest, run); err != nil {
				return err
			}
		default:
			more, err := wireFields(line, run)
			if err != nil {
				return err
			}
			headers = append(headers, more...)
		}
	}
	return flush()
}

// wireFields are the header lines that one line stands for.
func wireFields(line, run string) (harness.Headers, error) {
	if words, ok := strings.CutPrefix(line, "{{"); ok {
		return wireHeaders(strings.TrimSuffix(words, "}}"), run)
	}
	name, value, ok := strings.Cut(line, ": ")
	if !ok {
		return nil, fmt.Errorf("%q is neither a frame nor a header", line)
	}
	value, err := wireExpand(value, run)
	return harness.Headers{{Name: wireUnescape(name), Value: value}}, err
}

// block sends a HEADERS frame: HEADERS opens a stream, TRAILERS ends it.
func (w *wireHTTP2) block(kind, flag string, headers harness.Headers) error {
	end := kind == "TRAILERS" || flag == "END_STREAM"
	switch {
	case kind == "" && len(headers) == 0:
		return nil
	case kind == "", flag != "" && flag != "END_STREAM":
		return errors.New("headers of no frame, or a flag that there is not")
	case kind == "HEADERS":
		w.last += wireStreams
		w.due = append(w.due, w.last)
		w.came[w.last] = new(wireGot)
	}
	var block bytes.Buffer
	encoder := hpack.NewEncoder(&block)
	encoder.SetMaxDynamicTableSizeLimit(0) // so that each block stands for itself
	for _, h := range headers {
		if err := encoder.WriteField(hpack.HeaderField{Name: h.Name, Value: h.Value}); err != nil {
			return err
		}
	}
	if block.Len() > 16<<10 {
		return errors.New("more headers than one frame holds")
	}
	return w.framer.WriteHeaders(http2.HeadersFrameParam{
		StreamID: w.last, BlockFragment: block.Bytes(), EndStream: end, EndHeaders: true,
	})
}

func (w *wireHTTP2) data(text, run string) error {
	text, end := strings.CutPrefix(text, "END_STREAM")
	data, err := wireExpand(strings.TrimPrefix(text, " "), run)
	if err == nil && len(data) > 16<<10 {
		err = errors.New("more data than one frame holds")
	}
	if err != nil {
		return err
	}
	return w.framer.WriteData(w.last, end, []byte(data))
}

// receive waits for the answer on the oldest stream that still lacks one.
func (w *wireHTTP2) receive(bool) (wireGot, error) {
	if len(w.due) == 0 {
		return wireGot{}, errors.New("no stream is open")
	}
	stream := w.due[0]
	w.due = w.due[1:]
	for !w.ended[stream] {
		frame, err := w.next()
		if err == nil {
			err = w.take(frame)
		}
		if err != nil {
			return wireGot{}, err
		}
	}
	return *w.came[stream], nil
}

// next sends what is due, and waits for a frame.
func (w *wireHTTP2) next() (http2.Frame, error) {
	if err := w.out.Flush(); err != nil {
		return nil, err
	}
	return w.framer.ReadFrame()
}

// take notes what a frame says.
func (w *wireHTTP2) take(frame http2.Frame) (err error) {
	stream := frame.Header().StreamID
	got := w.came[stream]
	switch f := frame.(type) {
	case *http2.SettingsFrame:
		if !f.IsAck() {
			err = w.framer.WriteSettingsAck()
		}
	case *http2.PingFrame:
		if !f.IsAck() {
			err = w.framer.WritePing(true, f.Data)
		}
	case *http2.GoAwayFrame:
		err = fmt.Errorf("the connection is refused: %s", f.ErrCode)
	case *http2.MetaHeadersFrame:
		if got.Header == nil {
			got.Header = http.Header{}
		}
		for _, field := range f.Fields {
			if field.Name == ":status" {
				got.Status, err = strconv.Atoi(field.Value)
				continue
			}
			got.Header.Add(field.Name, field.Value)
		}
		w.ended[stream] = f.StreamEnded()
	case *http2.DataFrame:
		got.Body = append(got.Body, f.Data()...)
		w.ended[stream] = f.StreamEnded()
	case *http2.RSTStreamFrame:
		if got != nil && !w.ended[stream] {
			got.reset, w.ended[stream] = f.ErrCode.String(), true
		}
	}
	return err
}

// open pings: the answers to all that was sent before come first.
func (w *wireHTTP2) open() error {
	if err := w.framer.WritePing(false, [8]byte{'w', 'i', 'r', 'e'}); err != nil {
		return err
	}
	for {
		frame, err := w.next()
		if err != nil {
			return err
		}
		if ping, ok := frame.(*http2.PingFrame); ok && ping.IsAck() {
			return nil
		}
		switch frame.(type) {
		case *http2.MetaHeadersFrame, *http2.DataFrame:
			return errors.New("more came")
		}
		if err := w.take(frame); err != nil {
			return err
		}
	}
}

func (w *wireHTTP2) closed() error {
	for {
		frame, err := w.next()
		if err != nil {
			return wireEnd(err)
		}
		switch frame.(type) {
		case *http2.MetaHeadersFrame, *http2.DataFrame:
			return errors.New("more came")
		}
	}
}

func (w *wireHTTP2) close() { _ = w.connection.Close() }
