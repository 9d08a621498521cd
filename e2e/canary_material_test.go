package e2e

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/base64"
	"encoding/pem"
	"math/big"
	"net"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// authority is a CA of the test's own, and with it a client: its certificates
// and keys are known to nobody else, so a trace of them is a leak.
type authority struct {
	certificate *x509.Certificate
	key         *ecdsa.PrivateKey
	pem         string
}

// newAuthority makes a CA with this common name.
func newAuthority(t *testing.T, name string) authority {
	t.Helper()
	template := &x509.Certificate{IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign}
	a := authority{key: newECKey(t)}
	a.certificate, a.pem = certify(t, name, template, template, a.key, a.key)
	return a
}

// header is the CA as kubernetes-certificate-authority-data.
func (a authority) header() string { return base64.StdEncoding.EncodeToString([]byte(a.pem)) }

// serving is a server's certificate and key for the loopback address.
func (a authority) serving(t *testing.T) tls.Certificate {
	t.Helper()
	key := newECKey(t)
	template := &x509.Certificate{IPAddresses: []net.IP{{127, 0, 0, 1}}, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth}}
	certificate, _ := certify(t, "server", template, a.certificate, key, a.key)
	return tls.Certificate{Certificate: [][]byte{certificate.Raw}, PrivateKey: key}
}

// client is a client certificate and its key, both in PEM.
func (a authority) client(t *testing.T, name string) (certificate, key string) {
	t.Helper()
	private := newECKey(t)
	template := &x509.Certificate{ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth}}
	_, certificate = certify(t, name, template, a.certificate, private, a.key)
	der, err := x509.MarshalPKCS8PrivateKey(private)
	require.NoError(t, err)
	return certificate, string(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der}))
}

func newECKey(t *testing.T) *ecdsa.PrivateKey {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	require.NoError(t, err)
	return key
}

// certify completes the template and signs it; where it is its own parent, the
// certificate is self-signed.
func certify(t *testing.T, name string, template, parent *x509.Certificate, key, signer *ecdsa.PrivateKey) (*x509.Certificate, string) {
	t.Helper()
	serial, err := rand.Int(rand.Reader, new(big.Int).Lsh(big.NewInt(1), 120))
	require.NoError(t, err)
	template.SerialNumber, template.Subject = serial, pkix.Name{CommonName: name}
	template.NotBefore, template.NotAfter = time.Now().Add(-time.Hour), time.Now().Add(time.Hour)
	der, err := x509.CreateCertificate(rand.Reader, template, parent, key.Public(), signer)
	require.NoError(t, err)
	certificate, err := x509.ParseCertificate(der)
	require.NoError(t, err)
	return certificate, string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}))
}
