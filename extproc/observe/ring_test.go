package observe

import (
	"strconv"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	"kubernetes-mcp-edge/extproc/kubeheader"
	"kubernetes-mcp-edge/extproc/trial"
)

func TestTheLastHundredAreKeptNewestFirst(t *testing.T) {
	var r ring
	require.Empty(t, r.last())
	for i := range 250 {
		e := allowed()
		e.Decision = strconv.Itoa(i)
		r.add(&e)
		require.Len(t, r.last(), min(i+1, kept))
	}
	for i, e := range r.last() {
		require.Equal(t, strconv.Itoa(249-i), e.event.Decision)
	}
}

// TestTheStreamsSliceIsNotKept: it may be used again once Decided returned.
func TestTheStreamsSliceIsNotKept(t *testing.T) {
	o := observer(t, full())
	e := allowed()
	for range maxReported + 3 {
		e.Reported = append(e.Reported, kubeheader.ReasonHostNotAllowed.Problem(""))
	}
	o.Decided(e)
	for i := range e.Reported {
		e.Reported[i] = kubeheader.ReasonTokenEmpty.Problem("")
	}
	require.Equal(t, []string{"host-not-allowed", "host-not-allowed", "host-not-allowed", "host-not-allowed"}, o.status(true).Recent[0].Reported)
	require.Nil(t, o.recent.last()[0].event.Reported)
	for range kept { // each place is used again
		o.Decided(allowed())
	}
	for _, d := range o.status(true).Recent {
		require.Empty(t, d.Reported)
	}
}

func TestManyWritersAndReaders(t *testing.T) {
	o := observer(t, full())
	var all sync.WaitGroup
	for range 4 {
		all.Go(func() {
			for range 1000 {
				o.StreamOpened()
				o.Decided(allowed())
				o.StreamClosed()
			}
		})
		all.Go(func() {
			for range 20 {
				s := o.status(true)
				require.LessOrEqual(t, len(s.Recent), kept)
				require.LessOrEqual(t, s.Streams.Open, uint64(4))
			}
		})
	}
	all.Wait()
	require.Len(t, o.recent.last(), kept)
}

func TestAllocsOfDecision(t *testing.T) {
	o := observer(t, full())
	yes, no := allowed(), rejected(kubeheader.ReasonHostNotAllowed)
	yes.Reported = []kubeheader.Problem{kubeheader.ReasonHostNotAllowed.Problem("")}
	o.Decided(yes) // the native histogram makes its bucket once
	o.Decided(no)
	trial.Allocs(t, trial.Budget{Plain: 0, Race: 0}, func() { o.Decided(yes); o.Decided(no) })
}

func BenchmarkDecided(b *testing.B) {
	o := observer(b, full())
	b.Run("one", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			o.Decided(allowed())
		}
	})
	b.Run("parallel", func(b *testing.B) {
		b.ReportAllocs()
		b.RunParallel(func(pb *testing.PB) {
			for pb.Next() {
				o.Decided(allowed())
			}
		})
	})
	b.Run("whole request", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			o.StreamOpened()
			o.Decided(allowed())
			o.StreamClosed()
		}
	})
}
