package proof

import (
	"crypto/ed25519"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"strconv"
	"strings"
	"time"

	"kubernetes-mcp-edge/extproc/kubeheader"
)

// The profile. Both sides build the same bytes from these; no part of it is
// taken from the wire.
const (
	label     = "kube"
	tagPrefix = "kubernetes-mcp-edge/1/" // 1 is the version of this profile

	// Lifetime is the longest time between created and expires.
	Lifetime = 30 * time.Second
	// Skew is how far the clocks of edge and backend may be apart, each way.
	Skew = 5 * time.Second

	maxAudience = 64
)

// component is one covered HTTP field: its lower-case name and its only value.
type component struct {
	name  string
	value []byte
}

// parameters are what differs between two signatures over the same fields.
type parameters struct {
	created, expires int64 // Unix seconds
	keyID            string
}

// appendMember appends the value of Signature-Input: the label, the list of
// covered components and the parameters (RFC 9421, 4.1).
func appendMember(dst []byte, fields []component, p parameters, tag string) []byte {
	dst = append(dst, label...)
	dst = append(dst, '=')
	dst = appendList(dst, fields)
	return appendParameters(dst, p, tag)
}

// appendList appends the inner list of component identifiers.
func appendList(dst []byte, fields []component) []byte {
	dst = append(dst, '(')
	for i, f := range fields {
		if i > 0 {
			dst = append(dst, ' ')
		}
		dst = append(dst, '"')
		dst = append(dst, f.name...)
		dst = append(dst, '"')
	}
	return append(dst, ')')
}

func appendParameters(dst []byte, p parameters, tag string) []byte {
	dst = append(dst, ";created="...)
	dst = strconv.AppendInt(dst, p.created, 10)
	dst = append(dst, ";expires="...)
	dst = strconv.AppendInt(dst, p.expires, 10)
	dst = append(dst, `;keyid="`...)
	dst = append(dst, p.keyID...)
	return append(dst, parametersEnd(tag)...)
}

// parametersEnd is all that follows the value of keyid.
func parametersEnd(tag string) string { return `";alg="ed25519";tag="` + tag + `"` }

// signatureBase returns the bytes that are signed (RFC 9421, 2.5): a line per
// component, then the list and parameters of Signature-Input without the label.
// It holds the values themselves: it must not be kept or printed.
func signatureBase(fields []component, params []byte) []byte {
	size := len(`"@signature-params": `) + len(params)
	for _, f := range fields {
		size += len(f.name) + len(f.value) + len("\"\": \n")
	}
	base := make([]byte, 0, size)
	for _, f := range fields {
		base = append(base, '"')
		base = append(base, f.name...)
		base = append(base, `": `...)
		base = append(base, f.value...)
		base = append(base, '\n')
	}
	base = append(base, `"@signature-params": `...)
	return append(base, params...)
}

// signatureField returns the value of Signature: the label and a byte sequence
// (RFC 8941, 3.3.5).
func signatureField(signature []byte) string {
	return label + "=:" + base64.StdEncoding.EncodeToString(signature) + ":"
}

// thumbprint is the key id: the RFC 7638 thumbprint of an Ed25519 public key,
// whose required members RFC 8037 (2) lists.
func thumbprint(public ed25519.PublicKey) string {
	sum := sha256.Sum256([]byte(`{"crv":"Ed25519","kty":"OKP","x":"` +
		base64.RawURLEncoding.EncodeToString(public) + `"}`))
	return base64.RawURLEncoding.EncodeToString(sum[:])
}

// tagFor returns the tag parameter for an audience, which names the backends
// that a proof is meant for. It is restricted to characters that need no
// escape in a structured field string (RFC 8941, 3.3.3).
func tagFor(audience string) (string, error) {
	switch {
	case audience == "":
		return "", errors.New("the audience is empty: give both programs the same --audience")
	case len(audience) > maxAudience:
		return "", errors.New("the audience is longer than 64 characters")
	case strings.Trim(audience, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-._~:/") != "":
		return "", errors.New("the audience may hold letters, digits and - . _ ~ : / only")
	}
	return tagPrefix + audience, nil
}

// classify finds the place of a received field name among names, which are
// lower-case with dashes. The comparison ignores case and reads '_' as '-'.
// It returns -1 for a name that is not among them but begins with
// kubeheader.Prefix, and -2 for a name that is none of our business. Exact says
// that the name has no '_' where a '-' belongs.
func classify(received string, names []string) (place int, exact bool) {
	for i, name := range names {
		if len(name) == len(received) && reads(received, name) {
			return i, strings.IndexByte(received, '_') < 0
		}
	}
	if len(received) >= len(kubeheader.Prefix) && reads(received[:len(kubeheader.Prefix)], kubeheader.Prefix) {
		return unknownName, false
	}
	return foreignName, false
}

const (
	unknownName = -1
	foreignName = -2
)

// reads reports whether received, lower-cased and with '_' for '-', is name.
// Both have the same length.
func reads(received, name string) bool {
	for i := range len(name) {
		c := received[i]
		switch {
		case 'A' <= c && c <= 'Z':
			c += 'a' - 'A'
		case c == '_':
			c = '-'
		}
		if c != name[i] {
			return false
		}
	}
	return true
}
