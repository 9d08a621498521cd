package server

import (
	"sync"
	"time"

	"golang.org/x/time/rate"

	"kubernetes-mcp-edge/extproc/policy"
	"kubernetes-mcp-edge/extproc/proof"
	"kubernetes-mcp-edge/mcpbackend/admit"
	"kubernetes-mcp-edge/mcpbackend/kube"
)

// How much of its rate a bucket holds. A person's client asks in bursts; new
// callers come in crowds when a backend has just started.
const (
	callerBurst   = 2 * time.Second
	newcomerBurst = 10 * time.Second
	serverBurst   = 2 * time.Second
)

// mostBuckets is how many of each kind are remembered, of about 200 bytes each. Who
// is pushed out begins with a full one.
const mostBuckets = 1 << 16

// rates bound how many calls come in a while. A caller whose credential an API
// server has accepted has a bucket of his own. Any other shares a small one with
// all who come from his address, so that nobody gets a new bucket by making a
// credential up. The third kind is of the API server that is meant, whoever
// calls it.
type rates struct {
	now                        func() time.Time
	proven                     func(v proof.Verified) bool
	callers, newcomers, server *buckets

	// accounts are the buckets of callers, by credential alone: who sends one with
	// many CA bundles, or to many servers, is one. callers are who is known where,
	// and nothing is taken out of theirs.
	accounts *buckets
}

func newRates(l policy.BackendLimits, proven func(v proof.Verified) bool) *rates {
	return &rates{
		now: time.Now, proven: proven,
		callers:   newBuckets(l.CallsPerSecond, callerBurst),
		accounts:  newBuckets(l.CallsPerSecond, callerBurst),
		newcomers: newBuckets(l.NewcomersPerSecond, newcomerBurst),
		server:    newBuckets(l.ServerCallsPerSecond, serverBurst),
	}
}

// take counts a call, or says which limit it would be over.
func (r *rates) take(caller admit.Caller) (over string) {
	now, reserve := r.now(), 0.0
	switch {
	case r.known(caller):
		r.accepted(caller) // he stays known when the pool lets go of his client
		if !r.accounts.take(account(caller), now, 0) {
			return limitCallerRate
		}
	case !r.newcomers.take(caller.Address.String(), now, 0):
		return limitNewcomerRate
	default:
		// Credentials that may be guesses cannot use up what others need.
		reserve = 0.5
	}
	if place, ok := kube.Place(caller.Verified); ok && !r.server.take(place, now, reserve) {
		return limitServerRate
	}
	return ""
}

// account is who a caller is, wherever he goes.
func account(caller admit.Caller) string {
	credential := caller.Verified.Credential()
	return string(credential[:])
}

// known reports whether an API server has accepted the caller's credential.
func (r *rates) known(caller admit.Caller) bool {
	return r.callers.has(caller.Verified.Fingerprint()) || r.proven(caller.Verified)
}

// accepted gives a caller a bucket of his own: an API server knows him. He keeps
// it when the pool lets go of his client.
func (r *rates) accepted(caller admit.Caller) { r.callers.of(caller.Verified.Fingerprint()) }

// refused takes a caller's bucket away: his credential is not accepted any more.
func (r *rates) refused(caller admit.Caller) { r.callers.forget(caller.Verified.Fingerprint()) }

// buckets are token buckets by key, of which it remembers those that were used
// last: at most half of most are young, and as many old, which go together when
// the young ones are enough.
type buckets struct {
	limit rate.Limit
	burst int
	half  int

	mu         sync.Mutex
	young, old map[string]*rate.Limiter
}

// newBuckets makes buckets that hold what comes in during burst.
func newBuckets(perSecond int, burst time.Duration) *buckets {
	return &buckets{
		limit: rate.Limit(perSecond), burst: max(1, int(float64(perSecond)*burst.Seconds())), half: mostBuckets / 2,
		young: map[string]*rate.Limiter{},
	}
}

// take takes one token, if more than the reserved part of the bucket is left.
func (b *buckets) take(key string, now time.Time, reserve float64) bool {
	l := b.of(key)
	return l.TokensAt(now) >= reserve*float64(b.burst) && l.AllowN(now, 1)
}

func (b *buckets) of(key string) *rate.Limiter {
	b.mu.Lock()
	defer b.mu.Unlock()
	if l, ok := b.young[key]; ok {
		return l
	}
	l, ok := b.old[key]
	if !ok {
		l = rate.NewLimiter(b.limit, b.burst)
	}
	if len(b.young) >= b.half {
		b.young, b.old = make(map[string]*rate.Limiter), b.young
	}
	delete(b.old, key)
	b.young[key] = l
	return l
}

func (b *buckets) has(key string) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.young[key] != nil || b.old[key] != nil
}

func (b *buckets) forget(key string) {
	b.mu.Lock()
	defer b.mu.Unlock()
	delete(b.young, key)
	delete(b.old, key)
}
