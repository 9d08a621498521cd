package observe

import (
	"slices"
	"sync"
	"sync/atomic"

	"kubernetes-mcp-edge/extproc/kubeheader"
	"kubernetes-mcp-edge/extproc/stream"
)

const (
	// kept is how many of the last decisions are remembered.
	kept = 100
	// maxReported is how many reported reasons of a request are remembered.
	maxReported = 4
)

// ring remembers the last decisions. Writers take turns by number, and two of
// them meet only if one comes round while the other is still at it.
type ring struct {
	next  atomic.Uint64
	slots [kept]slot
}

type slot struct {
	mu    sync.Mutex
	entry entry
}

// entry is an event without its slice, which belongs to the stream.
type entry struct {
	number   uint64 // from 1; 0 is an empty slot
	event    stream.Event
	reported [maxReported]kubeheader.Reason
}

func (r *ring) add(e *stream.Event) {
	number := r.next.Add(1)
	s := &r.slots[number%kept]
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.entry.number > number {
		return // a writer that was slow by a whole round
	}
	s.entry.number = number
	s.entry.event = *e
	s.entry.event.Reported = nil
	s.entry.reported = [maxReported]kubeheader.Reason{}
	for i := range min(maxReported, len(e.Reported)) {
		s.entry.reported[i] = e.Reported[i].Reason
	}
}

// last lists what is remembered, newest first.
func (r *ring) last() []entry {
	out := make([]entry, 0, kept)
	for i := range r.slots {
		s := &r.slots[i]
		s.mu.Lock()
		e := s.entry
		s.mu.Unlock()
		if e.number > 0 {
			out = append(out, e)
		}
	}
	slices.SortFunc(out, func(a, b entry) int {
		if a.number > b.number {
			return -1
		}
		return 1
	})
	return out
}
