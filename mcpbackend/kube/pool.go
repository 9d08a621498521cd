package kube

import (
	"fmt"
	"math"
	"sync/atomic"
	"time"

	"github.com/maypok86/otter/v2"
)

// pool keeps entries by key. It is an interface so that the cache behind it can
// be exchanged; otter admits by frequency, so a spray of new credentials does
// not push out the ones in use.
type pool interface {
	// get finds an entry and counts as use.
	get(key poolKey) (*entry, bool)
	// peek finds an entry and counts as nothing.
	peek(key poolKey) (*entry, bool)
	// put adds an entry; one that it replaces is retired.
	put(key poolKey, e *entry)
	// drop removes the entry if it is still the one under key, and retires it.
	drop(key poolKey, e *entry, why Cause)
	// weigh looks again at how much memory the entry holds.
	weigh(key poolKey, e *entry)
	// clear drops every entry, because of the policy.
	clear()
	// full reports whether one more entry may push out another.
	full() bool
	// size is the number of entries, about.
	size() int
	// bytes is about how many bytes they hold.
	bytes() uint64
	// close stops the pool's goroutines.
	close()
}

// otterPool is the pool on otter.
type otterPool struct {
	cache *otter.Cache[poolKey, *entry]
	share uint32       // what an entry weighs at least
	held  atomic.Int64 // what all of them weigh
}

// count hears of every entry that the pool lets go of.
type count func(Cause)

// newPool bounds both entries and bytes: an entry weighs at least its share of
// the bytes, so that no more than entries of them fit.
func newPool(l Limits, now func() time.Time, let count) (*otterPool, error) {
	share := uint32(min(l.Bytes/l.Entries, math.MaxUint32)) //nolint:gosec // both are positive, checked by withDefaults
	p := &otterPool{share: share}
	options := &otter.Options[poolKey, *entry]{
		MaximumWeight:    uint64(l.Bytes), //nolint:gosec // positive, checked by withDefaults
		Weigher:          func(_ poolKey, e *entry) uint32 { return p.weight(e) },
		ExpiryCalculator: expiry{limits: l, now: now},
		OnDeletion: func(d otter.DeletionEvent[poolKey, *entry]) {
			if d.Cause == otter.CauseReplacement { // put retires what it replaces; weigh replaces an entry by itself
				return
			}
			p.count(d.Value, 0)
			d.Value.retire()
			switch d.Cause {
			case otter.CauseOverflow:
				let(CauseSize)
			case otter.CauseExpiration:
				let(d.Value.expired(now(), l.Age))
			case otter.CauseInvalidation, otter.CauseReplacement:
				let(Cause(d.Value.fate.cause.Load())) //nolint:gosec // drop and clear store a Cause
			}
		},
		Clock: otterClock{now},
	}
	cache, err := otter.New(options)
	if err != nil {
		return nil, fmt.Errorf("making the pool of clients: %w", err)
	}
	p.cache = cache
	return p, nil
}

func (p *otterPool) weight(e *entry) uint32 { return max(p.share, e.weight()) }

func (p *otterPool) get(key poolKey) (*entry, bool) { return p.cache.GetIfPresent(key) }

func (p *otterPool) peek(key poolKey) (*entry, bool) {
	e, ok := p.cache.GetEntryQuietly(key)
	return e.Value, ok
}

func (p *otterPool) put(key poolKey, e *entry) {
	p.count(e, p.weight(e))
	if old, inserted := p.cache.Set(key, e); !inserted && old != nil && old != e {
		p.count(old, 0)
		old.retire()
	}
}

func (p *otterPool) drop(key poolKey, e *entry, why Cause) {
	p.cache.ComputeIfPresent(key, func(current *entry) (*entry, otter.ComputeOp) {
		if current != e {
			return nil, otter.CancelOp
		}
		e.fate.cause.Store(uint32(why))
		return nil, otter.InvalidateOp
	})
}

func (p *otterPool) weigh(key poolKey, e *entry) {
	p.cache.ComputeIfPresent(key, func(current *entry) (*entry, otter.ComputeOp) {
		if current != e {
			return nil, otter.CancelOp
		}
		p.count(e, p.weight(e))
		return e, otter.WriteOp
	})
}

func (p *otterPool) clear() {
	for e := range p.cache.Values() {
		e.fate.cause.Store(uint32(CausePolicy))
	}
	p.cache.InvalidateAll()
}

// full is true a little early.
func (p *otterPool) full() bool {
	limit := int64(p.cache.GetMaximum()) //nolint:gosec // was an int
	return p.held.Load() > limit-limit/16
}

// count brings the sum up to date with what an entry weighs now. The cache has
// its own sum, but adds it up behind its callers' backs: a spray is faster.
func (p *otterPool) count(e *entry, weight uint32) {
	p.held.Add(int64(weight) - int64(e.fate.held.Swap(weight)))
}

func (p *otterPool) size() int {
	p.cache.CleanUp()
	return p.cache.EstimatedSize()
}

// bytes adds up what the entries weigh: the cache's own sum counts each of them
// as its share at least.
func (p *otterPool) bytes() uint64 {
	sum := uint64(0)
	for e := range p.cache.Values() {
		sum += uint64(e.weight())
	}
	return sum
}

func (p *otterPool) close() {
	p.clear()
	p.cache.CleanUp()
	p.cache.StopAllGoroutines()
}

// expiry ends an entry after its idle time, at its greatest age, or with its
// credential, whichever comes first.
type expiry struct {
	limits Limits
	now    func() time.Time
}

func (x expiry) left(e *entry) time.Duration {
	now := x.now()
	left := min(x.limits.Idle, e.born.Add(x.limits.Age).Sub(now))
	if !e.until.IsZero() {
		left = min(left, e.until.Sub(now))
	}
	return max(left, 1)
}

// ExpireAfterCreate is otter's hook.
func (x expiry) ExpireAfterCreate(e otter.Entry[poolKey, *entry]) time.Duration {
	return x.left(e.Value)
}

// ExpireAfterUpdate is otter's hook.
func (x expiry) ExpireAfterUpdate(e otter.Entry[poolKey, *entry], _ *entry) time.Duration {
	return x.left(e.Value)
}

// ExpireAfterRead is otter's hook.
func (x expiry) ExpireAfterRead(e otter.Entry[poolKey, *entry]) time.Duration {
	return x.left(e.Value)
}

// otterClock lets a test own the time. The ticks of the periodic clean-up stay
// real: they only look.
type otterClock struct{ now func() time.Time }

// NowNano is otter's hook.
func (c otterClock) NowNano() int64 { return c.now().UnixNano() }

// Tick is otter's hook.
func (otterClock) Tick(d time.Duration) <-chan time.Time { return time.Tick(d) }
