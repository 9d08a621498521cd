package verdict

import (
	"math"
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
	close()
}

// otterStore bounds the cache by entries and by bytes at once: an entry weighs
// at least its even share of the bytes, so neither bound can be passed.
//
// Its own clock and its one goroutine only throw entries out: an answer can
// hold a token, which should not outlive its use in memory even when the guard
// is idle. Whether an entry may be used is decided by entry.usable alone.
type otterStore struct{ cache *otter.Cache[cacheKey, entry] }

// entryOverhead is about what an entry costs beside its answer: key, node,
// times and pointers.
const entryOverhead = 256

func newOtterStore(entries, bytes int) (otterStore, error) {
	share := max(1, bytes/entries)
	cache, err := otter.New(&otter.Options[cacheKey, entry]{
		MaximumWeight: uint64(max(0, bytes)),
		Weigher: func(_ cacheKey, e entry) uint32 {
			return uint32(min(math.MaxUint32, max(share, len(e.allowed.Answer)+entryOverhead)))
		},
		ExpiryCalculator: otter.ExpiryWriting[cacheKey, entry](Reuse),
	})
	return otterStore{cache}, err
}

func (s otterStore) get(k cacheKey) (entry, bool) { return s.cache.GetIfPresent(k) }
func (s otterStore) put(k cacheKey, e entry)      { s.cache.Set(k, e) }
func (s otterStore) clear()                       { s.cache.InvalidateAll() }
func (s otterStore) close()                       { s.cache.InvalidateAll(); s.cache.StopAllGoroutines() }
