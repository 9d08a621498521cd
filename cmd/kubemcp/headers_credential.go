package main

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/base64"
	"encoding/pem"
	"fmt"
	"net/http"
	"os"
	"strings"

	"k8s.io/client-go/rest"
	"k8s.io/client-go/transport"

	"kubernetes-mcp-edge/extproc/kubeheader"
)

// fields are the headers of the context before any check, in contract order.
func (k *kubeContext) fields(ctx context.Context) ([]kubeheader.Field, error) {
	fields := headerFields{}.text(kubeheader.Server, k.rest.Host)
	if !rest.IsConfigTransportTLS(*k.rest) {
		return fields, nil // client-go reads no credential for it, and the check will refuse it
	}
	authority, err := dataOrFile(k.rest.CAData, k.rest.CAFile)
	if err != nil {
		return nil, k.correct(err)
	}
	c, err := k.credential(ctx)
	if err != nil {
		return nil, err
	}
	fields = fields.
		data(kubeheader.CertificateAuthority, onlyBlocks(authority, isCertificate)).
		secret(kubeheader.Authorization, c.authorization).
		data(kubeheader.ClientCertificate, c.certificate).
		data(kubeheader.ClientKey, c.key)
	if k.rest.Insecure {
		fields = fields.text(kubeheader.InsecureSkipTLSVerify, "true")
	}
	return fields.
		text(kubeheader.TLSServerName, k.rest.ServerName).
		text(kubeheader.Namespace, k.context.Namespace), nil
}

func (k *kubeContext) correct(err error) error {
	return fmt.Errorf("correct context %q in the kubeconfig: %w", k.name, err)
}

// headerFields collects headers; what is empty is left out.
type headerFields []kubeheader.Field

func (f headerFields) text(name, value string) headerFields {
	return f.secret(name, kubeheader.NewSecret([]byte(value)))
}

func (f headerFields) data(name string, value []byte) headerFields {
	return f.text(name, base64.StdEncoding.EncodeToString(value))
}

func (f headerFields) secret(name string, value kubeheader.Secret) headerFields {
	if value.Len() == 0 {
		return f
	}
	return append(f, kubeheader.Field{Name: name, Value: value})
}

// credential is what client-go would send and present. Both kinds at once are
// an error.
type credential struct {
	authorization    kubeheader.Secret // the whole Authorization header
	certificate, key []byte            // PEM
}

// credential asks client-go for the credential by the way it takes itself: the
// transport configuration that rest makes of the context, exec plugin included.
// Its round trippers are wrapped around one that looks at the request instead of
// sending it, so precedence, token files and plugins are client-go's own and no
// byte reaches a network. A client certificate never shows in a request: it is
// read from the configuration, or from the callback that the exec plugin's
// authenticator left there, which is the one that a handshake would call. The
// plugin runs once, for the authenticator remembers what it got.
func (k *kubeContext) credential(ctx context.Context) (credential, error) {
	config, err := k.rest.TransportConfig()
	if err != nil {
		return credential{}, k.correct(err)
	}
	c := credential{}
	if c.authorization, err = authorization(ctx, config, k.rest.Host); err != nil {
		if config.HasCertCallback() {
			return credential{}, k.pluginFault(err)
		}
		return credential{}, k.correct(err) // a token file; its errors hold the path
	}
	if config.HasCertCallback() {
		presented, err := config.TLS.GetCertHolder.GetCert()
		if err != nil {
			return credential{}, k.pluginFault(err)
		}
		c.certificate, c.key, err = encodePair(presented)
		if err != nil {
			return credential{}, err
		}
	} else if c.certificate, c.key, err = configuredPair(config); err != nil {
		return credential{}, k.correct(err)
	}
	if err := ctx.Err(); err != nil {
		return credential{}, fmt.Errorf("interrupted: %w", err)
	}
	return c, k.one(c)
}

// one refuses a context without a credential, and one with two: client-go would
// use both, and which of them the API server takes for the caller depends on
// what stands before it.
func (k *kubeContext) one(c credential) error {
	user, token, pair := k.context.AuthInfo, c.authorization.Len() > 0, len(c.certificate)+len(c.key) > 0
	switch {
	case token && pair && k.user.Exec != nil:
		return fmt.Errorf("the exec plugin of user %q gives a token and a client certificate, and a request may carry one; make it give one of them", user)
	case token && pair:
		return fmt.Errorf("user %q has a token and a client-certificate, and a request may carry one; remove one of them", user)
	case !token && !pair:
		return fmt.Errorf("user %q has no token, tokenFile, client-certificate or exec; log in to the cluster, or choose another --context", user)
	}
	return nil
}

// authorization is the Authorization header that client-go would send.
func authorization(ctx context.Context, config *transport.Config, server string) (kubeheader.Secret, error) {
	seen := &listener{}
	tripper, err := transport.HTTPWrappersForConfig(config, seen)
	if err != nil {
		return kubeheader.Secret{}, err
	}
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, server, http.NoBody)
	if err != nil {
		return kubeheader.Secret{}, err
	}
	response, err := tripper.RoundTrip(request)
	if err != nil {
		return kubeheader.Secret{}, err
	}
	return seen.authorization, response.Body.Close()
}

// listener answers every request itself and remembers its credential.
type listener struct{ authorization kubeheader.Secret }

// RoundTrip implements http.RoundTripper.
func (l *listener) RoundTrip(r *http.Request) (*http.Response, error) {
	l.authorization = kubeheader.NewSecret([]byte(r.Header.Get("Authorization")))
	return &http.Response{StatusCode: http.StatusOK, Body: http.NoBody, Request: r}, nil
}

// encodePair writes what a handshake would present as PEM; nothing for nil.
func encodePair(c *tls.Certificate) (certificate, key []byte, err error) {
	if c == nil {
		return nil, nil, nil
	}
	for _, der := range c.Certificate {
		certificate = append(certificate, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})...)
	}
	der, err := x509.MarshalPKCS8PrivateKey(c.PrivateKey)
	return certificate, pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der}), err
}

// configuredPair reads the certificate and key that the kubeconfig holds or
// names. They are not parsed: the check knows better than crypto/tls how to say
// what is wrong with them.
func configuredPair(config *transport.Config) (certificate, key []byte, err error) {
	if certificate, err = dataOrFile(config.TLS.CertData, config.TLS.CertFile); err != nil {
		return nil, nil, err
	}
	if key, err = dataOrFile(config.TLS.KeyData, config.TLS.KeyFile); err != nil {
		return nil, nil, err
	}
	return onlyBlocks(certificate, isCertificate), onlyBlocks(key, isKey), nil
}

// dataOrFile gives data precedence, as client-go does.
func dataOrFile(data []byte, file string) ([]byte, error) {
	if len(data) > 0 || file == "" {
		return data, nil
	}
	return os.ReadFile(file)
}

func isCertificate(kind string) bool { return kind == "CERTIFICATE" }

func isKey(kind string) bool { return strings.HasSuffix(kind, "PRIVATE KEY") }

// onlyBlocks drops what client-go reads over and the contract does not accept:
// text around PEM blocks (openssl x509 -text), line ends of other systems and
// blocks of other kinds. Without any block of the kind the bytes stay as they
// are, for the check to say what is wrong with them.
func onlyBlocks(text []byte, keep func(kind string) bool) []byte {
	var kept []byte
	for block, rest := pem.Decode(text); block != nil; block, rest = pem.Decode(rest) {
		if keep(block.Type) {
			kept = append(kept, pem.EncodeToMemory(block)...)
		}
	}
	if len(kept) == 0 {
		return text
	}
	return kept
}
