package hostile

import (
	"cmp"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	dto "github.com/prometheus/client_model/go"
	"github.com/prometheus/common/expfmt"
	"github.com/prometheus/common/model"
	"github.com/stretchr/testify/require"

	"kubernetes-mcp-edge/e2e/harness"
	"kubernetes-mcp-edge/e2e/rig"
)

// decided is the guard's own account of how long its decisions took.
type decided struct {
	count   uint64
	buckets []bucket // by bound
}

type bucket struct {
	within time.Duration
	count  uint64 // of all decisions that took at most so long
}

// decisions reads the guard's metrics, as Prometheus would.
func decisions(tb testing.TB, s *harness.Stack) decided {
	tb.Helper()
	return sum(durations(tb, s))
}

// durations are the guard's histograms of decisions.
func durations(tb testing.TB, s *harness.Stack) []*dto.Metric {
	tb.Helper()
	text := rig.Fetch(tb.Context(), tb, new(http.Client), s.GuardAdmin(0)+"/metrics")
	parser := expfmt.NewTextParser(model.UTF8Validation)
	families, err := parser.TextToMetricFamilies(strings.NewReader(text))
	require.NoError(tb, err)
	family := families["kube_guard_decision_duration_seconds"]
	require.NotNil(tb, family, "the guard does not say how long its decisions take")
	return family.GetMetric()
}

// sum adds up the histograms of a family; all have the same buckets.
func sum(metrics []*dto.Metric) decided {
	var d decided
	counts := map[time.Duration]uint64{}
	for _, m := range metrics {
		h := m.GetHistogram()
		d.count += h.GetSampleCount()
		for _, b := range h.GetBucket() {
			counts[time.Duration(b.GetUpperBound()*float64(time.Second))] += b.GetCumulativeCount()
		}
	}
	for within, count := range counts {
		if within > 0 { // +Inf overflows, and says nothing
			d.buckets = append(d.buckets, bucket{within, count})
		}
	}
	slices.SortFunc(d.buckets, func(a, b bucket) int { return cmp.Compare(a.within, b.within) })
	return d
}

// within is a time that this share of the decisions did not take longer than:
// the least bound of a bucket for which that is so, and an hour if none is.
func (d decided) within(share float64) time.Duration {
	for _, b := range d.buckets {
		if float64(b.count) >= share*float64(d.count) {
			return b.within
		}
	}
	return time.Hour
}

func (d decided) String() string {
	return fmt.Sprintf("%d, half within %s, 99 of 100 within %s", d.count, d.within(0.5), d.within(0.99))
}

// hitShare is how much of the honest callers' requests the cache answered. Theirs
// are the only ones that come twice.
func hitShare(tb testing.TB, s *harness.Stack, honest int64) float64 {
	tb.Helper()
	return float64(remembered(tb, s).GetHistogram().GetSampleCount()) / float64(honest)
}

// remembered is the histogram of verdicts from the cache.
func remembered(tb testing.TB, s *harness.Stack) *dto.Metric {
	tb.Helper()
	for _, m := range durations(tb, s) {
		for _, l := range m.GetLabel() {
			if l.GetName() == "cached" && l.GetValue() == "true" {
				return m
			}
		}
	}
	require.Fail(tb, "the guard does not count what it remembered")
	return nil
}
