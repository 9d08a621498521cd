package kube

import (
	"bytes"
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/base64"
	"encoding/pem"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"k8s.io/client-go/rest"

	"kubernetes-mcp-edge/extproc/kubeheader"
)

// TestAcceptedMeansBuilt: whatever the contract accepts makes a client here,
// and one that client-go itself would build from the same bytes.
func TestAcceptedMeansBuilt(t *testing.T) {
	e, clients, a := newEdge(t), newClients(t), newAuthority(t)
	server := []string{"kubernetes-server", "https://127.0.0.1:6443"}
	ca := []string{"kubernetes-certificate-authority-data", pemData(a.cert)}
	token := []string{"kubernetes-authorization", "alice-token"}
	for name, headers := range accepted(t, a, server, ca, token) {
		t.Run(name, func(t *testing.T) {
			v := e.caller(t, headers...)
			client, err := clients.For(t.Context(), v, decision)
			require.NoError(t, err, "accepted, then refused")
			require.NotNil(t, client)
			target, ok := v.Target()
			require.True(t, ok)
			_, err = rest.TLSConfigFor(clientGoConfig(target))
			require.NoError(t, err, "client-go refuses what was accepted")
		})
	}
}

// clientGoConfig is what a plain user of client-go would write.
func clientGoConfig(t kubeheader.Target) *rest.Config {
	cfg := &rest.Config{Host: t.Server.String(), TLSClientConfig: rest.TLSClientConfig{ServerName: t.TLSName}}
	switch trust := t.Trust.(type) {
	case kubeheader.CA:
		cfg.CAData = trust.PEM.Reveal()
	case kubeheader.Insecure:
		cfg.Insecure = true
	}
	switch auth := t.Auth.(type) {
	case kubeheader.Token:
		cfg.BearerToken = string(auth.Value.Reveal())
	case kubeheader.ClientCert:
		cfg.CertData, cfg.KeyData = auth.CertificatePEM.Reveal(), auth.KeyPEM.Reveal()
	}
	return cfg
}

func accepted(t *testing.T, a *authority, server, ca, token []string) map[string][]string {
	t.Helper()
	join := func(parts ...[]string) []string {
		var all []string
		for _, p := range parts {
			all = append(all, p...)
		}
		return all
	}
	one := func(name, value string) []string { return []string{name, value} }
	cases := map[string][]string{
		"token":                 join(server, ca, token),
		"token with Bearer":     join(server, ca, one("kubernetes-authorization", "bEaReR sha256~abc")),
		"token of 8192 bytes":   join(server, ca, one("kubernetes-authorization", strings.Repeat("t", 8192))),
		"token that is a JWT":   join(server, ca, one("kubernetes-authorization", jwt(time.Now().Add(time.Hour)))),
		"insecure":              join(server, token, one("kubernetes-insecure-skip-tls-verify", "TRUE")),
		"insecure and CA":       join(server, ca, token, one("kubernetes-insecure-skip-tls-verify", "true")),
		"not insecure":          join(server, ca, token, one("kubernetes-insecure-skip-tls-verify", "False")),
		"server name":           join(server, ca, token, one("kubernetes-tls-server-name", "API.example.com")),
		"server with a path":    join(one("kubernetes-server", "https://127.0.0.1:6443/k8s/clusters/c-1/"), ca, token),
		"server with capitals":  join(one("kubernetes-server", "HTTPS://LOCALHOST.:443/"), ca, token),
		"CA, expired beside ok": join(server, token, one("kubernetes-certificate-authority-data", pemData(expired(t, a), a.cert))),
		"CA, sixteen":           join(server, token, one("kubernetes-certificate-authority-data", pemData(sixteen(t)...))),
		"CA, URL alphabet":      join(server, token, one("kubernetes-certificate-authority-data", urlAlphabet(t, pemData(a.cert)))),
		"CA, pinned server":     join(server, token, one("kubernetes-certificate-authority-data", pemData(pinned(t, a)))),
	}
	for name, pair := range pairs(t, a) {
		cases["certificate, "+name] = join(server, ca,
			one("kubernetes-client-certificate-data", pair[0]), one("kubernetes-client-key-data", pair[1]))
	}
	return cases
}

