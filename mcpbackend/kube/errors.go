package kube

import (
	"errors"
	"fmt"
)

// ErrNotVerified is For's answer to the zero proof.Verified: a mistake in the
// program, never something that a caller can mend.
var ErrNotVerified = errors.New("kube: the caller was not verified")

// ErrAnonymous is For's answer to a caller who was verified to have sent no
// kubernetes-* header: there is no cluster to talk to until he sends some.
var ErrAnonymous = errors.New("kube: the caller sent no kubernetes headers")

// Trouble says what went wrong with a call, for a caller to decide what to do.
type Trouble uint8

// The troubles. The first group never reached an API server, the second is
// what one answered, the third is what it should not have answered.
const (
	_ Trouble = iota

	Expired    // the credential ended before the call began
	Refused    // the operator's address policy refused the dial
	Unresolved // the host name has no address
	Unreached  // no connection: refused, reset, no route
	Untrusted  // the server's certificate does not verify, or TLS failed
	Deadline   // no answer within the time of a call
	Canceled   // the caller went away
	ReadOnly   // this client may not send such a request, or the operator lets none
	Denied     // the operator's access rules do not let the request pass
	Busy       // too many calls to this server are under way

	Unauthorized // the server does not accept the credential
	Forbidden    // the server's RBAC says no
	NotFound     // no such object
	NoSuchAPI    // no such API on this server
	Gone         // the continue token is too old
	Unsupported  // the server does not offer this to anybody
	Invalid      // the server refused the request as malformed
	Conflict     // the object changed, or another manager owns the fields that Detail names
	Exists       // there is an object of that name already
	Failed       // any other answer that is no success

	Redirected // the server tried to send the call elsewhere
	TooLarge   // the body or the headers are over the limit
	Garbled    // the answer is not what the API promises
)

// names are the troubles' words in logs.
var names = [...]string{
	"none", "expired", "refused", "unresolved", "unreached", "untrusted", "deadline", "canceled",
	"read-only", "denied", "busy",
	"unauthorized", "forbidden", "not-found", "no-such-api", "gone", "unsupported", "invalid", "conflict", "already-exists", "failed",
	"redirected", "too-large", "garbled",
}

// String is the trouble's word, as the audit line spells it.
func (t Trouble) String() string {
	if int(t) >= len(names) {
		return "unknown"
	}
	return names[t]
}

// Error is a call that did not succeed. Detail is text from the API server or
// from the network: it is hostile, bounded to 300 bytes, clean and free of the
// caller's token.
type Error struct {
	Trouble Trouble
	Status  int // HTTP status; 0 if there was no answer
	Detail  string
	cause   error
}

// Error is one line for logs.
func (e *Error) Error() string {
	return fmt.Sprintf("kube: %s (status %d): %q", e.Trouble, e.Status, e.Detail)
}

// Unwrap is the error underneath; nil if there is none.
func (e *Error) Unwrap() error { return e.cause }

// UnknownKindError says that the server has no such kind. Suggestions are
// "apiVersion kind" pairs that come near, best first; they are the server's
// words and to be cleaned before they are shown.
type UnknownKindError struct {
	APIVersion, Kind string
	Suggestions      []string
	Incomplete       bool // part of the API did not answer: the kind may be there
}

// Error is one line for logs; the names are the caller's.
func (e *UnknownKindError) Error() string {
	return fmt.Sprintf("kube: no kind %q in %q", e.Kind, e.APIVersion)
}

// maxDetail bounds Error.Detail, in bytes.
const maxDetail = 300
