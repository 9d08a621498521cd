package observe

import (
	"fmt"
	"math"
	"math/rand/v2"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus/testutil"
	"github.com/stretchr/testify/require"

	"kubernetes-mcp-edge/extproc/kubeheader"
	"kubernetes-mcp-edge/extproc/stream"
)

// own is the exposition of the guard's own metrics.
func own(tb testing.TB, o *Observer) string {
	tb.Helper()
	_, text := read(tb, o.Metrics())
	var out strings.Builder
	for line := range strings.Lines(text) {
		if strings.HasPrefix(line, prefix) {
			out.WriteString(line)
		}
	}
	return out.String()
}

// value is one sample.
func value(tb testing.TB, o *Observer, series string) float64 {
	tb.Helper()
	for line := range strings.Lines(own(tb, o)) {
		if rest, ok := strings.CutPrefix(line, series+" "); ok {
			var v float64
			_, err := fmt.Sscan(rest, &v)
			require.NoError(tb, err)
			return v
		}
	}
	require.Fail(tb, "no such series", series)
	return 0
}

func TestEverySourceIsReported(t *testing.T) {
	o := observer(t, full())
	for series, want := range map[string]float64{
		`kube_guard_cache_hits_total`:                                                      11,
		`kube_guard_cache_misses_total`:                                                    22,
		`kube_guard_cache_evictions_total{cause="expired"}`:                                31,
		`kube_guard_cache_evictions_total{cause="overflow"}`:                               32,
		`kube_guard_cache_evictions_total{cause="replaced"}`:                               33,
		`kube_guard_cache_evictions_total{cause="forgotten"}`:                              34,
		`kube_guard_cache_entries`:                                                         44,
		`kube_guard_cache_bytes`:                                                           55,
		`kube_guard_ready`:                                                                 0,
		`kube_guard_reloads_total{file="policy",result="success"}`:                         3,
		`kube_guard_reloads_total{file="policy",result="failure"}`:                         2,
		`kube_guard_reloads_total{file="signing-key",result="success"}`:                    1,
		`kube_guard_reloads_total{file="tls",result="failure"}`:                            5,
		`kube_guard_last_reload_successful{file="policy"}`:                                 0,
		`kube_guard_last_reload_successful{file="signing-key"}`:                            1,
		`kube_guard_loaded_timestamp_seconds{file="policy"}`:                               float64(now.Add(-time.Hour).Unix()),
		`kube_guard_policy_info{digest="` + digest + `"}`:                                  1,
		`kube_guard_signing_key_activation_timestamp_seconds{key_id="` + keyA + `"}`:       0,
		`kube_guard_signing_key_activation_timestamp_seconds{key_id="` + keyB + `"}`:       float64(now.Add(-90 * time.Minute).Unix()),
		`kube_guard_signing_key_active{key_id="` + keyA + `"}`:                             0,
		`kube_guard_signing_key_active{key_id="` + keyB + `"}`:                             1,
		`kube_guard_tls_not_after_timestamp_seconds`:                                       float64(now.Add(36 * time.Hour).Unix()),
		`kube_guard_tls_refused_total`:                                                     6,
		`kube_guard_insecure_listen`:                                                       1,
		`kube_guard_log_lines_dropped_total`:                                               7,
		`kube_guard_spans_lost_total`:                                                      8,
		`kube_guard_build_info{go_version="go1.26.6",revision="0123abc",version="v1.2.3"}`: 1,
	} {
		require.InDelta(t, want, value(t, o, series), 0, series)
	}
}

func TestWhatIsNotThereHasNoSeries(t *testing.T) {
	o := observer(t, Config{})
	for _, name := range []string{"kube_guard_tls", `file="tls"`, "kube_guard_signing_key", "kube_guard_policy_info", "kube_guard_spans"} {
		require.NotContains(t, own(t, o), name)
	}
	require.InDelta(t, 1, value(t, o, "kube_guard_ready"), 0)
	require.InDelta(t, 0, value(t, o, "kube_guard_insecure_listen"), 0)
}

func TestEventsAreCounted(t *testing.T) {
	o := observer(t, full())
	o.Decided(allowed())
	o.Decided(allowed())
	o.Decided(rejected(kubeheader.ReasonTokenExpired))
	let := allowed()
	let.Reported = []kubeheader.Problem{kubeheader.ReasonHostNotAllowed.Problem(""), kubeheader.ReasonPortNotAllowed.Problem("")}
	o.Decided(let)
	o.StreamOpened()
	o.StreamOpened()
	o.StreamClosed()
	o.Panicked()
	o.Crowded()
	o.Crowded()
	o.Failed()
	for series, want := range map[string]float64{
		`kube_guard_decisions_total{reason="none",verdict="allow"}`:               3,
		`kube_guard_decisions_total{reason="token-expired",verdict="reject"}`:     1,
		`kube_guard_decisions_total{reason="token-empty",verdict="reject"}`:       0,
		`kube_guard_reported_total{reason="host-not-allowed"}`:                    1,
		`kube_guard_reported_total{reason="port-not-allowed"}`:                    1,
		`kube_guard_reported_total{reason="path-not-allowed"}`:                    0,
		`kube_guard_streams_total`:                                                2,
		`kube_guard_streams_open`:                                                 1,
		`kube_guard_panics_total`:                                                 1,
		`kube_guard_crowded_total`:                                                2,
		`kube_guard_failures_total`:                                               1,
		`kube_guard_decision_duration_seconds_count{cached="true"}`:               3,
		`kube_guard_decision_duration_seconds_count{cached="false"}`:              1,
		`kube_guard_decision_duration_seconds_bucket{cached="true",le="5e-06"}`:   3,
		`kube_guard_decision_duration_seconds_bucket{cached="true",le="2.5e-06"}`: 0,
		`kube_guard_decision_duration_seconds_bucket{cached="false",le="5e-05"}`:  0,
		`kube_guard_decision_duration_seconds_bucket{cached="false",le="0.0001"}`: 1,
	} {
		require.InDelta(t, want, value(t, o, series), 0, series)
	}
}

