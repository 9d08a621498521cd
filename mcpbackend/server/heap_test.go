package server

import (
	"context"
	"math"
	"runtime"
	"runtime/debug"
	runtimemetrics "runtime/metrics"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func TestPercentFor(t *testing.T) {
	for live, want := range map[uint64]int{0: 2300, 4 << 20: 500, 8 << 20: 200, 10 << 20: 140, 12 << 20: 100, 33 << 20: 100, 128 << 20: 100, 129 << 20: 50, 500 << 20: 50} {
		require.Equal(t, want, percentFor(live, heapFloor), live)
	}
}

// percent is how much the heap may grow above what is in use.
func percent() uint64 {
	sample := []runtimemetrics.Sample{{Name: "/gc/gogc:percent"}}
	runtimemetrics.Read(sample)
	return sample[0].Value.Uint64()
}

// wellAbove is a floor that is not reached by what other tests leave in use.
func wellAbove() uint64 {
	runtime.GC()
	var now runtime.MemStats
	runtime.ReadMemStats(&now)
	return max(heapFloor, 4*now.HeapAlloc)
}

// become collects until it is so.
func become(t *testing.T, reached func() bool) {
	t.Helper()
	require.Eventually(t, func() bool {
		runtime.GC()
		return reached()
	}, 5*time.Second, time.Millisecond)
}

// TestFloorIsKept after every collection, and given up at the end.
func TestFloorIsKept(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	most := wellAbove()
	keepFloor(ctx, floor{most, math.MaxInt64})
	require.Greater(t, percent(), uint64(usualGC))
	held := make([]byte, most)
	become(t, func() bool { return percent() == uint64(usualGC) })
	runtime.KeepAlive(held) // and from here on nobody holds it
	become(t, func() bool { return percent() > uint64(usualGC) })
	cancel()
	become(t, func() bool { return percent() == uint64(usualGC) })
}

// TestStacksAreNoGarbage: calls that wait have stacks, and nothing is collected
// again and again because of them.
func TestStacksAreNoGarbage(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	release, done := make(chan struct{}), sync.WaitGroup{}
	defer func() { close(release); done.Wait() }()
	var deep func(int)
	deep = func(n int) {
		var frame [1 << 10]byte
		if n == 0 {
			<-release
			return
		}
		deep(n - 1)
		runtime.KeepAlive(&frame)
	}
	for range 2000 {
		done.Go(func() { deep(24) })
	}
	keepFloor(ctx, floor{heapFloor, math.MaxInt64})
	defer func() { cancel(); runtime.GC() }()
	for range 2 { // what the stacks are is known after a collection
		runtime.GC()
	}
	collections := func() uint32 {
		var m runtime.MemStats
		runtime.ReadMemStats(&m)
		return m.NumGC
	}
	before := collections()
	for range 500 {
		garbage = make([]byte, 350<<10)
	}
	require.Less(t, collections()-before, uint32(100), "175 MiB of garbage are no reason to collect more often than each 2 MiB")
}

// garbage keeps the compiler from leaving it out.
var garbage []byte

// TestOperatorsLimitIsKept where it is smaller.
func TestOperatorsLimitIsKept(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	defer debug.SetMemoryLimit(math.MaxInt64)
	const operators = 20 << 20
	keepFloor(ctx, floor{wellAbove(), operators})
	require.EqualValues(t, operators, debug.SetMemoryLimit(-1))
	cancel()
	become(t, func() bool { return percent() == usualGC }) // and from here on nothing sets a limit
	require.EqualValues(t, operators, debug.SetMemoryLimit(-1))
}
