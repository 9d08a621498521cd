package verdict

import (
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
)

func TestStats(t *testing.T) {
	ca := newCertificate(t)
	e, _ := newEngine(t)
	answer(t, e, good(ca, "alice"), epoch)
	for range 3 {
		answer(t, e, good(ca, "alice"), epoch)
	}
	answer(t, e, good(ca, "bob"), epoch)
	reason(t, e, facts("kubernetes-server", "https://api.example.com"), epoch)
	e.cache.(otterStore).cache.CleanUp()
	s := e.Stats()
	require.Equal(t, uint64(3), s.Hits)
	require.Equal(t, uint64(3), s.Misses, "a rejection is decided each time")
	require.Equal(t, 2, s.Entries)
	require.Equal(t, uint64(2*DefaultCacheBytes/DefaultCacheEntries), s.Bytes, "the least that an entry weighs")
	require.Zero(t, s.Evictions)

	answer(t, e, good(ca, "alice"), epoch.Add(Reuse))
	require.Equal(t, Evictions{Replaced: 1}, e.Stats().Evictions)
	e.Forget()
	s = e.Stats()
	require.Equal(t, Evictions{Replaced: 1, Forgotten: 2}, s.Evictions)
	require.Zero(t, s.Entries)
	require.Zero(t, s.Bytes)
	require.Equal(t, uint64(4), s.Misses)
}

func TestStatsTellOverflowFromExpiry(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, err := newOtterStore(10, 1<<20)
		require.NoError(t, err)
		defer s.close()
		fill(s, 25, 1)
		require.Equal(t, Evictions{Overflow: 15}, s.stats().Evictions)
		time.Sleep(3 * Reuse) //nolint:forbidigo // the bubble's clock
		s.cache.CleanUp()
		require.Equal(t, Evictions{Overflow: 15, Expired: 10}, s.stats().Evictions)
		require.Zero(t, s.stats().Entries)
	})
}

// TestCacheSpray: many distinct credentials, each good, fill the cache no further
// than its bounds, and those who come back are still remembered.
func TestCacheSpray(t *testing.T) {
	ca := newCertificate(t)
	const entries = 64
	e, _ := newEngine(t, func(c *Config) { c.CacheEntries, c.CacheBytes = entries, entries<<12 })
	for range 20 {
		answer(t, e, good(ca, "alice"), epoch)
	}
	for i := range 2000 {
		answer(t, e, good(ca, fmt.Sprint("spray-", i)), epoch)
		if i%16 == 0 {
			answer(t, e, good(ca, "alice"), epoch)
		}
	}
	e.cache.(otterStore).cache.CleanUp()
	s := e.Stats()
	require.LessOrEqual(t, s.Entries, entries)
	require.LessOrEqual(t, s.Bytes, uint64(entries<<12))
	require.Equal(t, uint64(2001), s.Misses, "the one who comes back was decided once")
}
