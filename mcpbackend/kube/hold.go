package kube

import (
	"bytes"
	"context"
	"sync"
	"time"

	"golang.org/x/sync/semaphore"
)

// Objects take many times as much memory as their JSON, and a call holds them to
// its end: a handful of calls against a server that sends a million of small
// values would take all there is. So what they hold is counted, by call and by
// all calls together.
const (
	// valueSize is about what one value of an object takes, in bytes: most are
	// strings in maps.
	valueSize = 160
	// heldFree is how much each answer may take that is not counted: an object of
	// a usual size.
	heldFree = 256 << 10
	// heldByCall is the most that one call may hold, heldByServer what the calls to
	// one server, heldByAll what all may hold.
	heldByCall   = 24 << 20
	heldByServer = 24 << 20
	heldByAll    = 48 << 20
	// waitingByAll is how much of answers may wait for room at a time: who waits
	// keeps his text. What comes on top is turned away at once.
	waitingByAll = 24 << 20
	// holdWait is how long an answer waits for others to be let go.
	holdWait = 5 * time.Second
)

// holds are what the objects of all calls take.
type holds struct {
	all     *semaphore.Weighted
	each    portions
	waiting *semaphore.Weighted
}

func newHolds() *holds {
	return &holds{
		all: semaphore.NewWeighted(heldByAll), each: portions{size: heldByServer}, waiting: semaphore.NewWeighted(waitingByAll),
	}
}

// hold is what the objects of one call take.
type hold struct {
	in   *holds
	of   target
	mine *portion

	mu    sync.Mutex
	bytes int64
	over  bool // the call has ended
}

// begin counts for a call until ctx, the call's, ends.
func (h *holds) begin(ctx context.Context, of target) *hold {
	out := &hold{in: h, of: of, mine: h.each.join(of)}
	context.AfterFunc(ctx, out.end)
	return out
}

// size is about what an object takes that this JSON says.
func size(text []byte) int64 {
	return int64(len(text)) + valueSize*int64(bytes.Count(text, []byte{','})+bytes.Count(text, []byte{'{'})+bytes.Count(text, []byte{'['}))
}

// room makes room for n bytes of objects, before they are built.
func (h *hold) room(ctx context.Context, n int64) error {
	if n <= heldFree {
		return nil
	}
	if !h.in.waiting.TryAcquire(n) {
		return h.now(n)
	}
	defer h.in.waiting.Release(n)
	h.mu.Lock()
	defer h.mu.Unlock() // answers of one call wait for each other here
	if err := h.full(n); err != nil {
		return err
	}
	ctx, cancel := context.WithTimeoutCause(ctx, holdWait, errCrowded)
	defer cancel()
	if h.mine.free.Acquire(ctx, n) != nil {
		return networkError(context.Cause(ctx))
	}
	if h.in.all.Acquire(ctx, n) != nil {
		h.mine.free.Release(n)
		return networkError(context.Cause(ctx))
	}
	h.bytes += n
	return nil
}

// now makes room if there is some, and waits for nobody.
func (h *hold) now(n int64) error {
	if !h.mu.TryLock() {
		return networkError(errCrowded)
	}
	defer h.mu.Unlock()
	if err := h.full(n); err != nil {
		return err
	}
	if !h.mine.free.TryAcquire(n) {
		return networkError(errCrowded)
	}
	if !h.in.all.TryAcquire(n) {
		h.mine.free.Release(n)
		return networkError(errCrowded)
	}
	h.bytes += n
	return nil
}

// full reports whether n more bytes are more than a call may hold. The caller
// holds mu.
func (h *hold) full(n int64) error {
	if h.over || h.bytes+n > heldByCall {
		return &Error{Trouble: TooLarge, Detail: "the objects together are larger than one call may hold"}
	}
	return nil
}

// end lets go of everything.
func (h *hold) end() {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.over = true
	h.in.all.Release(h.bytes)
	h.mine.free.Release(h.bytes)
	h.bytes = 0
	h.in.each.leave(h.of, h.mine)
}
