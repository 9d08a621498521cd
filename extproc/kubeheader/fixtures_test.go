package kubeheader

import (
	"bytes"
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/base64"
	"encoding/pem"
	"fmt"
	"math/big"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"kubernetes-mcp-edge/extproc/hostpolicy"
)

// noon is the clock of every test: certificates are made around it.
var noon = time.Date(2026, time.November, 24, 12, 0, 0, 0, time.UTC)

// usualPolicy allows what the usual headers of the cases need, and no more.
func usualPolicy(tb testing.TB) *Policy {
	tb.Helper()
	hosts, err := hostpolicy.New(hostpolicy.Config{
		Hosts:    []string{"api.example.com", "127.0.0.1", "2001:db8::1"},
		Suffixes: []string{".example.org"},
	})
	require.NoError(tb, err)
	return &Policy{Hosts: hosts, AllowToken: true, AllowClientCertificate: true}
}

// lines makes fields from "name: value" lines.
func lines(text ...string) []Field {
	fields := make([]Field, 0, len(text))
	for _, l := range text {
		name, value, _ := strings.Cut(l, ": ")
		fields = append(fields, Field{Name: name, Value: NewSecret([]byte(value))})
	}
	return fields
}

// b64 is what a client puts into a *-data header.
func b64(pem ...[]byte) string {
	return base64.StdEncoding.EncodeToString(bytes.Join(pem, nil))
}

// block writes one PEM block.
func block(kind string, der []byte) []byte {
	return pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der})
}

// identity is a certificate with its key.
type identity struct {
	cert *x509.Certificate
	pem  []byte
	key  crypto.Signer
}

// issuer makes certificates for tests.
type issuer struct {
	t      testing.TB
	serial int64
}

// shape changes the template of a certificate.
type shape func(*x509.Certificate)

// valid sets the validity, relative to noon.
func valid(from, to time.Duration) shape {
	return func(c *x509.Certificate) { c.NotBefore, c.NotAfter = noon.Add(from), noon.Add(to) }
}

// usage sets the extended key usage.
func usage(u ...x509.ExtKeyUsage) shape {
	return func(c *x509.Certificate) { c.ExtKeyUsage = u }
}

// authority makes it a CA.
func authority(c *x509.Certificate) {
	c.IsCA, c.BasicConstraintsValid, c.ExtKeyUsage = true, true, nil
	c.KeyUsage = x509.KeyUsageCertSign
}

// issue makes a self-signed certificate for key, or for a new P-256 key.
func (i *issuer) issue(key crypto.Signer, shapes ...shape) identity {
	i.t.Helper()
	if key == nil {
		key = newEC(i.t, elliptic.P256())
	}
	i.serial++
	template := &x509.Certificate{
		SerialNumber: big.NewInt(i.serial),
		Subject:      pkix.Name{CommonName: fmt.Sprintf("alice-%d", i.serial), Organization: []string{"team-a"}},
		NotBefore:    noon.Add(-time.Hour),
		NotAfter:     noon.Add(time.Hour),
		ExtKeyUsage:  []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth},
	}
	for _, s := range shapes {
		s(template)
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	require.NoError(i.t, err)
	cert, err := x509.ParseCertificate(der)
	require.NoError(i.t, err)
	return identity{cert: cert, pem: block("CERTIFICATE", der), key: key}
}

func newEC(tb testing.TB, curve elliptic.Curve) *ecdsa.PrivateKey {
	tb.Helper()
	key, err := ecdsa.GenerateKey(curve, rand.Reader)
	require.NoError(tb, err)
	return key
}

func newRSA(tb testing.TB, bits int) *rsa.PrivateKey {
	tb.Helper()
	key, err := rsa.GenerateKey(rand.Reader, bits)
	require.NoError(tb, err)
	return key
}

// pkcs8PEM writes a key the canonical way.
func pkcs8PEM(tb testing.TB, key any) []byte {
	tb.Helper()
	return block("PRIVATE KEY", pkcs8DER(tb, key))
}

func pkcs8DER(tb testing.TB, key any) []byte {
	tb.Helper()
	der, err := x509.MarshalPKCS8PrivateKey(key)
	require.NoError(tb, err)
	return der
}

// sec1PEM writes an EC key the old way.
func sec1PEM(tb testing.TB, key *ecdsa.PrivateKey) []byte {
	tb.Helper()
	der, err := x509.MarshalECPrivateKey(key)
	require.NoError(tb, err)
	return block("EC PRIVATE KEY", der)
}

// jwt makes an unsigned token of JWT shape with these claims.
func jwt(claims string) string {
	enc := base64.RawURLEncoding.EncodeToString
	return enc([]byte(`{"alg":"RS256","typ":"JWT"}`)) + "." + enc([]byte(claims)) + ".c2ln"
}
