package stream

import (
	"log/slog"
	"sync"
)

// DefaultPendingRejections is how many rejected requests may wait for their bodies at
// the same time. Each holds one stream, and a caller needs no credential to be
// rejected: without a bound some thousand idle requests would use up the 4096
// streams that Envoy's circuit breaker (max_requests of the guard's cluster)
// allows, and everybody's requests would fail for want of a verdict.
const DefaultPendingRejections = 512

// waiting counts the rejections whose body is awaited. Its zero value with a
// limit and a log is ready; it is safe for concurrent use.
type waiting struct {
	limit int
	log   *slog.Logger

	mu      sync.Mutex
	now     int
	crowded bool   // the limit was reached, and half of the places are not free yet
	refused uint64 // places in this burst
}

// enter takes a place, if there is one. Who is refused many times hears of it
// once, when the limit is reached, and once more when the burst is over.
func (w *waiting) enter() bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.now < w.limit {
		w.now++
		return true
	}
	w.refused++
	if !w.crowded {
		w.crowded = true
		w.log.Warn("too many rejected requests wait for their bodies: the next are answered at once, without their ids", "limit", w.limit)
	}
	return false
}

// leave gives a place back.
func (w *waiting) leave() {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.now--
	if w.crowded && w.now <= w.limit/2 {
		w.log.Warn("rejected requests are answered with their ids again", "answered_without", w.refused)
		w.crowded, w.refused = false, 0
	}
}
