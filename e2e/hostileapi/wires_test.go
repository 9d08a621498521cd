package hostileapi

import (
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"fmt"
	"io"
	"net"
	"strings"
	"testing"

	"golang.org/x/net/http2"
	"golang.org/x/net/http2/hpack"
)

// wires are behaviours below HTTP: in TCP, in TLS, and in the frames of HTTP/2.
func wires(tb testing.TB) []behaviour {
	tb.Helper()
	plain := newIdentity(tb, nil)
	hold := func(_ net.Conn, over <-chan struct{}) { <-over }
	frames := func(act func(f *http2.Framer, over <-chan struct{}) error) func(net.Conn, <-chan struct{}) {
		return overTLS(plain, func(conn net.Conn, over <-chan struct{}) {
			preface := make([]byte, len(http2.ClientPreface))
			if _, err := io.ReadFull(conn, preface); err != nil {
				return
			}
			go func() { _, _ = io.Copy(io.Discard, conn) }() // ends with the connection
			_ = act(http2.NewFramer(conn, nil), over)
		})
	}
	again := func(over <-chan struct{}, write func() error) error {
		for {
			select {
			case <-over:
				return nil
			default:
			}
			if err := write(); err != nil {
				return err
			}
		}
	}
	const unreachable = "not be reached|in time|TLS failed|not a Kubernetes API|could not answer"
	return []behaviour{
		{name: "a port that says nothing", identity: plain, raw: hold, says: unreachable},
		{name: "a port that closes", identity: plain, raw: func(net.Conn, <-chan struct{}) {}, says: unreachable},
		{name: "plain HTTP", identity: plain, says: "TLS failed|not be reached", raw: func(conn net.Conn, _ <-chan struct{}) {
			_, _ = io.WriteString(conn, "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}")
		}},
		{name: "noise instead of TLS", identity: plain, says: unreachable, raw: func(conn net.Conn, over <-chan struct{}) {
			_ = again(over, func() error { _, err := conn.Write([]byte(strings.Repeat("\x16\x03\x03\xff\xff", 100))); return err })
		}},
		{name: "TLS and then silence", identity: plain, raw: overTLS(plain, hold), says: unreachable},
		{name: "TLS and then the end", identity: plain, raw: overTLS(plain, func(net.Conn, <-chan struct{}) {}), says: unreachable},
		{name: "frames of no size", identity: plain, says: unreachable, raw: frames(func(f *http2.Framer, over <-chan struct{}) error {
			err := f.WriteSettings(http2.Setting{ID: http2.SettingMaxFrameSize, Val: 0})
			<-over
			return err
		})},
		{name: "no window to send in", identity: plain, says: unreachable, raw: frames(func(f *http2.Framer, over <-chan struct{}) error {
			err := f.WriteSettings(http2.Setting{ID: http2.SettingInitialWindowSize, Val: 0}, http2.Setting{ID: http2.SettingMaxConcurrentStreams, Val: 0})
			<-over
			return err
		})},
		{name: "settings without an end", identity: plain, says: unreachable, raw: frames(func(f *http2.Framer, over <-chan struct{}) error {
			return again(over, func() error { return f.WriteSettings(http2.Setting{ID: http2.SettingHeaderTableSize, Val: 4096}) })
		})},
		{name: "pings without an end", identity: plain, says: unreachable, raw: frames(func(f *http2.Framer, over <-chan struct{}) error {
			if err := f.WriteSettings(); err != nil {
				return err
			}
			return again(over, func() error { return f.WritePing(false, [8]byte{}) })
		})},
		{name: "GOAWAY at once", identity: plain, says: unreachable, raw: frames(func(f *http2.Framer, _ <-chan struct{}) error {
			if err := f.WriteSettings(); err != nil {
				return err
			}
			return f.WriteGoAway(0, http2.ErrCodeEnhanceYourCalm, []byte(canary))
		})},
		{name: "every stream reset", identity: plain, says: unreachable, raw: frames(func(f *http2.Framer, over <-chan struct{}) error {
			if err := f.WriteSettings(); err != nil {
				return err
			}
			for id := uint32(1); id < 99; id += 2 {
				if err := f.WriteRSTStream(id, http2.ErrCodeRefusedStream); err != nil {
					return err
				}
			}
			<-over
			return nil
		})},
		{name: "headers without an end", identity: plain, says: unreachable + "|too large", raw: frames(func(f *http2.Framer, over <-chan struct{}) error {
			if err := f.WriteSettings(); err != nil {
				return err
			}
			var block strings.Builder
			e := hpack.NewEncoder(&block)
			_ = e.WriteField(hpack.HeaderField{Name: ":status", Value: "200"})
			for i := range 500 {
				_ = e.WriteField(hpack.HeaderField{Name: fmt.Sprintf("x-%d", i), Value: strings.Repeat("v", 20)})
			}
			if err := f.WriteHeaders(http2.HeadersFrameParam{StreamID: 1, BlockFragment: []byte(block.String())[:100]}); err != nil {
				return err
			}
			return again(over, func() error { return f.WriteContinuation(1, false, []byte(block.String())[100:]) })
		})},
		{name: "data that nobody asked for", identity: plain, says: unreachable, raw: frames(func(f *http2.Framer, over <-chan struct{}) error {
			if err := f.WriteSettings(); err != nil {
				return err
			}
			return again(over, func() error { return f.WriteData(1, false, make([]byte, 16<<10)) })
		})},
		spoiled(tb, "another CA", func(_, leaf *x509.Certificate) { leaf.IPAddresses = []net.IP{net.IPv4(127, 0, 0, 9)} }),
		spoiled(tb, "2000 names in the certificate", func(_, leaf *x509.Certificate) {
			leaf.IPAddresses = nil
			for i := range 2000 {
				leaf.DNSNames = append(leaf.DNSNames, fmt.Sprintf("a%d.example.com", i))
			}
		}),
		spoiled(tb, "constraints that multiply", func(ca, leaf *x509.Certificate) {
			for i := range 250 {
				ca.PermittedDNSDomains = append(ca.PermittedDNSDomains, fmt.Sprintf("p%d.example.com", i))
				leaf.DNSNames = append(leaf.DNSNames, fmt.Sprintf("a%d.example.com", i))
			}
			ca.PermittedDNSDomainsCritical = true
		}),
		spoiled(tb, "text that steers in the certificate", func(_, leaf *x509.Certificate) {
			leaf.IPAddresses, leaf.DNSNames = nil, []string{"a.example.com"}
			leaf.Subject = pkix.Name{CommonName: "\x1b[31m\u202e" + canary}
			leaf.ExtraExtensions = []pkix.Extension{{Id: asn1.ObjectIdentifier{1, 2, 3, 4}, Critical: true, Value: []byte{5, 0}}}
		}),
	}
}

// spoiled is a server whose certificate does not hold.
func spoiled(tb testing.TB, name string, change func(ca, leaf *x509.Certificate)) behaviour {
	tb.Helper()
	i := newIdentity(tb, change)
	return behaviour{name: "certificate: " + name, identity: i, says: "could not be verified|not be reached", raw: overTLS(i, func(_ net.Conn, over <-chan struct{}) { <-over })}
}
