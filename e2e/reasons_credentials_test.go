package e2e

import (
	"crypto/x509"
	"slices"
	"strings"
	"testing"
	"time"

	"kubernetes-mcp-edge/extproc/kubeheader"
)

// dataFaults are those of base64, PEM and certificates.
func dataFaults(t *testing.T) []reasonFault {
	t.Helper()
	certificate, key := issuePair(t, func(*x509.Certificate) {})
	old, _ := issuePair(t, func(c *x509.Certificate) { c.NotAfter = time.Now().Add(-10 * time.Minute) })
	withHeaders := strings.Replace(certificate, "-----\n", "-----\nCanary: canary\n\n", 1)
	return append(
		valueFaults(shared.Cluster.Token("alice"), kubeheader.CertificateAuthority, []faultyValue{
			{"base64-malformed", "not base64", "canary*canary"},
			{"not-pem", "not PEM", pemData("canary of a mine")},
			{"pem-malformed", "damaged or cut short", pemData(certificate[:len(certificate)/2])},
			{"pem-extra-text", "text before, between or after", pemData("canary\n", certificate)},
			{"pem-headers", "header lines", pemData(withHeaders)},
			{"pem-block-type", "kind that does not belong", pemData(certificate, key)},
			{"certificate-too-large", "more than 8 KiB", pemData(pemBlock("CERTIFICATE", make([]byte, 8<<10+1)))},
			{"certificate-malformed", "cannot be read as X.509", pemData(pemBlock("CERTIFICATE", []byte("canary")))},
			{"certificate-authority-expired", "no certificate that is valid today", pemData(old)},
		}),
		reasonFault{
			"certificate-authority-missing", kubeheader.CertificateAuthority, "is missing",
			shared.Cluster.Token("alice").Without(kubeheader.CertificateAuthority),
		},
		reasonFault{
			"certificate-too-many", kubeheader.ClientCertificate, "more certificates than",
			shared.Cluster.Certificate("alice").With(kubeheader.ClientCertificate, pemData(strings.Repeat(certificate, 5))),
		},
		// The key: a CA of this size does not fit into what Envoy accepts.
		reasonFault{
			"value-too-large", kubeheader.ClientKey, "larger than any value",
			shared.Cluster.Certificate("alice").With(kubeheader.ClientKey, strings.Repeat("Y2FuYXJ5", 4200)),
		},
	)
}

// credentialFaults are those of the token and of the client certificate.
func credentialFaults(t *testing.T) []reasonFault {
	t.Helper()
	token, pair := shared.Cluster.Token("alice"), shared.Cluster.Certificate("alice")
	now := time.Now()
	_, key := issuePair(t, func(*x509.Certificate) {})
	return slices.Concat([]reasonFault{
		{"credential-missing", kubeheader.Authorization, "there is no client certificate either", token.Without(kubeheader.Authorization)},
		{"credential-ambiguous", kubeheader.Authorization, "came together with", pair.Plus(kubeheader.Authorization, token.Get(kubeheader.Authorization))},
		{"client-certificate-missing", kubeheader.ClientCertificate, "though a client key was sent", pair.Without(kubeheader.ClientCertificate)},
		{"client-certificate-expired", kubeheader.ClientCertificate, "has expired", withPair(t, func(c *x509.Certificate) {
			c.NotAfter = now.Add(-time.Minute)
		})},
		{"client-certificate-not-yet-valid", kubeheader.ClientCertificate, "not valid yet", withPair(t, func(c *x509.Certificate) {
			c.NotBefore = now.Add(30 * time.Minute)
		})},
		{"client-certificate-usage", kubeheader.ClientCertificate, "not for client authentication", withPair(t, func(c *x509.Certificate) {
			c.ExtKeyUsage = []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth}
		})},
		{"client-key-missing", kubeheader.ClientKey, "though a client certificate was sent", pair.Without(kubeheader.ClientKey)},
	}, valueFaults(token, kubeheader.Authorization, []faultyValue{
		{"token-empty", "the word Bearer and no token", "Bearer"},
		{"token-double-bearer", "the word Bearer twice", "Bearer bearer canary-token"},
		{"token-too-long", "more than 8192 bytes", "Bearer " + strings.Repeat("c", 8193)},
		{"token-malformed", "no bearer token has", "Basic Y2FuYXJ5OmNhbmFyeQ=="},
		{"token-expired", "has expired", "Bearer " + expiringJWT(`{"sub":"canary","exp":1700000000}`)},
	}), valueFaults(pair, kubeheader.ClientKey, []faultyValue{
		{"client-key-not-single", "exactly one private key", pemData(key + key)},
		{"client-key-encrypted", "passphrase", pemData(pemBlock("ENCRYPTED PRIVATE KEY", []byte("canary")))},
		{"client-key-too-large", "more than 3 KiB", pemData(pemBlock("PRIVATE KEY", make([]byte, 3<<10+1)))},
		{"client-key-unsupported", "not supported", pemData(oddCurve(t))},
		{"client-key-too-weak", "less than 2048 bits", pemData(weakRSA(t))},
		{"client-key-malformed", "cannot be read", pemData(pemBlock("PRIVATE KEY", []byte("canary")))},
		{"client-key-mismatch", "does not belong to the first certificate", pemData(key)},
	}))
}
