package kubeheader

import (
	"crypto"
	"crypto/x509"
	"slices"
	"time"
)

// clientCert reads the client certificate and its key.
func (x *parser) clientCert() Auth {
	chain, text, fault := x.certificates(atClientCertificate, maxChain)
	if fault != 0 {
		x.add(fault, atClientCertificate)
	}
	if chain != nil {
		x.judgeChain(chain)
	}
	key, ok := x.clientKey()
	if !ok || chain == nil {
		return nil
	}
	leaf := chain[0]
	public, ok := key.Public().(interface{ Equal(x crypto.PublicKey) bool })
	if !ok || !public.Equal(leaf.PublicKey) {
		x.add(ReasonClientKeyMismatch, atClientKey)
		return nil
	}
	keyPEM, ok := encodeKey(key)
	if !ok {
		x.add(ReasonClientKeyMalformed, atClientKey)
		return nil
	}
	return ClientCert{
		CertificatePEM: NewSecret(text),
		Leaf:           leaf,
		KeyPEM:         NewSecret(keyPEM),
		Public:         leaf.PublicKey,
	}
}

// judgeChain checks that every certificate is within its validity, to the
// second, and that the leaf may be a client's.
func (x *parser) judgeChain(chain []*x509.Certificate) {
	var until time.Time
	for _, c := range chain {
		if x.now.After(c.NotAfter) {
			x.add(ReasonClientCertificateExpired, atClientCertificate)
		}
		if x.now.Before(c.NotBefore) {
			x.add(ReasonClientCertificateNotYetValid, atClientCertificate)
		}
		if until.IsZero() || c.NotAfter.Before(until) {
			until = c.NotAfter
		}
	}
	x.until = until
	if !forClients(chain[0]) {
		x.add(ReasonClientCertificateUsage, atClientCertificate)
	}
}

// forClients reports whether the extended key usage is absent, or names client
// authentication or any usage (RFC 5280 4.2.1.12).
func forClients(c *x509.Certificate) bool {
	if len(c.ExtKeyUsage) == 0 && len(c.UnknownExtKeyUsage) == 0 {
		return true
	}
	return slices.Contains(c.ExtKeyUsage, x509.ExtKeyUsageClientAuth) ||
		slices.Contains(c.ExtKeyUsage, x509.ExtKeyUsageAny)
}
