package kube

import (
	"bytes"
	"context"
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/base64"
	"encoding/pem"
	"math/big"
	"net/netip"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"kubernetes-mcp-edge/extproc/hostpolicy"
	"kubernetes-mcp-edge/extproc/kubeheader"
	"kubernetes-mcp-edge/extproc/proof"
	"kubernetes-mcp-edge/extproc/prooftest"
)

const decision = "0b5c41b2-6f0d-4f4b-9a53-3a4a1c0f4c11"

// edge is the guard and the door under a policy that tests may change.
type edge struct {
	*prooftest.Edge

	policy *kubeheader.Policy
}

func newEdge(t *testing.T) *edge {
	t.Helper()
	allowed := &kubeheader.Policy{
		Hosts: loopback(t), InsecureHosts: []string{"127.0.0.1"}, CredentialsOptional: true, PathPrefixes: []string{"/"},
		AllowToken: true, AllowClientCertificate: true, AllowTLSServerName: true, PublicRoots: true,
	}
	return &edge{Edge: prooftest.NewEdge(t, allowed), policy: allowed}
}

// loopback allows 127.0.0.1 on every port that a test may get.
func loopback(t *testing.T) *hostpolicy.Policy {
	t.Helper()
	hosts, err := everyPort()
	require.NoError(t, err)
	return hosts
}

// everyPort is made once: 64,512 ports take longer than many a test.
var everyPort = sync.OnceValues(func() (*hostpolicy.Policy, error) {
	ports := make([]uint16, 0, 1<<16-1024)
	for p := 1024; p < 1<<16; p++ {
		ports = append(ports, uint16(p))
	}
	return hostpolicy.New(hostpolicy.Config{
		Hosts:    []string{"localhost"},
		Networks: []hostpolicy.Network{{Prefix: netip.MustParsePrefix("127.0.0.1/32"), Ports: ports}},
	})
})

// caller verifies a request with these headers, given as name, value pairs.
func (e *edge) caller(t *testing.T, headers ...string) proof.Verified {
	t.Helper()
	return e.callerAt(t, time.Now(), headers...)
}

func (e *edge) callerAt(t *testing.T, now time.Time, headers ...string) proof.Verified {
	t.Helper()
	var fields []kubeheader.Field
	for i := 0; i < len(headers); i += 2 {
		fields = append(fields, prooftest.Field(headers[i], headers[i+1]))
	}
	return e.Caller(t, now, fields...)
}

// newClients makes a pool under the loopback policy.
func newClients(t *testing.T, change ...func(*Config)) *Clients {
	t.Helper()
	rules := Rules{Hosts: loopback(t), Generation: "1"}
	c := Config{Rules: func() Rules { return rules }}
	for _, f := range change {
		f(&c)
	}
	clients, err := New(c)
	require.NoError(t, err)
	t.Cleanup(clients.Close)
	return clients
}

// within gives a call its deadline.
func within(t *testing.T, d time.Duration) context.Context {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), d)
	t.Cleanup(cancel)
	return ctx
}

// authority signs certificates.
type authority struct {
	cert *x509.Certificate
	key  *ecdsa.PrivateKey
}

func newAuthority(t *testing.T) *authority {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	require.NoError(t, err)
	a := &authority{key: key}
	a.cert = a.issue(t, key.Public(), &x509.Certificate{
		Subject: pkix.Name{CommonName: "test authority"}, IsCA: true, BasicConstraintsValid: true,
		KeyUsage: x509.KeyUsageCertSign,
	})
	return a
}

func (a *authority) issue(t *testing.T, public crypto.PublicKey, template *x509.Certificate) *x509.Certificate {
	t.Helper()
	serial, err := rand.Int(rand.Reader, big.NewInt(1<<62))
	require.NoError(t, err)
	template.SerialNumber = serial
	if template.NotAfter.IsZero() {
		template.NotBefore, template.NotAfter = time.Now().Add(-time.Hour), time.Now().Add(time.Hour)
	}
	parent := a.cert
	if parent == nil {
		parent = template
	}
	der, err := x509.CreateCertificate(rand.Reader, template, parent, public, a.key)
	require.NoError(t, err)
	cert, err := x509.ParseCertificate(der)
	require.NoError(t, err)
	return cert
}

// user is a client certificate and its key, as headers want them.
func (a *authority) user(t *testing.T, name string, key crypto.Signer) (certificate, keyData string) {
	t.Helper()
	cert := a.issue(t, key.Public(), &x509.Certificate{
		Subject: pkix.Name{CommonName: name}, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth},
	})
	der, err := x509.MarshalPKCS8PrivateKey(key)
	require.NoError(t, err)
	return pemData(cert), base64PEM("PRIVATE KEY", der)
}

func pemData(certs ...*x509.Certificate) string {
	var b bytes.Buffer
	for _, c := range certs {
		b.Write(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: c.Raw}))
	}
	return base64.StdEncoding.EncodeToString(b.Bytes())
}

func base64PEM(kind string, der []byte) string {
	return base64.StdEncoding.EncodeToString(pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der}))
}

// clock is a time that a test moves.
type clock struct{ nano atomic.Int64 }

func newClock() *clock {
	c := &clock{}
	c.nano.Store(time.Now().UnixNano())
	return c
}

func (c *clock) now() time.Time        { return time.Unix(0, c.nano.Load()) }
func (c *clock) add(d time.Duration)   { c.nano.Add(int64(d)) }
func (c *clock) config(config *Config) { config.Now = c.now }
