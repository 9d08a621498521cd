package mtls

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"math/big"
	"net/url"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// pair is a certificate with its key.
type pair struct {
	certificate *x509.Certificate
	key         *ecdsa.PrivateKey
}

// issue signs a certificate: by itself if there is no parent. The edit changes
// the template of a client and server certificate that is valid now.
func issue(tb testing.TB, parent *pair, edit func(*x509.Certificate)) pair {
	tb.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	require.NoError(tb, err)
	serial, err := rand.Int(rand.Reader, big.NewInt(1<<62))
	require.NoError(tb, err)
	template := &x509.Certificate{
		SerialNumber: serial,
		Subject:      pkix.Name{CommonName: "a certificate"},
		NotBefore:    time.Now().Add(-time.Hour),
		NotAfter:     time.Now().Add(time.Hour),
		KeyUsage:     x509.KeyUsageDigitalSignature,
		ExtKeyUsage:  []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth, x509.ExtKeyUsageServerAuth},
	}
	if edit != nil {
		edit(template)
	}
	by := pair{template, key}
	if parent != nil {
		by = *parent
	}
	der, err := x509.CreateCertificate(rand.Reader, template, by.certificate, key.Public(), by.key)
	require.NoError(tb, err)
	certificate, err := x509.ParseCertificate(der)
	require.NoError(tb, err)
	return pair{certificate, key}
}

func authority(tb testing.TB) pair {
	tb.Helper()
	return issue(tb, nil, func(c *x509.Certificate) {
		c.IsCA, c.BasicConstraintsValid = true, true
		c.KeyUsage, c.ExtKeyUsage = x509.KeyUsageCertSign, nil
		c.NotAfter = time.Now().Add(2 * time.Hour)
	})
}

func named(dns ...string) func(*x509.Certificate) {
	return func(c *x509.Certificate) { c.DNSNames = dns }
}

func withURIs(tb testing.TB, uris ...string) func(*x509.Certificate) {
	tb.Helper()
	return func(c *x509.Certificate) {
		for _, text := range uris {
			u, err := url.Parse(text)
			require.NoError(tb, err)
			c.URIs = append(c.URIs, u)
		}
	}
}

func (p pair) certPEM() []byte {
	return pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: p.certificate.Raw})
}

func (p pair) keyPEM(tb testing.TB) []byte {
	tb.Helper()
	der, err := x509.MarshalPKCS8PrivateKey(p.key)
	require.NoError(tb, err)
	return pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der})
}

func (p pair) tls() tls.Certificate {
	return tls.Certificate{Certificate: [][]byte{p.certificate.Raw}, PrivateKey: p.key}
}

const allowedName = "envoy.example.com"

// world is a guard with its files on disk.
type world struct {
	tb         testing.TB
	ca, server pair
	files      Files
}

func newWorld(tb testing.TB) *world {
	tb.Helper()
	dir := tb.TempDir()
	w := &world{
		tb: tb,
		ca: authority(tb),
		files: Files{
			Certificate: filepath.Join(dir, "tls.crt"), Key: filepath.Join(dir, "tls.key"), ClientCA: filepath.Join(dir, "ca.crt"),
			AllowedSANs: []string{"dns:" + allowedName},
		},
	}
	w.server = issue(tb, &w.ca, named("guard.example.com"))
	w.write(tb, w.server)
	put(tb, w.files.ClientCA, w.ca.certPEM())
	return w
}

// write puts a pair where the port's own is.
func (w *world) write(tb testing.TB, p pair) {
	tb.Helper()
	put(tb, w.files.Certificate, p.certPEM())
	put(tb, w.files.Key, p.keyPEM(tb))
}

func put(tb testing.TB, path string, content []byte) {
	tb.Helper()
	require.NoError(tb, os.WriteFile(path, content, 0o600))
}

func (w *world) load(tb testing.TB) *Identity {
	tb.Helper()
	i, err := Load(w.files)
	require.NoError(tb, err)
	return i
}

// client is one that trusts the world's authority and shows p, if there is one.
func (w *world) client(p *pair) *tls.Config {
	roots := x509.NewCertPool()
	roots.AddCert(w.ca.certificate)
	config := &tls.Config{RootCAs: roots, ServerName: "guard.example.com", NextProtos: []string{"h2"}, MinVersion: tls.VersionTLS12}
	if p != nil {
		config.Certificates = []tls.Certificate{p.tls()}
	}
	return config
}
