// Package verdict decides: the facts of a request in, Allow or Reject out. It
// knows no protobuf, reads no clock and does no I/O; the caller brings the time
// and a function that encodes an Allow, and the engine remembers what that
// function returned.
package verdict

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"sync/atomic"
	"time"

	"kubernetes-mcp-edge/extproc/kubeheader"
	"kubernetes-mcp-edge/extproc/policy"
	"kubernetes-mcp-edge/extproc/proof"
)

// Reuse is how long one signature, and the encoded answer that carries it, is
// given to requests with the same facts. It leaves the backend at least 20 of
// the proof's 30 seconds.
const Reuse = 10 * time.Second

// The bounds of the cache unless Config says otherwise. An encoded answer is
// about 1 KiB when only the proof is added and a few KiB when a certificate had
// to be re-encoded, so bytes and entries run out at about the same time.
const (
	DefaultCacheEntries = 16384
	DefaultCacheBytes   = 64 << 20
)

// Verdict is the closed set *Allowed and *Rejected.
type Verdict interface{ verdict() }

// Allowed lets a request on with the changes that Answer encodes. It is shared
// between requests and must not be changed.
type Allowed struct {
	// Answer is what Config.Encode made.
	Answer []byte
	// Credential is one of the Credential constants.
	Credential string
	// Host is the canonical host of kubernetes-server; "" for an anonymous request.
	Host string
	// Reported are the problems that the policy has reported instead of enforced:
	// without it, the request would have been rejected for them.
	Reported []kubeheader.Problem
}

// Rejected refuses a request and says why.
type Rejected struct{ Rejection *kubeheader.Rejection }

// Decision is a verdict and how it was come by.
type Decision struct {
	Verdict Verdict
	// Cached says that the verdict is one remembered from an earlier request.
	Cached bool
}

func (*Allowed) verdict()  {}
func (*Rejected) verdict() {}

// Sealer signs checked headers; *proof.Signer is the one that does.
type Sealer interface {
	Seal(c kubeheader.Checked, now time.Time) (proof.Sealed, error)
	KeyID(now time.Time) string
}

// Config is what an Engine is made of.
type Config struct {
	// Policy returns the policy in force. It is called once per decision.
	Policy func() *policy.Policy
	Signer Sealer
	// Audience is the backend that the signer signs for.
	Audience string
	// Encode turns an Allow into the bytes that are remembered and answered.
	Encode func(Allow) ([]byte, error)
	// CacheEntries and CacheBytes bound the cache from the start on; zero means
	// the default.
	CacheEntries, CacheBytes int
}

// Engine decides requests. It is safe for concurrent use; Close it after use.
type Engine struct {
	config     Config
	keys       *keyer
	cache      store
	workshop   workshop
	generation atomic.Uint64
	hits       atomic.Uint64
	misses     atomic.Uint64
}

// New makes an engine with an empty cache.
func New(config Config) (*Engine, error) {
	if config.Policy == nil || config.Signer == nil || config.Encode == nil {
		return nil, errors.New("verdict: a policy, a signer and an encoder are required")
	}
	if config.CacheEntries == 0 {
		config.CacheEntries = DefaultCacheEntries
	}
	if config.CacheBytes == 0 {
		config.CacheBytes = DefaultCacheBytes
	}
	if config.CacheEntries < 0 || config.CacheBytes < 0 {
		return nil, errors.New("verdict: the bounds of the cache are positive")
	}
	cache, err := newOtterStore(config.CacheEntries, config.CacheBytes)
	if err != nil {
		return nil, fmt.Errorf("verdict: cache: %w", err)
	}
	return &Engine{config: config, keys: newKeyer(), cache: cache, workshop: newWorkshop(runtime.GOMAXPROCS(0))}, nil
}

// Close empties the cache and stops its goroutine.
func (e *Engine) Close() { e.cache.close() }

// Forget empties the cache: after it returns no decision that begins uses an
// answer from before. Call it when the set of signing keys changed, since the
// fingerprint depends on the oldest of them and not only on the active one. A
// new policy needs no call: its digest is part of the key.
func (e *Engine) Forget() {
	// The generation goes first, so that a decision under way cannot put an
	// answer back under a key that a later decision would look up.
	e.generation.Add(1)
	e.cache.clear()
}

// Decide judges a request at a time. The error is the guard's own failure (no
// active signing key, for one) or the end of ctx, never the request's fault: the
// request must not pass, and there is nothing that its sender could mend.
//
// A verdict that is remembered is given at once, whatever else goes on. Others
// take turns: no more are made at a time than there are processors, and who
// waits does so in order of arrival and until ctx ends.
//
// Rejections are not remembered. A caller who is told no changes something
// before the next try, and one who floods changes a byte each time, so that
// remembered refusals would only push good answers out.
func (e *Engine) Decide(ctx context.Context, f Facts, now time.Time) (Decision, error) {
	rules := e.config.Policy()
	keyID := e.config.Signer.KeyID(now)
	key := e.keys.key(f, scope{
		generation: e.generation.Load(), policy: rules.Digest, keyID: keyID, audience: e.config.Audience,
	})
	if hit, ok := e.cache.get(key); ok && hit.usable(now) {
		e.hits.Add(1)
		return Decision{Verdict: hit.allowed, Cached: true}, nil
	}
	e.misses.Add(1)
	leave, err := e.workshop.enter(ctx, f)
	if err != nil {
		return Decision{}, err
	}
	defer leave()
	checked, err := kubeheader.Parse(kubeheader.Request{Fields: f.Fields, Plaintext: f.Plaintext()}, &rules.Header, now)
	if err != nil {
		if rejection, ok := errors.AsType[*kubeheader.Rejection](err); ok {
			return Decision{Verdict: &Rejected{Rejection: rejection}}, nil
		}
		return Decision{}, fmt.Errorf("check: %w", err)
	}
	sealed, err := e.config.Signer.Seal(checked, now)
	if err != nil {
		return Decision{}, fmt.Errorf("sign: %w", err)
	}
	allow := describe(f.Fields, checked, sealed)
	answer, err := e.config.Encode(allow)
	if err != nil {
		return Decision{}, fmt.Errorf("encode: %w", err)
	}
	allowed := &Allowed{Answer: answer, Credential: allow.Credential, Host: host(checked), Reported: checked.Reported()}
	if sealed.KeyID == keyID { // else the key changed between the two looks
		e.cache.put(key, entry{allowed: allowed, from: sealed.Created, until: reuseUntil(sealed)})
	}
	return Decision{Verdict: allowed}, nil
}

func host(checked kubeheader.Checked) string {
	target, ok := checked.Target()
	if !ok {
		return ""
	}
	return target.Server.Host()
}

// reuseUntil is Reuse after the signature was made, or the end of the proof if
// that comes first. The proof's end already minds the credential's.
func reuseUntil(sealed proof.Sealed) time.Time {
	until := sealed.Created.Add(Reuse)
	if sealed.Expires.Before(until) {
		return sealed.Expires
	}
	return until
}
