package hostileapi

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/base64"
	"encoding/pem"
	"io"
	"log"
	"math/big"
	"net"
	"net/http"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"kubernetes-mcp-edge/e2e/harness"
	"kubernetes-mcp-edge/extproc/kubeheader"
)

// identity is what a hostile server shows in its handshake, and the CA that a
// caller names for it.
type identity struct {
	certificate tls.Certificate
	ca          []byte // PEM
}

// newIdentity makes a CA and a leaf for 127.0.0.1; change may spoil the leaf.
func newIdentity(tb testing.TB, change func(ca, leaf *x509.Certificate)) identity {
	tb.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	require.NoError(tb, err)
	ca := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "hostile CA"}, IsCA: true, BasicConstraintsValid: true,
		KeyUsage: x509.KeyUsageCertSign, NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
	}
	leaf := &x509.Certificate{
		SerialNumber: big.NewInt(2), Subject: pkix.Name{CommonName: "hostile"}, IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)},
		KeyUsage: x509.KeyUsageDigitalSignature, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
		NotBefore: ca.NotBefore, NotAfter: ca.NotAfter,
	}
	if change != nil {
		change(ca, leaf)
	}
	rootDER, err := x509.CreateCertificate(rand.Reader, ca, ca, key.Public(), key)
	require.NoError(tb, err)
	leafDER, err := x509.CreateCertificate(rand.Reader, leaf, ca, key.Public(), key)
	require.NoError(tb, err)
	return identity{
		certificate: tls.Certificate{Certificate: [][]byte{leafDER}, PrivateKey: key},
		ca:          pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: rootDER}),
	}
}

func (i identity) tls(protocols ...string) *tls.Config {
	return &tls.Config{MinVersion: tls.VersionTLS12, Certificates: []tls.Certificate{i.certificate}, NextProtos: protocols}
}

// headers are those of a caller of the server at address.
func (i identity) headers(address, token string) harness.Headers {
	return harness.Headers{
		{Name: kubeheader.Server, Value: "https://" + address},
		{Name: kubeheader.CertificateAuthority, Value: base64.StdEncoding.EncodeToString(i.ca)},
		{Name: kubeheader.Authorization, Value: "Bearer " + token},
	}
}

// serveHTTP is a server that is hostile in what it answers.
func serveHTTP(tb testing.TB, l net.Listener, i identity, handler http.Handler, change ...func(*http.Server)) {
	tb.Helper()
	server := &http.Server{Handler: handler, ReadHeaderTimeout: time.Minute, TLSConfig: i.tls(), ErrorLog: log.New(io.Discard, "", 0)}
	for _, f := range change {
		f(server)
	}
	done := make(chan struct{})
	go func() {
		defer close(done)
		_ = server.ServeTLS(l, "", "")
	}()
	tb.Cleanup(func() {
		_ = server.Close()
		<-done
	})
}

// serveRaw is a server that is hostile below HTTP: act gets each connection, and
// may keep it until over is closed.
func serveRaw(tb testing.TB, l net.Listener, act func(conn net.Conn, over <-chan struct{})) {
	tb.Helper()
	over := make(chan struct{})
	var running sync.WaitGroup
	running.Go(func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			running.Go(func() {
				defer func() { _ = conn.Close() }()
				stop := make(chan struct{})
				running.Go(func() { // what hangs in a write ends with the server
					select {
					case <-over:
						_ = conn.Close()
					case <-stop:
					}
				})
				act(conn, over)
				close(stop)
			})
		}
	})
	tb.Cleanup(func() {
		close(over)
		_ = l.Close()
		running.Wait()
	})
}

// overTLS lets act have the connection once the handshake is done.
func overTLS(i identity, act func(conn net.Conn, over <-chan struct{})) func(net.Conn, <-chan struct{}) {
	return func(conn net.Conn, over <-chan struct{}) {
		secured := tls.Server(conn, i.tls("h2"))
		if secured.Handshake() == nil {
			act(secured, over)
		}
	}
}