// TestNativeHistogram: a scraper that speaks protobuf gets fine buckets beside
// the classic ones.
func TestNativeHistogram(t *testing.T) {
	o := observer(t, full())
	o.Decided(allowed())
	families, err := o.registry.Gather()
	require.NoError(t, err)
	for _, family := range families {
		if family.GetName() != tookName {
			continue
		}
		for _, m := range family.GetMetric() {
			require.NotNil(t, m.GetHistogram().Schema, "native")
			require.Len(t, m.GetHistogram().GetBucket(), len(tookBuckets()))
			require.InDelta(t, 1e-6, m.GetHistogram().GetBucket()[0].GetUpperBound(), 0, "from a microsecond on")
		}
		return
	}
	require.Fail(t, "no histogram")
}

// TestSeriesExistFromTheStart: a counter that appears with its first event
// hides that event from rate().
func TestSeriesExistFromTheStart(t *testing.T) {
	before := seriesOf(own(t, observer(t, full())))
	o := observer(t, full())
	for _, r := range kubeheader.Reasons() {
		e := rejected(r)
		e.Reported = []kubeheader.Problem{r.Problem("")}
		o.Decided(e)
	}
	o.Decided(allowed())
	require.Equal(t, before, seriesOf(own(t, o)))
	require.Contains(t, before, `kube_guard_decisions_total{reason="host-not-allowed",verdict="reject"}`)
	require.NotContains(t, before, `kube_guard_decisions_total{reason="proof-missing",verdict="reject"}`, "that is the backend's")
}

var sample = regexp.MustCompile(` \S+\n$`)

func seriesOf(text string) []string {
	var out []string
	for line := range strings.Lines(text) {
		out = append(out, sample.ReplaceAllString(line, ""))
	}
	return out
}

// TestNoFloodMakesASeries: whatever stands in an event, the series stay those
// that were there before, and none of it stands in one.
func TestNoFloodMakesASeries(t *testing.T) {
	o := observer(t, full())
	before := seriesOf(own(t, o))
	const marker = "m4rker"
	var flood sync.WaitGroup
	for worker := range 8 {
		flood.Go(func() {
			random := rand.New(rand.NewPCG(uint64(worker), 1))
			for i := range 2000 {
				text := fmt.Sprintf("%s-%d-%d\"}\n", marker, worker, i)
				o.Decided(stream.Event{
					Decision: text, Allowed: random.IntN(2) == 0, Reason: kubeheader.Reason(random.IntN(256)), Header: text, Problems: random.Int(),
					Reported:   []kubeheader.Problem{{Reason: kubeheader.Reason(random.IntN(256)), Header: text, Message: text}},
					Credential: text, Host: text, Took: time.Duration(random.Int64()) - math.MaxInt64/2, Cached: random.IntN(2) == 0,
				})
			}
		})
	}
	flood.Wait()
	after := own(t, o)
	require.Equal(t, before, seriesOf(after))
	require.NotContains(t, after, marker)
	var decisions float64
	for line := range strings.Lines(after) {
		if strings.HasPrefix(line, "kube_guard_decisions_total") {
			var v float64
			_, err := fmt.Sscan(line[strings.LastIndexByte(line, ' ')+1:], &v)
			require.NoError(t, err)
			decisions += v
		}
	}
	require.InDelta(t, 16000, decisions, 0, "each is counted once, odd ones too")
}

// TestLabelValuesAreFromClosedLists goes through every series.
func TestLabelValuesAreFromClosedLists(t *testing.T) {
	reasons := map[string]bool{"none": true}
	for _, r := range kubeheader.Reasons() {
		reasons[r.String()] = true
	}
	words := regexp.MustCompile(`^(allow|reject|success|failure|policy|signing-key|tls|true|false|expired|overflow|replaced|forgotten)$`)
	own := map[string]bool{digest: true, keyA: true, keyB: true, "v1.2.3": true, "0123abc": true, "go1.26.6": true}
	families, err := observer(t, full()).registry.Gather()
	require.NoError(t, err)
	for _, family := range families {
		if !strings.HasPrefix(family.GetName(), prefix) {
			continue
		}
		for _, m := range family.GetMetric() {
			for _, l := range m.GetLabel() {
				v := l.GetValue()
				require.True(t, reasons[v] && l.GetName() == "reason" || words.MatchString(v) || own[v], "%s{%s=%q}", family.GetName(), l.GetName(), v)
			}
		}
	}
}

func TestMetricsAreCleanByThePrometheusLinter(t *testing.T) {
	problems, err := testutil.GatherAndLint(observer(t, full()).registry)
	require.NoError(t, err)
	require.Empty(t, problems)
}

func TestGoAndProcessMetricsAreThere(t *testing.T) {
	_, text := read(t, observer(t, Config{}).Metrics())
	for _, name := range []string{"go_goroutines ", "go_memstats_heap_inuse_bytes ", "process_start_time_seconds ", "process_open_fds "} {
		require.Contains(t, text, "\n"+name)
	}
}

// TestObserversShareNothing: there is no global registry.
func TestObserversShareNothing(t *testing.T) {
	a, b := observer(t, full()), observer(t, full())
	a.Decided(allowed())
	require.InDelta(t, 0, value(t, b, `kube_guard_decisions_total{reason="none",verdict="allow"}`), 0)
}