// pairs has every kind of key in every encoding that the contract knows.
func pairs(t *testing.T, a *authority) map[string][2]string {
	t.Helper()
	out := map[string][2]string{}
	add := func(name string, key crypto.Signer) {
		certificate, pkcs8 := a.user(t, "alice", key)
		out[name+" PKCS#8"] = [2]string{certificate, pkcs8}
		switch k := key.(type) {
		case *rsa.PrivateKey:
			out[name+" PKCS#1"] = [2]string{certificate, base64PEM("RSA PRIVATE KEY", x509.MarshalPKCS1PrivateKey(k))}
		case *ecdsa.PrivateKey:
			der, err := x509.MarshalECPrivateKey(k)
			require.NoError(t, err)
			out[name+" SEC 1"] = [2]string{certificate, base64PEM("EC PRIVATE KEY", der)}
			if k.Curve == elliptic.P256() {
				out[name+" SEC 1 after parameters"] = [2]string{certificate, withParameters(der)}
			}
		}
	}
	for _, bits := range []int{2048, 3072, 4096} {
		key, err := rsa.GenerateKey(rand.Reader, bits)
		require.NoError(t, err)
		add(fmt.Sprint("RSA-", bits), key)
	}
	for _, curve := range []elliptic.Curve{elliptic.P256(), elliptic.P384(), elliptic.P521()} {
		key, err := ecdsa.GenerateKey(curve, rand.Reader)
		require.NoError(t, err)
		add(curve.Params().Name, key)
	}
	_, ed, err := ed25519.GenerateKey(rand.Reader)
	require.NoError(t, err)
	add("Ed25519", ed)
	certificate, key := a.user(t, "alice", ed)
	out["a chain"] = [2]string{chain(t, certificate, a.cert), key}
	return out
}

// withParameters puts the block before the key that OpenSSL writes there; its
// content is the OID of P-256.
func withParameters(sec1 []byte) string {
	var b bytes.Buffer
	b.Write(pem.EncodeToMemory(&pem.Block{Type: "EC PARAMETERS", Bytes: []byte{6, 8, 0x2a, 0x86, 0x48, 0xce, 0x3d, 3, 1, 7}}))
	b.Write(pem.EncodeToMemory(&pem.Block{Type: "EC PRIVATE KEY", Bytes: sec1}))
	return base64.StdEncoding.EncodeToString(b.Bytes())
}

func chain(t *testing.T, leaf string, cert *x509.Certificate) string {
	t.Helper()
	first, err := base64.StdEncoding.DecodeString(leaf)
	require.NoError(t, err)
	second, err := base64.StdEncoding.DecodeString(pemData(cert))
	require.NoError(t, err)
	return base64.StdEncoding.EncodeToString(append(first, second...))
}

func urlAlphabet(t *testing.T, std string) string {
	t.Helper()
	raw, err := base64.StdEncoding.DecodeString(std)
	require.NoError(t, err)
	return base64.URLEncoding.EncodeToString(raw)
}

func expired(t *testing.T, a *authority) *x509.Certificate {
	t.Helper()
	return a.issue(t, a.key.Public(), &x509.Certificate{
		IsCA: true, BasicConstraintsValid: true, NotBefore: time.Now().Add(-2 * time.Hour), NotAfter: time.Now().Add(-time.Hour),
	})
}

func sixteen(t *testing.T) []*x509.Certificate {
	t.Helper()
	all := make([]*x509.Certificate, 16)
	for i := range all {
		all[i] = newAuthority(t).cert
	}
	return all
}

func pinned(t *testing.T, a *authority) *x509.Certificate {
	t.Helper()
	self := &authority{key: a.key}
	return self.issue(t, a.key.Public(), &x509.Certificate{DNSNames: []string{"api.example.com"}})
}
