package stream

import (
	"slices"
	"sync"
)

// bug fails the way a bug would, with a value that must not get out.
func bug() { panic(canary) } //nolint:forbidigo // broken on purpose

// witness remembers what an observer hears, and can fail while it listens.
type witness struct {
	faults []string // "decided panics" and the like

	mu     sync.Mutex
	events []Event
	calls  map[string]int
}

func (w *witness) heard(call string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.calls == nil {
		w.calls = map[string]int{}
	}
	w.calls[call]++
	if slices.Contains(w.faults, call+" panics") {
		bug()
	}
}

// count is how often a call was heard.
func (w *witness) count(call string) int {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.calls[call]
}

func (w *witness) Decided(e Event) {
	w.mu.Lock()
	w.events = append(w.events, e)
	w.mu.Unlock()
	w.heard("decided")
}

func (w *witness) StreamOpened() { w.heard("opened") }
func (w *witness) StreamClosed() { w.heard("closed") }
func (w *witness) Panicked()     { w.heard("panicked") }
func (w *witness) Crowded()      { w.heard("crowded") }
func (w *witness) Failed()       { w.heard("failed") }
