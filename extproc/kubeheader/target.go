package kubeheader

import (
	"crypto"
	"crypto/x509"
	"time"
)

// Target is one cluster, the trust to reach it with, and the credential to act
// as. It prints as the kind of its credential.
type Target struct {
	Server    ServerURL
	Trust     Trust
	Auth      Auth
	TLSName   string   // TLS server name to verify instead of the host; empty: the host
	Namespace string   // default namespace for tools; empty: none given
	Toolsets  []string // sorted, unique; nil: all that the backend offers
}

// Credential is the kind of credential: "token" or "client-certificate".
func (t Target) Credential() string {
	switch t.Auth.(type) {
	case Token:
		return "token"
	case ClientCert:
		return "client-certificate"
	}
	return ""
}

// Trust says how the API server's certificate is verified. It is a closed set:
// CA, Insecure or SystemRoots.
type Trust interface{ trust() }

// CA trusts exactly these certificates.
type CA struct {
	PEM          Secret // re-encoded CERTIFICATE blocks; never printed, as no value of a header is
	Certificates []*x509.Certificate
}

// Insecure verifies nothing. The policy named the host as one where that may be.
type Insecure struct{}

// SystemRoots trusts the policy's publicRootsFile.
type SystemRoots struct{}

func (CA) trust()          {}
func (Insecure) trust()    {}
func (SystemRoots) trust() {}

// Auth is the credential. It is a closed set: Token or ClientCert.
type Auth interface{ auth() }

// Token is a bearer token.
type Token struct {
	Value  Secret    // without the "Bearer " prefix
	Expiry time.Time // the JWT's exp, unverified; zero: none or opaque
}

// ClientCert is an x509 client certificate with its key.
type ClientCert struct {
	CertificatePEM Secret // leaf first; never printed, as no value of a header is
	Leaf           *x509.Certificate
	KeyPEM         Secret // PKCS#8
	Public         crypto.PublicKey
}

func (Token) auth()      {}
func (ClientCert) auth() {}
