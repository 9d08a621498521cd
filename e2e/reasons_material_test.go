package e2e

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/base64"
	"encoding/pem"
	"math/big"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"kubernetes-mcp-edge/e2e/harness"
	"kubernetes-mcp-edge/extproc/kubeheader"
)

// pemData is what a client puts into a *-data header.
func pemData(pems ...string) string {
	return base64.StdEncoding.EncodeToString([]byte(strings.Join(pems, "")))
}

// pemBlock writes one PEM block.
func pemBlock(kind string, der []byte) string {
	return string(pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der}))
}

// expiringJWT makes a token of the shape of a JWT with these claims.
func expiringJWT(claims string) string {
	enc := base64.RawURLEncoding.EncodeToString
	return enc([]byte(`{"alg":"RS256"}`)) + "." + enc([]byte(claims)) + "." + enc([]byte("canary"))
}

// issuePair makes a self-signed client certificate and its key, both in PEM.
func issuePair(t *testing.T, shape func(*x509.Certificate)) (certificate, key string) {
	t.Helper()
	private, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	require.NoError(t, err)
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1),
		Subject:      pkix.Name{CommonName: "canary"},
		NotBefore:    time.Now().Add(-time.Hour),
		NotAfter:     time.Now().Add(time.Hour),
		ExtKeyUsage:  []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth},
	}
	shape(template)
	der, err := x509.CreateCertificate(rand.Reader, template, template, private.Public(), private)
	require.NoError(t, err)
	return pemBlock("CERTIFICATE", der), pkcs8PEM(t, private)
}

func pkcs8PEM(t *testing.T, key crypto.PrivateKey) string {
	t.Helper()
	der, err := x509.MarshalPKCS8PrivateKey(key)
	require.NoError(t, err)
	return pemBlock("PRIVATE KEY", der)
}

// withPair returns the headers of a caller with a client certificate of the
// test's own.
func withPair(t *testing.T, shape func(*x509.Certificate)) harness.Headers {
	t.Helper()
	certificate, key := issuePair(t, shape)
	return shared.Cluster.Certificate("alice").
		With(kubeheader.ClientCertificate, pemData(certificate)).With(kubeheader.ClientKey, pemData(key))
}

// weakRSA is a key that is too short to be of use.
func weakRSA(t *testing.T) string {
	t.Helper()
	key, err := rsa.GenerateKey(rand.Reader, 1024)
	require.NoError(t, err)
	return pemBlock("RSA PRIVATE KEY", x509.MarshalPKCS1PrivateKey(key))
}

// oddCurve is a key on a curve that TLS stacks do not share.
func oddCurve(t *testing.T) string {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P224(), rand.Reader)
	require.NoError(t, err)
	return pkcs8PEM(t, key)
}
