package serve

import (
	"errors"
	"sync/atomic"
)

// phase is where the guard is in its life. It only goes on.
type phase struct{ now atomic.Int32 }

const (
	starting int32 = iota
	serving
	draining
	ended
)

func (p *phase) set(next int32) { p.now.Store(next) }

// Why the guard should get no requests, for /readyz and the status page.
var (
	errStarting = errors.New("starting: the guard does not take requests yet")
	errDraining = errors.New("draining: the guard was told to end and finishes what it has begun")
	errEnded    = errors.New("ended: the guard's port failed")
)

// ready says why not, or nil. Policy and keys need no word here: without good
// ones the guard does not start, and once there are good ones it keeps them.
func (p *phase) ready() error {
	switch p.now.Load() {
	case serving:
		return nil
	case draining:
		return errDraining
	case ended:
		return errEnded
	default:
		return errStarting
	}
}
