package observe

import (
	"slices"
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

// prefix begins the name of every metric of the guard's own.
const prefix = "kube_guard_"

// definition is a metric: what a page of the docs says of it, and how it is
// read. Its labels have values from closed lists, all of which exist from the
// start, so that a rate over the first event is not lost.
type definition struct {
	name   string
	kind   kind
	labels []string
	help   string
	// read gives one value for each combination of labels.
	read func(s *Status, give give)
}

type give func(value float64, labels ...string)

type kind uint8

const (
	counter kind = iota
	gauge
)

func (k kind) String() string {
	if k == gauge {
		return "gauge"
	}
	return "counter"
}

func (k kind) valueType() prometheus.ValueType {
	if k == gauge {
		return prometheus.GaugeValue
	}
	return prometheus.CounterValue
}

// The histogram stands apart, since it is kept and not read.
const (
	tookName  = prefix + "decision_duration_seconds"
	tookLabel = "cached"
	tookHelp  = "Time from the arrival of a request's headers to its verdict, by whether the verdict was remembered."
)

// tookBuckets are the classic buckets in seconds. A remembered verdict takes
// microseconds, an RSA key half a millisecond, and Envoy gives up after two seconds.
func tookBuckets() []float64 {
	return []float64{
		1e-6, 2.5e-6, 5e-6, 1e-5, 2.5e-5, 5e-5, 1e-4, 2.5e-4, 5e-4,
		1e-3, 2.5e-3, 5e-3, 1e-2, 2.5e-2, 5e-2, 0.1, 0.25, 0.5, 1, 2,
	}
}

func newHistogram(cached string) prometheus.Histogram {
	return prometheus.NewHistogram(prometheus.HistogramOpts{
		Name: tookName, Help: tookHelp, ConstLabels: prometheus.Labels{tookLabel: cached}, Buckets: tookBuckets(),
		// A native bucket is at most a tenth wider than the one before, and there
		// are at most 160 of them: what takes longer to grow than an hour is reset.
		NativeHistogramBucketFactor: 1.1, NativeHistogramMaxBucketNumber: 160, NativeHistogramMinResetDuration: time.Hour,
	})
}

// definitions lists every metric but the histogram, in the order of the docs.
func definitions() []definition {
	return slices.Concat(requests(), cache(), configuration(), program())
}

func requests() []definition {
	return []definition{
		{"decisions_total", counter, []string{"verdict", "reason"},
			"Requests decided, by verdict (allow, reject) and by the first reason of a rejection (none for allow).",
			func(s *Status, give give) {
				give(float64(s.Decisions.Allowed), "allow", "none")
				for _, r := range s.Decisions.ByReason {
					give(float64(r.Count), "reject", r.Reason)
				}
			}},
		{"reported_total", counter, []string{"reason"},
			"Requests let through although a rule that is set to report would have rejected them, by each such reason.",
			func(s *Status, give give) {
				for _, r := range s.Decisions.Reported {
					give(float64(r.Count), r.Reason)
				}
			}},
		{"failures_total", counter, nil,
			"Requests without a verdict, because the guard itself failed. They did not pass.",
			func(s *Status, give give) { give(float64(s.Streams.Failures)) }},
		{"panics_total", counter, nil,
			"Streams that ended in a panic. Their requests did not pass; the log has the stacks.",
			func(s *Status, give give) { give(float64(s.Streams.Panics)) }},
		{"crowded_total", counter, nil,
			"Rejections answered without the id of their request, because limits.guard.pendingRejections others were waiting for a body.",
			func(s *Status, give give) { give(float64(s.Streams.Crowded)) }},
		{"streams_total", counter, nil,
			"Streams opened; each is one HTTP request.",
			func(s *Status, give give) { give(float64(s.Streams.Opened)) }},
		{"streams_open", gauge, nil,
			"Streams open now.",
			func(s *Status, give give) { give(float64(s.Streams.Open)) }},
	}
}

// seconds is a time as Prometheus takes it; 0 for none.
func seconds(t time.Time) float64 {
	if t.IsZero() {
		return 0
	}
	return float64(t.UnixMilli()) / 1000
}

func number(yes bool) float64 {
	if yes {
		return 1
	}
	return 0
}
