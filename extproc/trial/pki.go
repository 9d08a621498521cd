package trial

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
	"testing"
	"time"
)

// Pair is a certificate with its key. The zero Pair is nobody's.
type Pair struct {
	Certificate *x509.Certificate
	Key         *ecdsa.PrivateKey
}

// NewAuthority makes an authority that is good for two hours.
func NewAuthority(tb testing.TB) Pair {
	tb.Helper()
	return Pair{}.Issue(tb, func(c *x509.Certificate) {
		c.IsCA, c.BasicConstraintsValid = true, true
		// As after a renewal, two of them have one name. What they issue has another:
		// BoringSSL takes a certificate for self-signed whose issuer is its subject.
		c.Subject.CommonName = "an authority"
		c.KeyUsage, c.ExtKeyUsage = x509.KeyUsageCertSign, nil
		c.NotAfter = time.Now().Add(2 * time.Hour)
	})
}

// Issue signs a certificate: the zero Pair lets it sign itself. It is one for
// clients and servers, from an hour ago to an hour from now, with whatever the
// edits change about it.
func (p Pair) Issue(tb testing.TB, edits ...func(*x509.Certificate)) Pair {
	tb.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		tb.Fatal(err)
	}
	serial, err := rand.Int(rand.Reader, big.NewInt(1<<62))
	if err != nil {
		tb.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: serial,
		Subject:      pkix.Name{CommonName: "a certificate"},
		NotBefore:    time.Now().Add(-time.Hour),
		NotAfter:     time.Now().Add(time.Hour),
		KeyUsage:     x509.KeyUsageDigitalSignature,
		ExtKeyUsage:  []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth, x509.ExtKeyUsageServerAuth},
	}
	for _, edit := range edits {
		edit(template)
	}
	by := p
	if p.Certificate == nil {
		by = Pair{template, key}
	}
	der, err := x509.CreateCertificate(rand.Reader, template, by.Certificate, key.Public(), by.Key)
	if err != nil {
		tb.Fatal(err)
	}
	certificate, err := x509.ParseCertificate(der)
	if err != nil {
		tb.Fatal(err)
	}
	return Pair{certificate, key}
}

// DNS gives the certificate these names.
func DNS(names ...string) func(*x509.Certificate) {
	return func(c *x509.Certificate) { c.DNSNames = names }
}

// URI gives the certificate these names, such as SPIFFE ids.
func URI(tb testing.TB, names ...string) func(*x509.Certificate) {
	tb.Helper()
	return func(c *x509.Certificate) {
		for _, name := range names {
			u, err := url.Parse(name)
			if err != nil {
				tb.Fatal(err)
			}
			c.URIs = append(c.URIs, u)
		}
	}
}

// CertificatePEM is the certificate as a file holds it.
func (p Pair) CertificatePEM() []byte {
	return pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: p.Certificate.Raw})
}

// KeyPEM is the key as a file holds it (PKCS#8).
func (p Pair) KeyPEM(tb testing.TB) []byte {
	tb.Helper()
	der, err := x509.MarshalPKCS8PrivateKey(p.Key)
	if err != nil {
		tb.Fatal(err)
	}
	return pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der})
}

// TLS is the pair as crypto/tls takes it.
func (p Pair) TLS() tls.Certificate {
	return tls.Certificate{Certificate: [][]byte{p.Certificate.Raw}, PrivateKey: p.Key}
}
