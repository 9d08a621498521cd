package kube

import (
	"bufio"
	"bytes"
	"context"
	"encoding/binary"
	"io"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/moby/spdystream/spdy"
	corev1 "k8s.io/api/core/v1"
)

// spdyProtocol is what API servers have spoken for commands since the first: the
// frames of SPDY/3, one stream for each of a command's, without flow control.
const spdyProtocol = "SPDY/3.1"

// protocolHeader names what the streams mean. Since v4 (Kubernetes 1.4) the
// error stream holds a metav1.Status.
const protocolHeader = "X-Stream-Protocol-Version"

// overSPDY runs the command. It reads the frames itself and starts no goroutine:
// spdystream, which client-go's executor uses, leaves some behind when a server
// sends other frames than it should, and the executor takes an error stream
// that ends without a word for success.
func (e *entry) overSPDY(ctx context.Context, u *url.URL, out *transcript) (int, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, u.String(), nil)
	if err != nil {
		return -1, err
	}
	protocols := []string{"v5.channel.k8s.io", "v4.channel.k8s.io"}
	req.Header = http.Header{"Connection": {"Upgrade"}, "Upgrade": {spdyProtocol}, protocolHeader: protocols}
	h := &handshake{entry: e}
	resp, err := h.RoundTrip(req)
	switch {
	case h.refused != nil:
		return -1, statusError(h.refused.status, h.refused.body)
	case err != nil:
		return -1, err
	}
	defer func() { _ = resp.Body.Close() }()
	if !strings.EqualFold(resp.Header.Get("Upgrade"), spdyProtocol) || !slices.Contains(protocols, resp.Header.Get(protocolHeader)) {
		return -1, garbled()
	}
	s := &session{conn: h.conn, out: out}
	if err = s.open(); err == nil {
		err = s.read()
	}
	if status := s.status.Bytes(); err == nil || len(status) > 0 && s.ended[errorStream] && ctx.Err() == nil {
		return exitOf(status)
	}
	if ctx.Err() != nil {
		return -1, ctx.Err()
	}
	return -1, err
}

// The streams of a command, in the order in which client-go opens them. A
// client's have the odd numbers.
const (
	errorStream = iota
	stdoutStream
	stderrStream
	execStreams
)

// session is one command over SPDY.
type session struct {
	conn   io.ReadWriteCloser
	out    *transcript
	status bytes.Buffer
	ended  [execStreams]bool
}

// open asks for the streams. The framer of spdystream knows how headers are
// compressed; what it would read is nothing.
func (s *session) open() error {
	var frames bytes.Buffer
	framer, err := spdy.NewFramer(&frames, http.NoBody)
	if err != nil {
		return err
	}
	for i, name := range [execStreams]string{corev1.StreamTypeError, corev1.StreamTypeStdout, corev1.StreamTypeStderr} {
		header := http.Header{}
		header.Set(corev1.StreamType, name)
		if err := framer.WriteFrame(&spdy.SynStreamFrame{StreamId: spdy.StreamId(2*i + 1), Headers: header}); err != nil {
			return err
		}
	}
	_, err = s.conn.Write(frames.Bytes())
	return err
}

// Types of control frames (SPDY/3, 2.6). No other says anything about a command;
// the headers of a reply are not looked at.
const (
	resetFrame  = 3
	pingFrame   = 6
	goAwayFrame = 7
)

// read reads frames until every stream has ended, the server goes away, or, once
// there is a status, it does not end the others within afterStatus.
func (s *session) read() error {
	var late *time.Timer
	for r := bufio.NewReader(s.conn); !s.over(); {
		if err := s.frame(r); err != nil {
			return err
		}
		if s.ended[errorStream] && late == nil {
			late = time.AfterFunc(afterStatus, func() { _ = s.conn.Close() })
			defer late.Stop()
		}
	}
	return nil
}

func (s *session) over() bool { return s.ended == [execStreams]bool{true, true, true} }

// frame reads one frame.
func (s *session) frame(r *bufio.Reader) error {
	var head [8]byte
	if _, err := io.ReadFull(r, head[:]); err != nil {
		return err
	}
	first, length := binary.BigEndian.Uint32(head[:4]), int64(binary.BigEndian.Uint32(head[4:])&0xffffff)
	if first>>31 == 0 {
		return s.data(first, head[4]&1 != 0, io.LimitReader(r, length), length)
	}
	if first>>16 != 0x8003 {
		return garbled()
	}
	body := io.LimitReader(r, length)
	var payload [4]byte
	switch kind := first & 0xffff; {
	case kind == goAwayFrame:
		s.ended = [execStreams]bool{true, true, true}
		return nil
	case kind != resetFrame && kind != pingFrame:
	case length < 4:
		return garbled()
	default:
		if _, err := io.ReadFull(body, payload[:]); err != nil {
			return err
		}
		if kind == resetFrame {
			s.end(binary.BigEndian.Uint32(payload[:]))
		} else if _, err := s.conn.Write(append(head[:], payload[:]...)); err != nil {
			return err
		}
	}
	return skip(body)
}

// data reads the rest of a frame of data. The streams are the client's: data on
// another is of no command.
func (s *session) data(id uint32, last bool, body io.Reader, length int64) error {
	var to io.Writer
	switch id {
	case 2*errorStream + 1:
		if int64(s.status.Len())+length > maxStatus {
			return garbled()
		}
		to = &s.status
	case 2*stdoutStream + 1:
		to = s.out.stdout()
	case 2*stderrStream + 1:
		to = s.out.stderr()
	default:
		return garbled()
	}
	n, err := io.Copy(to, body)
	if err == nil && n < length {
		err = io.ErrUnexpectedEOF
	}
	if last {
		s.end(id)
	}
	return err
}

func (s *session) end(id uint32) {
	if id%2 == 1 && id/2 < execStreams {
		s.ended[id/2] = true
	}
}

// skip reads to the end and keeps nothing.
func skip(r io.Reader) error {
	_, err := io.Copy(io.Discard, r)
	return err
}
