package main

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"fmt"
	"math/big"
	"net"
	"time"
)

const (
	certificateLife = 7 * 24 * time.Hour
	clockSkew       = 5 * time.Minute
)

// authority is the cluster's one CA: it signs the API server's certificate and
// those of clients.
type authority struct {
	key         crypto.Signer
	certificate *x509.Certificate
	pem         []byte
}

// pair is a certificate with its key, both PEM (PKCS#8).
type pair struct{ certificate, key []byte }

func newAuthority(name string) (authority, error) {
	key, err := newECDSA()
	if err != nil {
		return authority{}, err
	}
	template := &x509.Certificate{
		Subject:               pkix.Name{CommonName: name},
		IsCA:                  true,
		BasicConstraintsValid: true,
		KeyUsage:              x509.KeyUsageCertSign | x509.KeyUsageDigitalSignature,
	}
	a := authority{key: key, certificate: template}
	der, err := a.sign(template, key.Public())
	if err != nil {
		return authority{}, err
	}
	a.certificate, err = x509.ParseCertificate(der)
	a.pem = encode("CERTIFICATE", der)
	return a, err
}

// serving makes a server certificate for the names under which the API server
// is reached.
func (a authority) serving(names []string, addresses ...net.IP) (pair, error) {
	key, err := newECDSA()
	if err != nil {
		return pair{}, err
	}
	return a.issue(&x509.Certificate{
		Subject:     pkix.Name{CommonName: names[0]},
		DNSNames:    names,
		IPAddresses: addresses,
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
	}, key)
}

// client makes a client certificate: to Kubernetes the common name is the user
// and each organisation a group.
func (a authority) client(user string, groups []string, key crypto.Signer) (pair, error) {
	return a.issue(&x509.Certificate{
		Subject:     pkix.Name{CommonName: user, Organization: groups},
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth},
	}, key)
}

func (a authority) issue(template *x509.Certificate, key crypto.Signer) (pair, error) {
	template.KeyUsage = x509.KeyUsageDigitalSignature
	der, err := a.sign(template, key.Public())
	if err != nil {
		return pair{}, fmt.Errorf("certificate for %s: %w", template.Subject.CommonName, err)
	}
	pkcs8, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		return pair{}, err
	}
	return pair{certificate: encode("CERTIFICATE", der), key: encode("PRIVATE KEY", pkcs8)}, nil
}

func (a authority) sign(template *x509.Certificate, public crypto.PublicKey) ([]byte, error) {
	serial, err := rand.Int(rand.Reader, new(big.Int).Lsh(big.NewInt(1), 120))
	if err != nil {
		return nil, err
	}
	now := time.Now()
	template.SerialNumber = serial
	template.NotBefore, template.NotAfter = now.Add(-clockSkew), now.Add(certificateLife)
	return x509.CreateCertificate(rand.Reader, template, a.certificate, public, a.key)
}

func newECDSA() (crypto.Signer, error) { return ecdsa.GenerateKey(elliptic.P256(), rand.Reader) }

func newRSA() (crypto.Signer, error) { return rsa.GenerateKey(rand.Reader, 2048) }

func encode(kind string, der []byte) []byte {
	return pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der})
}
