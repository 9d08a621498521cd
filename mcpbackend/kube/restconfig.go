package kube

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"strings"

	"k8s.io/client-go/rest"

	"kubernetes-mcp-edge/extproc/kubeheader"
)

// This file is the only one in the backend that looks inside a Secret: it hands
// the token to client-go and the key to crypto/tls, feeds both to the pool's
// keyed hash, and takes the token out of text that a server sent back.

// restConfig is the one place that builds a rest.Config. Transport carries
// everything about TLS, dialling and limits, so the rest stays empty; what can
// name files, programs, other users or proxies is never set from a caller.
func restConfig(t kubeheader.Target, guarded *guard) *rest.Config {
	cfg := &rest.Config{
		Host:      t.Server.String(),
		Transport: guarded,
		UserAgent: userAgent,
		// The limit of calls is the server's own (and Envoy's): client-go's default
		// of 5 per second would throttle a client that is kept.
		QPS:            -1,
		WarningHandler: rest.NoWarnings{},
		ContentConfig:  rest.ContentConfig{AcceptContentTypes: jsonType, ContentType: jsonType},
	}
	if token, ok := t.Auth.(kubeheader.Token); ok {
		cfg.BearerToken = string(token.Value.Reveal())
	}
	return cfg
}

// tlsConfig says whom to trust and what to show. Every kind of Trust is a case
// of its own: nothing falls back to the machine's roots.
func tlsConfig(t kubeheader.Target, publicRoots *x509.CertPool) (*tls.Config, error) {
	c := &tls.Config{
		MinVersion:    tls.VersionTLS12,
		ServerName:    t.TLSName,
		Renegotiation: tls.RenegotiateNever,
		// No resumption: a resumed session skips the check of the chain
		// (CVE-2025-68121), and the pool keeps connections open anyway.
		ClientSessionCache: nil,
	}
	switch trust := t.Trust.(type) {
	case kubeheader.CA:
		if len(trust.Certificates) == 0 {
			return nil, errors.New("kube: a CA without certificates")
		}
		c.RootCAs = x509.NewCertPool()
		for _, cert := range trust.Certificates {
			c.RootCAs.AddCert(cert)
		}
	case kubeheader.SystemRoots:
		if publicRoots == nil {
			return nil, errors.New("kube: the policy has no public roots")
		}
		c.RootCAs = publicRoots
	case kubeheader.Insecure:
		c.InsecureSkipVerify = true // the operator named this host in insecureHosts
	default:
		return nil, fmt.Errorf("kube: unknown trust %T", trust)
	}
	switch auth := t.Auth.(type) {
	case kubeheader.Token:
	case kubeheader.ClientCert:
		pair, err := tls.X509KeyPair(auth.CertificatePEM.Reveal(), auth.KeyPEM.Reveal())
		if err != nil {
			return nil, errors.New("kube: the client certificate and key do not make a pair")
		}
		c.GetClientCertificate = func(*tls.CertificateRequestInfo) (*tls.Certificate, error) { return &pair, nil }
	default:
		return nil, fmt.Errorf("kube: unknown credential %T", auth)
	}
	return c, nil
}

// credentialParts feeds the pool's hash: the kind, then the secret bytes.
func credentialParts(auth kubeheader.Auth, add func(part []byte)) {
	switch a := auth.(type) {
	case kubeheader.Token:
		add([]byte("token"))
		add(a.Value.Reveal())
	case kubeheader.ClientCert:
		add([]byte("client-certificate"))
		add(a.CertificatePEM.Reveal())
		add(a.KeyPEM.Reveal())
	}
}

// credentialSize is about how many bytes an entry keeps because of it.
func credentialSize(auth kubeheader.Auth) int {
	n := 0
	credentialParts(auth, func(part []byte) { n += len(part) })
	return n
}

// scrub takes the caller's token out of text that a server sent: a hostile one
// may echo it into an error or an object to have it printed.
func scrub(auth kubeheader.Auth, text string) string {
	token, ok := auth.(kubeheader.Token)
	if !ok || token.Value.Len() == 0 {
		return text
	}
	return strings.ReplaceAll(text, string(token.Value.Reveal()), "[redacted]")
}
