package server

import (
	"context"
	"runtime"
	"runtime/debug"
	runtimemetrics "runtime/metrics"
)

// heapFloor is the size of the heap, in bytes, below which no garbage is
// collected. A call leaves about 400 KiB behind, nearly all of it buffers of
// go-sdk's decoder: with the runtime's own measure, twice what is in use, a
// backend with few clients would collect after every twentieth call.
const heapFloor = 64 << 20

// usualGC is the runtime's own measure: it collects when the heap is twice what
// is in use.
const usualGC = 100

// keepFloor holds the heap to the floor until ctx ends. It looks after each
// collection, so that a heap that suddenly is in use is measured as usual from
// the next one on.
func keepFloor(ctx context.Context) {
	if ctx.Err() != nil {
		debug.SetGCPercent(usualGC)
		return
	}
	sample := []runtimemetrics.Sample{{Name: "/gc/heap/live:bytes"}}
	runtimemetrics.Read(sample)
	debug.SetGCPercent(percentFor(sample[0].Value.Uint64()))
	// Nobody refers to it: it is gone with the next collection.
	runtime.AddCleanup(new([16]byte), keepFloor, ctx)
}

// percentFor is how much the heap may grow above what is in use.
func percentFor(live uint64) int {
	const least = 1 << 20 // before the first collection nothing is known to be in use
	return max(usualGC, int(heapFloor/max(live, least))*100-100)
}
