package trial

import (
	"runtime/debug"
	"runtime/metrics"
	"slices"
	"testing"
	"time"
)

// What one input may cost, in wall clock and in bytes allocated.
const (
	Time   = 2 * time.Millisecond
	Memory = 4 << 20
)

// slower is how much the race detector may stretch time.
const slower = 10

// tries is how often Within measures before it believes that an input is dear:
// other tests and other programs can take the processor at any time, and the
// count of bytes is the whole program's. One measurement within the bounds is
// proof that the input is cheap; a hundred beyond them are no accident.
const tries = 100

// Within runs f and fails the test if it costs more than Time or Memory. It runs
// f again while it seems to, so f gives the same result each time.
func Within(tb testing.TB, f func()) {
	tb.Helper()
	limit := Time
	if Race() {
		limit *= slower
	}
	var took time.Duration
	var bytes uint64
	for range tries {
		before, start := allocated(), time.Now()
		f()
		took, bytes = time.Since(start), allocated()-before
		if took <= limit && bytes <= Memory {
			return
		}
	}
	tb.Fatalf("took %s of %s and allocated %d bytes of %d, the last of %d times", took, limit, bytes, Memory, tries)
}

// allocated counts the bytes allocated so far, to within a few KiB a processor.
func allocated() uint64 {
	sample := []metrics.Sample{{Name: "/gc/heap/allocs:bytes"}}
	metrics.Read(sample)
	return sample[0].Value.Uint64()
}

// Budget is how often one call may allocate. Plain holds without the race
// detector, which makes sync.Pool drop a part of what is put into it and so
// adds allocations; Race holds with it.
type Budget struct{ Plain, Race float64 }

// Allocs fails the test if f allocates more often than its budget, on average of
// many calls. It must not run beside parallel tests: the count is the program's.
func Allocs(tb testing.TB, b Budget, f func()) {
	tb.Helper()
	limit := b.Plain
	if Race() {
		limit = b.Race
	}
	if got := testing.AllocsPerRun(50, f); got > limit {
		tb.Errorf("allocates %v times, over the budget of %v: find what is new, or move the budget and its reason", got, limit)
	}
}

// Race reports whether the test was built with the race detector, as its own
// build information says.
func Race() bool {
	info, ok := debug.ReadBuildInfo()
	return ok && slices.Contains(info.Settings, debug.BuildSetting{Key: "-race", Value: "true"})
}
