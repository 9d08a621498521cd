package verdict

import (
	"math"
	"sync/atomic"
	"time"

	"github.com/maypok86/otter/v2"
)

// entry is one remembered answer and the times between which it may be used.
type entry struct {
	allowed     *Allowed
	from, until time.Time
}

// usable is the check of the times that every hit repeats.
func (e entry) usable(now time.Time) bool { return !now.Before(e.from) && now.Before(e.until) }

// store is what the engine needs of a cache.
type store interface {
	get(k cacheKey) (entry, bool)
	put(k cacheKey, e entry)
	clear()
	stats() Stats // without Hits and Misses
	close()
}

// otterStore bounds the cache by entries and by bytes at once: an entry weighs
// at least its even share of the bytes, so neither bound can be passed.
//
// Its own clock and its one goroutine only throw entries out: an answer can
// hold a token, which should not outlive its use in memory even when the guard
// is idle. Whether an entry may be used is decided by entry.usable alone.
type otterStore struct {
	cache     *otter.Cache[cacheKey, entry]
	evictions *[otter.CauseExpiration + 1]atomic.Uint64 // by cause
}

// entryOverhead is about what an entry costs beside its answer: key, node,
// times and pointers.
const entryOverhead = 256

func newOtterStore(entries, bytes int) (otterStore, error) {
	share := max(1, bytes/entries)
	var evictions [otter.CauseExpiration + 1]atomic.Uint64
	cache, err := otter.New(&otter.Options[cacheKey, entry]{
		MaximumWeight: uint64(max(0, bytes)),
		Weigher: func(_ cacheKey, e entry) uint32 {
			return uint32(min(math.MaxUint32, max(share, len(e.allowed.Answer)+entryOverhead)))
		},
		ExpiryCalculator: otter.ExpiryWriting[cacheKey, entry](Reuse),
		// It runs under a lock of the cache, and only counts.
		OnAtomicDeletion: func(e otter.DeletionEvent[cacheKey, entry]) {
			if e.Cause > 0 && int(e.Cause) < len(evictions) {
				evictions[e.Cause].Add(1)
			}
		},
	})
	return otterStore{cache, &evictions}, err
}

func (s otterStore) get(k cacheKey) (entry, bool) { return s.cache.GetIfPresent(k) }
func (s otterStore) put(k cacheKey, e entry)      { s.cache.Set(k, e) }
func (s otterStore) clear()                       { s.cache.InvalidateAll() }
func (s otterStore) close()                       { s.cache.InvalidateAll(); s.cache.StopAllGoroutines() }

func (s otterStore) stats() Stats {
	count := func(c otter.DeletionCause) uint64 { return s.evictions[c].Load() }
	return Stats{
		Evictions: Evictions{
			Expired: count(otter.CauseExpiration), Overflow: count(otter.CauseOverflow),
			Replaced: count(otter.CauseReplacement), Forgotten: count(otter.CauseInvalidation),
		},
		Entries: s.cache.EstimatedSize(), Bytes: s.cache.WeightedSize(),
	}
}
