package kube

// Stats are counts since New, and the pool's size now.
type Stats struct {
	Hits, Misses uint64 // of For, by whether a client was kept
	Entries      int    // clients whose server has answered to their credential
	Bytes        uint64 // what those hold, about
	Evictions    map[Cause]uint64
}

// Stats says how the pool fares. Every Cause is among the Evictions.
func (c *Clients) Stats() Stats {
	s := Stats{
		Hits: c.hits.Load(), Misses: c.misses.Load(), Entries: c.pool.size(), Bytes: c.pool.bytes(),
		Evictions: make(map[Cause]uint64, causes),
	}
	for why := range causes {
		s.Evictions[why] = c.evictions[why].Load()
	}
	return s
}
