package server

import (
	"context"
	"runtime"
	"runtime/debug"
	runtimemetrics "runtime/metrics"
)

// heapFloor is the size of the heap, in bytes, below which no garbage is
// collected. A call leaves about 350 KiB behind, nearly all of it buffers of
// go-sdk's decoder: with the runtime's own measure, twice what is in use, a
// backend with few clients would collect after every twentieth call.
const heapFloor = 24 << 20

// usualGC is the runtime's own measure: it collects when the heap is twice what
// is in use.
const usualGC = 100

// fullPool is what is in use where a pool of clients is full, in bytes. Twice of
// that would be half a gigabyte for the sake of rare collections.
const fullPool = 128 << 20

// overFloor is how much more than the heap should be the whole process may take
// before the runtime collects all the same: a heap that is suddenly in use would
// otherwise be let grow as if it were small, until the next look.
const overFloor = 24 << 20

// floor is what keepFloor holds the heap to.
type floor struct {
	bytes uint64 // of the heap
	most  int64  // the memory limit at the start: GOMEMLIMIT, or none
}

// keepFloor holds the heap to the floor until ctx ends. It looks after each
// collection. GOGC is overridden, and a smaller GOMEMLIMIT kept.
func keepFloor(ctx context.Context, f floor) {
	if ctx.Err() != nil {
		debug.SetGCPercent(usualGC)
		debug.SetMemoryLimit(f.most)
		return
	}
	sample := []runtimemetrics.Sample{{Name: "/gc/heap/live:bytes"}, {Name: "/memory/classes/heap/stacks:bytes"}}
	runtimemetrics.Read(sample)
	live, stacks := sample[0].Value.Uint64(), sample[1].Value.Uint64()
	debug.SetGCPercent(percentFor(live, f.bytes))
	// The limit is the whole process's: calls that wait have stacks, which are no
	// garbage, and a limit below what cannot be freed collects without end.
	limit := int64(max(f.bytes, 2*live) + stacks + overFloor) //nolint:gosec // no process has 2^62 bytes
	debug.SetMemoryLimit(min(limit, f.most))
	// Nobody refers to it: it is gone with the next collection.
	runtime.AddCleanup(new([16]byte), func(ctx context.Context) { keepFloor(ctx, f) }, ctx)
}

// percentFor is how much the heap may grow above what is in use, both in bytes.
func percentFor(live, floor uint64) int {
	const least = 1 << 20 // before the first collection nothing is known to be in use
	if live > fullPool {
		return usualGC / 2
	}
	return max(usualGC, int(floor*100/max(live, least))-100) //nolint:gosec // a floor is less than 2^40
}
