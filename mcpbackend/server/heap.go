package server

import (
	"context"
	"math"
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

// keepFloor holds the heap to the floor, in bytes, until ctx ends. It looks after each
// collection.
func keepFloor(ctx context.Context, floor uint64) {
	if ctx.Err() != nil {
		debug.SetGCPercent(usualGC)
		debug.SetMemoryLimit(math.MaxInt64)
		return
	}
	sample := []runtimemetrics.Sample{{Name: "/gc/heap/live:bytes"}}
	runtimemetrics.Read(sample)
	live := sample[0].Value.Uint64()
	debug.SetGCPercent(percentFor(live, floor))
	debug.SetMemoryLimit(int64(max(floor, 2*live) + overFloor)) //nolint:gosec // no heap has 2^62 bytes
	// Nobody refers to it: it is gone with the next collection.
	runtime.AddCleanup(new([16]byte), func(ctx context.Context) { keepFloor(ctx, floor) }, ctx)
}

// percentFor is how much the heap may grow above what is in use, both in bytes.
func percentFor(live, floor uint64) int {
	const least = 1 << 20 // before the first collection nothing is known to be in use
	if live > fullPool {
		return usualGC / 2
	}
	return max(usualGC, int(floor*100/max(live, least))-100) //nolint:gosec // a floor is less than 2^40
}
