package tool

import (
	"errors"
	"sync"
)

// together is how many requests of one call are under way at a time.
const together = 4

// errBroken means that a part of a call panicked: on a goroutine of its own
// that would end the process.
var errBroken = errors.New("tool: a part of the call broke")

// Each calls work for every index below n, a few at a time, and returns when
// all are done. The error is not nil if one of them panicked.
func Each(n int, work func(i int)) error {
	var (
		wait   sync.WaitGroup
		mu     sync.Mutex
		broken error
	)
	places := make(chan struct{}, together)
	for i := range n {
		places <- struct{}{}
		wait.Go(func() {
			defer func() {
				if recover() != nil {
					mu.Lock()
					defer mu.Unlock()
					broken = errBroken
				}
				<-places
			}()
			work(i)
		})
	}
	wait.Wait()
	return broken
}
