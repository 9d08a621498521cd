package soak

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/hex"
	"encoding/pem"
	"fmt"
	"io"
	"log"
	"math/big"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// mock is a cluster that answers with what it saw: itself, and a hash of the
// credential. A real API server does not tell a credential from another one of
// the same user.
type mock struct {
	name string
	port int
	url  string
}

// authority signs certificates for mocks and tenants.
type authority struct {
	cert *x509.Certificate
	key  *ecdsa.PrivateKey
	pem  []byte
}

func newAuthority(tb testing.TB) *authority {
	tb.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	require.NoError(tb, err)
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "mock CA"}, IsCA: true, BasicConstraintsValid: true,
		KeyUsage: x509.KeyUsageCertSign, NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(24 * time.Hour),
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	require.NoError(tb, err)
	cert, err := x509.ParseCertificate(der)
	require.NoError(tb, err)
	return &authority{cert: cert, key: key, pem: pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})}
}

// issue makes a leaf for a server on loopback or for a client.
func (a *authority) issue(name string, usage x509.ExtKeyUsage) (der []byte, key *ecdsa.PrivateKey, err error) {
	key, err = ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, nil, err
	}
	serial, err := rand.Int(rand.Reader, big.NewInt(1<<62))
	if err != nil {
		return nil, nil, err
	}
	template := &x509.Certificate{
		SerialNumber: serial, Subject: pkix.Name{CommonName: name}, IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)},
		KeyUsage: x509.KeyUsageDigitalSignature, ExtKeyUsage: []x509.ExtKeyUsage{usage},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(12 * time.Hour),
	}
	der, err = x509.CreateCertificate(rand.Reader, template, a.cert, key.Public(), a.key)
	return der, key, err
}

// startMock serves one cluster until the test ends.
func startMock(tb testing.TB, a *authority, name string) *mock {
	tb.Helper()
	der, key, err := a.issue(name, x509.ExtKeyUsageServerAuth)
	require.NoError(tb, err)
	listener, err := new(net.ListenConfig).Listen(tb.Context(), "tcp", "127.0.0.1:0")
	require.NoError(tb, err)
	address, ok := listener.Addr().(*net.TCPAddr)
	require.True(tb, ok)
	m := &mock{name: name, port: address.Port, url: fmt.Sprintf("https://127.0.0.1:%d", address.Port)}
	server := &http.Server{
		Handler: m, ReadHeaderTimeout: 10 * time.Second, ErrorLog: log.New(io.Discard, "", 0),
		TLSConfig: &tls.Config{
			MinVersion: tls.VersionTLS12, Certificates: []tls.Certificate{{Certificate: [][]byte{der}, PrivateKey: key}},
			ClientAuth: tls.RequestClientCert, // whoever it is: it is told to him
		},
	}
	done := make(chan error, 1)
	go func() { done <- server.ServeTLS(listener, "", "") }()
	tb.Cleanup(func() {
		_ = server.Close()
		require.ErrorIs(tb, <-done, http.ErrServerClosed)
	})
	return m
}

// seen is what a mock says of a credential.
func seen(credential []byte) string {
	sum := sha256.Sum256(credential)
	return hex.EncodeToString(sum[:16])
}

// ServeHTTP is the little of an API server that the tools ask for.
func (m *mock) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	credential := []byte(strings.TrimPrefix(r.Header.Get("Authorization"), "Bearer "))
	if len(credential) == 0 && len(r.TLS.PeerCertificates) > 0 {
		credential = r.TLS.PeerCertificates[0].Raw
	}
	who := seen(credential)
	w.Header().Set("Content-Type", "application/json")
	switch path := r.URL.Path; {
	case path == "/version":
		_, _ = fmt.Fprintf(w, `{"gitVersion":"v1.37.2-%s"}`, m.name)
	case strings.HasSuffix(path, "/selfsubjectreviews"):
		_, _ = fmt.Fprintf(w, `{"status":{"userInfo":{"username":%q,"groups":[%q]}}}`, who, m.name)
	case path == "/api/v1":
		_, _ = io.WriteString(w, `{"resources":[{"name":"configmaps","kind":"ConfigMap","namespaced":true,"verbs":["get","list"]}]}`)
	case strings.Contains(path, "/configmaps/"):
		_, _ = fmt.Fprintf(w, `{"kind":"ConfigMap","apiVersion":"v1","metadata":{"name":"settings","uid":%q},"data":{"path":%q}}`, who+"."+m.name, path)
	case strings.HasSuffix(path, "/configmaps"):
		_, _ = fmt.Fprintf(w, `{"kind":"Table","columnDefinitions":[{"name":"Name","type":"string"}],"rows":[{"cells":["x"],"object":{"metadata":{"name":%q,"namespace":"n"}}}]}`, who+"."+m.name)
	default:
		w.WriteHeader(http.StatusNotFound)
		_, _ = io.WriteString(w, `{"kind":"Status","reason":"NotFound"}`)
	}
}
