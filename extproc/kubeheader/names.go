package kubeheader

// The header names of the contract, lower-case as Envoy delivers them. This is
// the only list of them in the product.
const (
	Server                = "kubernetes-server"
	CertificateAuthority  = "kubernetes-certificate-authority-data"
	Authorization         = "kubernetes-authorization"
	ClientCertificate     = "kubernetes-client-certificate-data"
	ClientKey             = "kubernetes-client-key-data"
	InsecureSkipTLSVerify = "kubernetes-insecure-skip-tls-verify"
	TLSServerName         = "kubernetes-tls-server-name"
	Namespace             = "kubernetes-namespace"
	Toolsets              = "kubernetes-toolsets"
)

// Prefix is what makes a header name ours: lower-cased, with '_' read as '-',
// it begins with Prefix. It has no trailing dash so that spellings with an
// underscore are seen (and refused) too.
const Prefix = "kubernetes"

// Names that the edge sets itself and that no client may send.
const (
	Fingerprint    = "x-kubernetes-fingerprint"
	SignatureInput = "signature-input"
	Signature      = "signature"
)

// Names returns the headers of the contract in contract order: the order of
// problems in a rejection, of components in the proof, and of the docs.
func Names() []string {
	return []string{
		Server, CertificateAuthority, Authorization, ClientCertificate, ClientKey,
		InsecureSkipTLSVerify, TLSServerName, Namespace, Toolsets,
	}
}
