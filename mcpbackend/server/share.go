package server

import (
	"context"
	"sync"
	"time"

	"github.com/modelcontextprotocol/go-sdk/mcp"
	"golang.org/x/sync/semaphore"

	"kubernetes-mcp-edge/extproc/jsonrpc"
	"kubernetes-mcp-edge/mcpbackend/admit"
	"kubernetes-mcp-edge/mcpbackend/tool"
)

const (
	// callWait is how long a call waits for its turn. It is short: a caller who
	// is told to try again knows more than one who hangs.
	callWait = 2 * time.Second
	// callQueue is how many calls of one caller may wait, so that a full batch is
	// served and a flood costs a bounded number of goroutines.
	callQueue = 2 * jsonrpc.MaxBatch
)

// What the model is told when a call does not get its turn.
const (
	busyCaller = "Too many calls with this credential are under way. Nothing was asked of the cluster: wait for the other answers, then call again."
	busyAll    = "The server has as many calls under way as it can carry. Nothing was asked of the cluster: call again in a few seconds."
)

// shares divides the calls that may be under way among callers, whom their
// fingerprint tells apart. A caller has at most each calls under way and
// callQueue more in wait, whatever he sends; all callers together have at most
// all. So one who floods leaves to the others all but each of the calls.
type shares struct {
	each int64
	wait time.Duration
	all  *semaphore.Weighted

	mu      sync.Mutex
	callers map[string]*share
}

// share is one caller's. It lasts as long as somebody uses it.
type share struct {
	slots *semaphore.Weighted
	users int64 // calls under way and in wait
}

// newShares makes the shares.
func newShares(each, all int) *shares {
	return &shares{each: int64(each), wait: callWait, all: semaphore.NewWeighted(int64(all)), callers: map[string]*share{}}
}

// take waits for the caller's turn and returns how to end it. Otherwise busy
// says what to tell him. First comes his own limit, then the common one: what
// waits for the common one are at most each calls of every caller.
func (s *shares) take(ctx context.Context, caller string) (give func(), busy string) {
	mine, ok := s.join(caller)
	if !ok {
		return nil, busyCaller
	}
	ctx, cancel := context.WithTimeout(ctx, s.wait)
	defer cancel()
	if mine.slots.Acquire(ctx, 1) != nil {
		s.leave(caller, mine)
		return nil, busyCaller
	}
	if s.all.Acquire(ctx, 1) != nil {
		mine.slots.Release(1)
		s.leave(caller, mine)
		return nil, busyAll
	}
	return func() {
		s.all.Release(1)
		mine.slots.Release(1)
		s.leave(caller, mine)
	}, ""
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

// shared lets a tool call begin when its caller's turn has come.
func shared(s *shares) mcp.Middleware {
	return func(next mcp.MethodHandler) mcp.MethodHandler {
		return func(ctx context.Context, method string, req mcp.Request) (mcp.Result, error) {
			if method != methodCallTool {
				return next(ctx, method, req)
			}
			caller, _ := admit.FromContext(ctx)
			give, busy := s.take(ctx, caller.Verified.Fingerprint())
			if give == nil {
				return tool.Busy(ctx, busy), nil
			}
			defer give()
			return next(ctx, method, req)
		}
	}
}
