package hostile

import (
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"encoding/base64"
	"encoding/pem"
	"fmt"
	"math/big"
	"sync"
	"time"

	"kubernetes-mcp-edge/e2e/harness"
)

func armoured(kind string, der []byte) string {
	return base64.StdEncoding.EncodeToString(pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der}))
}

// largestKey is a certificate of nobody's and its key, RSA-4096: the dearest
// credential that the contract takes.
var largestKey = sync.OnceValues(func() (harness.Headers, error) {
	key, err := rsa.GenerateKey(rand.Reader, 4096)
	if err != nil {
		return nil, err
	}
	now := time.Now()
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "nobody"},
		NotBefore: now.Add(-time.Hour), NotAfter: now.Add(time.Hour),
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth},
	}
	certificate, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		return nil, err
	}
	private, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		return nil, err
	}
	return harness.Headers{
		{Name: "Kubernetes-Client-Certificate-Data", Value: armoured("CERTIFICATE", certificate)},
		{Name: "Kubernetes-Client-Key-Data", Value: armoured("PRIVATE KEY", private)},
	}, nil
})

// tooLargeKey has the form and the size of an RSA-8192 key. Its numbers are
// random: whoever computes with them loses milliseconds and learns nothing.
func tooLargeKey() (string, error) {
	number := func(bits uint) (*big.Int, error) { return rand.Int(rand.Reader, new(big.Int).Lsh(big.NewInt(1), bits)) }
	parts := make([]*big.Int, 0, 7)
	for _, bits := range []uint{8192, 8192, 4096, 4096, 4096, 4096, 4096} {
		n, err := number(bits)
		if err != nil {
			return "", err
		}
		parts = append(parts, n)
	}
	der, err := asn1.Marshal(struct {
		Version                   int
		N                         *big.Int
		E                         int
		D, P, Q, DP, DQ, QInverse *big.Int
	}{0, parts[0], 65537, parts[1], parts[2], parts[3], parts[4], parts[5], parts[6]})
	if err != nil {
		return "", err
	}
	return armoured("RSA PRIVATE KEY", der), nil
}

// token is a token of its own for every number, as a token looks.
func token(n int64) string {
	return fmt.Sprintf("Bearer sha256~%048d", n)
}

func base64Of(b []byte) string { return base64.StdEncoding.EncodeToString(b) }
