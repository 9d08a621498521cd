package verdict

// Stats is what the cache did since the start and what it holds now.
type Stats struct {
	// Hits and Misses count decisions.
	Hits, Misses uint64
	Evictions    Evictions
	// Entries and Bytes are what is in the cache now; Bytes is the weight that
	// Config.CacheBytes bounds. Both run a little behind under load.
	Entries int
	Bytes   uint64
}

// Evictions count the verdicts that left the cache, by cause.
type Evictions struct {
	// Expired were not asked for again in time: the usual end.
	Expired uint64
	// Overflow had to go because the cache was full.
	Overflow uint64
	// Replaced gave way to a newer verdict on the same facts.
	Replaced uint64
	// Forgotten were dropped by Forget or Close.
	Forgotten uint64
}

// Stats may be called at any time and from anywhere.
func (e *Engine) Stats() Stats {
	s := e.cache.stats()
	s.Hits, s.Misses = e.hits.Load(), e.misses.Load()
	return s
}
