package verdict

import (
	"context"
	"fmt"

	"kubernetes-mcp-edge/extproc/kubeheader"
)

// workshop is where verdicts are made that are not remembered. It holds as many
// as there are processors: more would only take time from each other, and from
// the streams whose verdict is known.
//
// An RSA-4096 key takes twenty times as long to check as a P-256 key, and
// whoever has made one such key can send it as often as they like, with one other
// byte somewhere. So what is dear has to pass a narrower door first. Behind it
// stand at most that many of them, whatever their number before it, and nobody
// else waits for longer than those few take.
type workshop struct {
	places chan struct{}
	narrow chan struct{}
}

func newWorkshop(processors int) workshop {
	return workshop{places: make(chan struct{}, processors), narrow: make(chan struct{}, max(1, processors/2))}
}

// enter waits for a place. Both doors are first come, first served: a channel
// hands on to its oldest waiter. The error is that of ctx.
func (w workshop) enter(ctx context.Context, f Facts) (leave func(), err error) {
	if !dear(f) {
		if err := take(ctx, w.places); err != nil {
			return nil, err
		}
		return func() { <-w.places }, nil
	}
	if err := take(ctx, w.narrow); err != nil {
		return nil, err
	}
	if err := take(ctx, w.places); err != nil {
		<-w.narrow
		return nil, err
	}
	return func() { <-w.places; <-w.narrow }, nil
}

func take(ctx context.Context, places chan<- struct{}) error {
	select {
	case places <- struct{}{}:
		return nil
	default:
	}
	select {
	case places <- struct{}{}:
		return nil
	case <-ctx.Done():
		return fmt.Errorf("wait for a turn: %w", context.Cause(ctx))
	}
}

const (
	// dearKey is the size of a client key from which on it is dear. An RSA key of
	// 2048 bits, which kubeadm makes, takes at most 2.3 KiB as a header; the
	// shortest way to write one of 3072 bits takes 3.1 KiB.
	dearKey = 2816
	// dearTotal is the size of all values together that is dear whatever is in it.
	dearTotal = 16 << 10
)

// dear tells by size alone what will take long to check.
func dear(f Facts) bool {
	total := 0
	for _, field := range f.Fields {
		n := field.Value.Len()
		if n >= dearKey && field.Name == kubeheader.ClientKey {
			return true
		}
		total += n
	}
	return total >= dearTotal
}
