package proof

import (
	"crypto/sha256"
	"fmt"
	"io"
	"time"

	"kubernetes-mcp-edge/extproc/kubeheader"
)

// Verified says that the edge checked these values, for this audience, and that
// they pass the backend's own policy too. Verifier.Open is its only
// constructor; the zero Verified is not valid and every consumer refuses it.
type Verified struct {
	_           [0]func()
	valid       bool
	checked     kubeheader.Checked
	fingerprint string
	credential  cacheKey
	expires     time.Time
}

// Valid reports whether Open made this value.
func (v Verified) Valid() bool { return v.valid }

// Target is the cluster to talk to and the credential to act as; false means
// that the caller is anonymous.
func (v Verified) Target() (kubeheader.Target, bool) {
	if !v.valid {
		return kubeheader.Target{}, false
	}
	return v.checked.Target()
}

// Fingerprint is the edge's hash of server, trust and credential, or Anonymous.
// It may be logged: nobody can compute it without the edge's key.
func (v Verified) Fingerprint() string { return v.fingerprint }

// Credential tells credentials apart, whatever server and trust they come with;
// that of an anonymous caller is zero. It is a hash with a key of this process's
// own: it means nothing anywhere else.
func (v Verified) Credential() [sha256.Size]byte { return v.credential }

// Expires is when the proof ends. A call that began before may go on.
func (v Verified) Expires() time.Time { return v.expires }

// Until is when the credential ends: nothing made from it may live longer. The
// zero time means never.
func (v Verified) Until() time.Time { return v.checked.Until() }

// Format prints the fingerprint alone, under every verb.
func (v Verified) Format(f fmt.State, _ rune) {
	_, _ = io.WriteString(f, "verified caller "+v.fingerprint)
}

// Error is why a proof was refused. Its text holds nothing that was sent.
type Error struct {
	Reason kubeheader.Reason // one of the proof-* reasons
	// Header is the lower-case name of a header that came along and is not
	// covered (added, sent twice, or spelled with an underscore), or is missing;
	// kubeheader.AnyHeader for one outside the contract; "" if none can be named.
	Header string
}

// Error is the reason's code, and the header's name.
func (e *Error) Error() string {
	if e.Header == "" {
		return e.Reason.String()
	}
	return e.Reason.String() + ": " + e.Header
}

func invalid(header string) *Error {
	return &Error{Reason: kubeheader.ReasonProofInvalid, Header: header}
}
