package kube

import (
	"net/http"
	"sync/atomic"
	"time"
)

// Cause is why the pool let go of a client.
type Cause uint8

// The causes. Calls under way finish in every case.
const (
	CauseSize        Cause = iota // others are used more often, and the pool is full
	CauseIdle                     // not used for Limits.Idle
	CauseAge                      // as old as Limits.Age
	CauseCredential               // the credential ended
	CauseAuthFailure              // the server answered 401
	CauseTLSFailure               // the server's certificate did not verify, or TLS failed
	CausePolicy                   // the policy or the keys changed
	CauseUnproven                 // pushed out by others before the server's first answer
	causes                        // how many there are
)

// String is the cause's word, as metrics spell it.
func (c Cause) String() string {
	words := [causes]string{"size", "idle", "age", "credential", "auth-failure", "tls-failure", "policy", "unproven"}
	if int(c) < len(words) {
		return words[c]
	}
	return "unknown"
}

// fate is what becomes of an entry. Its functions are the pool's; nil does
// nothing.
type fate struct {
	proven atomic.Bool // the server answered to this credential
	gone   atomic.Bool // dropped; never to be kept
	cause  atomic.Uint32
	held   atomic.Uint32 // what the pool counts it as, in bytes

	prove func()      // the first authenticated answer has come
	drop  func(Cause) // takes the entry out of the pool
}

// answered hears of every answer. One to an authenticated request is proof that
// there is somebody behind the credential; 401 is proof of the opposite.
func (e *entry) answered(status int) {
	switch {
	case status == http.StatusUnauthorized:
		e.dropped(CauseAuthFailure)
	case proves(status):
		if !e.fate.proven.Load() && e.fate.proven.CompareAndSwap(false, true) && e.fate.prove != nil {
			e.fate.prove()
		}
	}
}

// proves reports whether an answer shows that the server knows the credential.
func proves(status int) bool {
	return status == http.StatusForbidden || status == http.StatusSwitchingProtocols || status >= 200 && status < 300
}

// failed hears of every request without an answer. After a failed handshake the
// next call starts afresh: the server may have a new certificate tomorrow.
func (e *entry) failed(err error) {
	if networkError(err).Trouble == Untrusted {
		e.dropped(CauseTLSFailure)
	}
}

func (e *entry) dropped(c Cause) {
	if e.fate.drop != nil {
		e.fate.drop(c)
	}
}

// expired is why an entry whose time was up went.
func (e *entry) expired(now time.Time, age time.Duration) Cause {
	switch {
	case !e.until.IsZero() && !now.Before(e.until):
		return CauseCredential
	case now.Sub(e.born) >= age:
		return CauseAge
	}
	return CauseIdle
}
