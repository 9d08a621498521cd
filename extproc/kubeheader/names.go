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

// AnyHeader stands in a Problem for a header whose name is not in the
// contract: the name itself is the caller's and never repeated.
const AnyHeader = "kubernetes-*"

// Names that the edge sets itself and that no client may send.
const (
	Fingerprint    = "x-kubernetes-fingerprint"
	SignatureInput = "signature-input"
	Signature      = "signature"
)

// Names returns the headers of the contract in contract order: the order of
// problems in a rejection, of components in the proof, and of the docs. The
// slice is a fresh copy.
func Names() []string {
	n := names()
	return n[:]
}

// headerCount is the number of headers in the contract.
const headerCount = 9

// The positions of the headers in the contract.
const (
	atServer = iota
	atCertificateAuthority
	atAuthorization
	atClientCertificate
	atClientKey
	atInsecure
	atTLSServerName
	atNamespace
	atToolsets
)

// names is Names without the allocation.
func names() [headerCount]string {
	return [headerCount]string{
		Server, CertificateAuthority, Authorization, ClientCertificate, ClientKey,
		InsecureSkipTLSVerify, TLSServerName, Namespace, Toolsets,
	}
}

// Claims reports whether a header of this name belongs to the contract's name
// space, in any case and with '_' or '-' wherever it likes: such a header is
// either one of Names or refused, and never passes unseen. Only ASCII letters
// fold: U+212A (KELVIN SIGN) is no 'k', whatever strings.ToLower says.
func Claims(name string) bool {
	if len(name) < len(Prefix) {
		return false
	}
	return isFold(name[:len(Prefix)], Prefix)
}

// position finds a received name in the contract, with letters folded and '_'
// read as '-'. underscored says that it was spelt with an underscore.
func position(name string) (at int, underscored, ok bool) {
	for i, want := range names() {
		if name == want { // what Envoy delivers; the fast way
			return i, false, true
		}
		if u, same := sameName(name, want); same {
			return i, u, true
		}
	}
	return 0, false, false
}

// sameName compares a received name with one of the contract.
func sameName(name, want string) (underscored, same bool) {
	if len(name) != len(want) {
		return false, false
	}
	for i := range len(name) {
		c := fold(name[i])
		if c == '_' {
			underscored, c = true, '-'
		}
		if c != want[i] {
			return false, false
		}
	}
	return underscored, true
}

// isFold reports whether s is lower in any case of its ASCII letters.
// strings.EqualFold would fold U+017F and U+212A too.
func isFold[T string | []byte](s T, lower string) bool {
	if len(s) != len(lower) {
		return false
	}
	for i := range len(s) {
		if fold(s[i]) != lower[i] {
			return false
		}
	}
	return true
}

// fold lower-cases one ASCII letter.
func fold(c byte) byte {
	if 'A' <= c && c <= 'Z' {
		return c + ('a' - 'A')
	}
	return c
}
