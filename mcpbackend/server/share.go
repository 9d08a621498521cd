package server

import (
	"context"
	"sync"
	"time"

	"golang.org/x/sync/semaphore"

	"kubernetes-mcp-edge/extproc/jsonrpc"
)

const (
	// callWait is how long a call waits for its turn. It is short: a caller who
	// is told to try again knows more than one who hangs.
	callWait = 2 * time.Second
	// callQueue is how many calls of one caller may wait, so that a full batch is
	// served and a flood costs a bounded number of goroutines.
	callQueue = 2 * jsonrpc.MaxBatch
)

// shares divides the calls that may be under way among callers, whom their
// fingerprint tells apart. A caller has at most each calls under way and
// callQueue more in wait, whatever he sends; all callers together have at most
// all. So one who floods leaves to the others all but each of the calls.
type shares struct {
	each   int64
	wait   time.Duration
	all    *semaphore.Weighted
	waited func(limit string) // told of each wait

	mu      sync.Mutex
	callers map[string]*share
}

// share is one caller's. It lasts as long as somebody uses it.
type share struct {
	slots *semaphore.Weighted
	users int64 // calls under way and in wait
}

// newShares makes the shares.
func newShares(each, all int, waited func(limit string)) *shares {
	return &shares{each: int64(each), wait: callWait, all: semaphore.NewWeighted(int64(all)), waited: waited, callers: map[string]*share{}}
}

// take waits for the caller's turn and returns how to end it, or which limit he
// is over. First comes his own limit, then the common one: what
// waits for the common one are at most each calls of every caller.
func (s *shares) take(ctx context.Context, caller string) (give func(), over string) {
	mine, ok := s.join(caller)
	if !ok {
		return nil, limitCaller
	}
	ctx, cancel := context.WithTimeout(ctx, s.wait)
	defer cancel()
	if !s.acquire(ctx, mine.slots, limitCaller) {
		s.leave(caller, mine)
		return nil, limitCaller
	}
	if !s.acquire(ctx, s.all, limitAll) {
		mine.slots.Release(1)
		s.leave(caller, mine)
		return nil, limitAll
	}
	return func() {
		s.all.Release(1)
		mine.slots.Release(1)
		s.leave(caller, mine)
	}, ""
}

// acquire takes a slot, and tells of it if it has to wait.
func (s *shares) acquire(ctx context.Context, slots *semaphore.Weighted, limit string) bool {
	if slots.TryAcquire(1) {
		return true
	}
	s.waited(limit)
	return slots.Acquire(ctx, 1) == nil
}

func (s *shares) join(caller string) (*share, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	mine, ok := s.callers[caller]
	if !ok {
		mine = &share{slots: semaphore.NewWeighted(s.each)}
		s.callers[caller] = mine
	}
	if mine.users >= s.each+callQueue {
		return nil, false
	}
	mine.users++
	return mine, true
}

func (s *shares) leave(caller string, mine *share) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if mine.users--; mine.users == 0 {
		delete(s.callers, caller)
	}
}
