package jsonrpc

import (
	"crypto/rand"
	"encoding/hex"
)

// decisionLength is that of a UUID in text form, 8-4-4-4-12 (RFC 9562 section 4).
const decisionLength = 36

// ValidDecision reports whether s has the form of a UUID: 36 characters, hex
// digits of either case and dashes at their places, no braces, no urn prefix. A
// decision id goes into logs and into the API server's audit log, so nothing
// else may pass. Variant and version are not looked at: Envoy marks its trace
// decision in the version digit.
func ValidDecision(s string) bool {
	if len(s) != decisionLength {
		return false
	}
	for i := range len(s) {
		switch c := s[i]; i {
		case 8, 13, 18, 23:
			if c != '-' {
				return false
			}
		default:
			if (c < '0' || c > '9') && (c < 'a' || c > 'f') && (c < 'A' || c > 'F') {
				return false
			}
		}
	}
	return true
}

// NewDecision returns a random UUID (version 4), for a request that came
// without a valid one.
func NewDecision() string {
	var b [16]byte
	_, _ = rand.Read(b[:]) // never fails: crypto/rand ends the program instead
	b[6] = b[6]&0x0f | 0x40
	b[8] = b[8]&0x3f | 0x80
	s := make([]byte, 0, decisionLength)
	for i, part := range [][]byte{b[:4], b[4:6], b[6:8], b[8:10], b[10:]} {
		if i > 0 {
			s = append(s, '-')
		}
		s = hex.AppendEncode(s, part)
	}
	return string(s)
}
