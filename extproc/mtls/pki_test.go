package mtls

import (
	"crypto/tls"
	"crypto/x509"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"kubernetes-mcp-edge/extproc/trial"
)

type pair = trial.Pair

// issue signs a certificate: by itself if there is no parent.
func issue(tb testing.TB, parent *pair, edit func(*x509.Certificate)) pair {
	tb.Helper()
	var by pair
	if parent != nil {
		by = *parent
	}
	if edit == nil {
		return by.Issue(tb)
	}
	return by.Issue(tb, edit)
}

func authority(tb testing.TB) pair { tb.Helper(); return trial.NewAuthority(tb) }

func named(dns ...string) func(*x509.Certificate) { return trial.DNS(dns...) }

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
	put(tb, w.files.ClientCA, w.ca.CertificatePEM())
	return w
}

// write puts a pair where the port's own is.
func (w *world) write(tb testing.TB, p pair) {
	tb.Helper()
	put(tb, w.files.Certificate, p.CertificatePEM())
	put(tb, w.files.Key, p.KeyPEM(tb))
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
	roots.AddCert(w.ca.Certificate)
	config := &tls.Config{RootCAs: roots, ServerName: "guard.example.com", NextProtos: []string{"h2"}, MinVersion: tls.VersionTLS12}
	if p != nil {
		// Sent whether or not the port names its authority as one that it takes.
		config.GetClientCertificate = func(*tls.CertificateRequestInfo) (*tls.Certificate, error) { c := p.TLS(); return &c, nil }
	}
	return config
}
