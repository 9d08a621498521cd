package server

import (
	"context"
	"runtime"
	runtimemetrics "runtime/metrics"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func TestPercentFor(t *testing.T) {
	for live, want := range map[uint64]int{0: 2300, 4 << 20: 500, 8 << 20: 200, 10 << 20: 140, 12 << 20: 100, 33 << 20: 100, 128 << 20: 100, 129 << 20: 50, 500 << 20: 50} {
		require.Equal(t, want, percentFor(live, heapFloor), live)
	}
}

// TestFloorIsKept after every collection, and given up at the end.
func TestFloorIsKept(t *testing.T) {
	percent := func() uint64 {
		sample := []runtimemetrics.Sample{{Name: "/gc/gogc:percent"}}
		runtimemetrics.Read(sample)
		return sample[0].Value.Uint64()
	}
	ctx, cancel := context.WithCancel(t.Context())
	// Other tests of the package leave something in use: it must be well below.
	runtime.GC()
	var now runtime.MemStats
	runtime.ReadMemStats(&now)
	floor := max(heapFloor, 4*now.HeapAlloc)
	keepFloor(ctx, floor)
	require.Greater(t, percent(), uint64(usualGC))
	held := make([]byte, floor)
	become := func(reached func() bool) {
		require.Eventually(t, func() bool {
			runtime.GC()
			return reached()
		}, 5*time.Second, time.Millisecond)
	}
	become(func() bool { return percent() == uint64(usualGC) })
	runtime.KeepAlive(held) // and from here on nobody holds it
	become(func() bool { return percent() > uint64(usualGC) })
	cancel()
	become(func() bool { return percent() == uint64(usualGC) })
}
