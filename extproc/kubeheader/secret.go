package kubeheader

import (
	"crypto/subtle"
	"fmt"
	"io"
	"log/slog"
)

// redacted is all that any formatting of a Secret shows.
const redacted = "[redacted]"

// Secret holds bytes that must never be printed: a token, a private key, or
// any header value before it has been checked. Every way that fmt, log/slog,
// encoding/json and encoding/text know to print a value yields "[redacted]".
//
// The bytes stand behind a pointer because fmt cannot call methods on an
// unexported struct field: it prints the field's memory instead, which here is
// an address. They stand behind two because fmt follows one pointer to a slice
// where the verb does not fit, as %s does not: "%!s(*[]uint8=&[67 65 …])". The
// zero Secret is empty.
type Secret struct {
	_ [0]func() // not comparable: == would leak through timing
	p **[]byte
}

// NewSecret wraps b without copying; the caller must not change b afterwards.
func NewSecret(b []byte) Secret {
	held := &struct {
		bytes []byte
		first *[]byte
	}{bytes: b}
	held.first = &held.bytes
	return Secret{p: &held.first}
}

// Secrets wraps each element of values in place, with no allocation per
// element: the returned Secrets point into values, which the caller gives up.
func Secrets(values [][]byte) []Secret {
	out, first := make([]Secret, len(values)), make([]*[]byte, len(values))
	for i := range values {
		first[i] = &values[i]
		out[i] = Secret{p: &first[i]}
	}
	return out
}

// Reveal returns the bytes themselves. Call sites are listed in arch_test.go;
// the result must not be changed, kept or printed.
func (s Secret) Reveal() []byte {
	if s.p == nil {
		return nil
	}
	return **s.p
}

// Len is the number of bytes held.
func (s Secret) Len() int { return len(s.Reveal()) }

// Equal reports whether both hold the same bytes, in time that depends on the
// lengths alone.
func (s Secret) Equal(other Secret) bool {
	return subtle.ConstantTimeCompare(s.Reveal(), other.Reveal()) == 1
}

// String redacts.
func (Secret) String() string { return redacted }

// GoString redacts.
func (Secret) GoString() string { return redacted }

// Format redacts under every verb and flag.
func (Secret) Format(f fmt.State, _ rune) { _, _ = io.WriteString(f, redacted) }

// LogValue redacts.
func (Secret) LogValue() slog.Value { return slog.StringValue(redacted) }

// MarshalText redacts; it never fails.
func (Secret) MarshalText() ([]byte, error) { return []byte(redacted), nil }

// MarshalJSON redacts; it never fails.
func (Secret) MarshalJSON() ([]byte, error) { return []byte(`"` + redacted + `"`), nil }
