package hostile

import (
	"context"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

// pace is the most that a crowd does in a second. It is a flood for one guard on
// two cores, and what a single laptop on a bad line can send.
const pace = 500

// crowd is strangers who act, all of them together at most pace times a second.
type crowd struct {
	acts   atomic.Int64 // how often somebody acted
	failed atomic.Int64 // how often that came to nothing: cut off, refused
	stop   context.CancelFunc
	done   sync.WaitGroup
}

// startCrowd lets so many workers act until Stop. An act has a number of its own
// and ends with ctx. What becomes of it is of no interest to the crowd.
func startCrowd(tb testing.TB, workers int, act func(ctx context.Context, n int64) error) *crowd {
	tb.Helper()
	c := new(crowd)
	var ctx context.Context
	ctx, c.stop = context.WithCancel(tb.Context())
	turns := make(chan struct{})
	c.done.Go(func() { keepPace(ctx, turns) })
	for range workers {
		c.done.Go(func() {
			for {
				select {
				case <-ctx.Done():
					return
				case <-turns:
				}
				if err := act(ctx, c.acts.Add(1)); err != nil {
					c.failed.Add(1)
				}
			}
		})
	}
	tb.Cleanup(c.Stop)
	return c
}

// keepPace gives out turns. Those that nobody takes are lost.
func keepPace(ctx context.Context, turns chan<- struct{}) {
	ticker := time.NewTicker(time.Second / pace)
	defer ticker.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
		}
		select {
		case <-ctx.Done():
			return
		case turns <- struct{}{}:
		}
	}
}

// Stop ends the crowd and waits for it.
func (c *crowd) Stop() {
	c.stop()
	c.done.Wait()
}
