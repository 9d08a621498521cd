package policy

import (
	"crypto/sha256"
	"encoding/hex"
)

// HostForm is how log lines and the status page show the host of
// kubernetes-server. The zero HostForm is HostPlain.
type HostForm uint8

// The forms, which the key logs.hosts chooses among.
const (
	HostPlain   HostForm = iota // as it is
	HostHashed                  // a hash: equal hosts look equal, and who knows a host can find it
	HostOmitted                 // not at all
)

// hashedDigits are the hex digits of a hashed host: 64 bits, so that two hosts
// do not meet by chance. It hides no host from who can list them all.
const hashedDigits = 16

// String is the word in the policy file.
func (f HostForm) String() string {
	switch f {
	case HostPlain:
		return plain
	case HostHashed:
		return hashed
	case HostOmitted:
	}
	return omitted
}

// Show is the host in this form: itself, "sha256:" and the first 16 hex digits
// of its SHA-256, or "". No host stays none.
func (f HostForm) Show(host string) string {
	switch {
	case host == "" || f == HostPlain:
		return host
	case f == HostHashed:
		sum := sha256.Sum256([]byte(host))
		return "sha256:" + hex.EncodeToString(sum[:])[:hashedDigits]
	}
	return ""
}
