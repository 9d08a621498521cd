package kubeheader

import (
	"crypto"
	"crypto/x509"
	"time"
)

// Field is one header line: its name as received and its value. The value is a
// Secret whatever the name: before Parse nobody knows what a caller put where.
type Field struct {
	Name  string
	Value Secret
}

// Checked is a set of kubernetes-* headers that passed every rule of the
// contract under one policy at one time. Parse is its only constructor; the
// zero Checked is not valid and every consumer refuses it.
type Checked struct {
	_      [0]func()
	valid  bool
	target *Target // nil: anonymous
	fields []Field // canonical, in contract order
	until  time.Time
}

// Valid reports whether Parse made this value.
func (c Checked) Valid() bool { return c.valid }

// Target is what the caller asks for; false means that the request carried no
// kubernetes-* header and the policy lets such a request pass as anonymous.
func (c Checked) Target() (Target, bool) {
	if !c.valid || c.target == nil {
		return Target{}, false
	}
	return *c.target, true
}

// Canonical returns the headers to send on, in contract order, one line per
// name, in the canonical form of the contract. It is empty for an anonymous
// request. The slice must not be changed.
func (c Checked) Canonical() []Field { return c.fields }

// Until is when the credential stops being acceptable: the token's exp plus the
// 60 s of grace, or the NotAfter of the leaf. The zero time means never.
func (c Checked) Until() time.Time { return c.until }

// Target is one cluster, the trust to reach it with, and the credential to act as.
type Target struct {
	Server    ServerURL
	Trust     Trust
	Auth      Auth
	TLSName   string   // TLS server name to verify instead of the host; empty: the host
	Namespace string   // default namespace for tools; empty: none given
	Toolsets  []string // sorted, unique; nil: all that the backend offers
}

// Trust says how the API server's certificate is verified. It is a closed set:
// CA, Insecure or SystemRoots.
type Trust interface{ trust() }

// CA trusts exactly these certificates.
type CA struct {
	PEM          []byte // re-encoded CERTIFICATE blocks
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
	CertificatePEM []byte // leaf first
	Leaf           *x509.Certificate
	KeyPEM         Secret // PKCS#8
	Public         crypto.PublicKey
}

func (Token) auth()      {}
func (ClientCert) auth() {}
