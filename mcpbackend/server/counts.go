package server

import (
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"kubernetes-mcp-edge/extproc/kubeheader"
	"kubernetes-mcp-edge/mcpbackend/kube"
	"kubernetes-mcp-edge/mcpbackend/tool"
)

// The kinds of metrics that are kept as things happen; metrics has those that
// are read when somebody asks.
const (
	counterKind   = "counter"
	gaugeKind     = "gauge"
	histogramKind = "histogram"
)

// kept is one of them. Its labels have values from closed lists.
type kept struct {
	name, kind string
	labels     []string
	help       string
}

// The names of what is kept.
const (
	keptCalls       = "calls_total"
	keptTook        = "call_duration_seconds"
	keptUnderWay    = "calls_under_way"
	keptWaits       = "call_waits_total"
	keptBusy        = "calls_busy_total"
	keptRefused     = "requests_refused_total"
	keptAPIRequests = "api_requests_total"
	keptAPITook     = "api_request_duration_seconds"
)

// keptMetrics lists them in the order of the docs.
func keptMetrics() []kept {
	return []kept{
		{
			keptCalls, counterKind, []string{toolLabel, "outcome", "trouble"},
			"Calls of a tool or prompt that have ended, by its name (unknown for one that there is not), outcome (ok, tool-error, rejected, panic) and the word for why it failed (none for ok), as in the audit line.",
		},
		{
			keptTook, histogramKind, []string{toolLabel},
			"Time from the arrival of such a call to its answer, the wait for its turn included. It has classic buckets and, where Prometheus asks for them, native ones.",
		},
		{keptUnderWay, gaugeKind, nil, "Such calls that are under way now or wait for their turn."},
		{
			keptWaits, counterKind, []string{"limit"},
			"Requests that had to wait for their turn, by the limit (caller, all).",
		},
		{
			keptBusy, counterKind, []string{"limit"},
			"Requests answered with the advice to come again, by the limit that was reached: caller and all count what is under way, caller-rate, newcomer-rate and server-rate what came in a while.",
		},
		{
			keptRefused, counterKind, []string{"reason"},
			"Requests refused before a tool or list was looked at, by reason, as docs/reasons.md has them: above all those of the proof.",
		},
		{
			keptAPIRequests, counterKind, []string{"verb", "status"},
			"Requests to API servers, by RBAC's verb (or discovery, review, exec, other) and class of the answer's status (1xx to 5xx, none if no answer came).",
		},
		{
			keptAPITook, histogramKind, []string{"verb"},
			"Time until the answer of an API server began.",
		},
	}
}

// callBuckets are the classic buckets, in seconds. A warm call takes
// milliseconds, and none may take longer than limits.backend.callTimeout.
func callBuckets() []float64 {
	return []float64{0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60}
}

// counts is all that is kept.
type counts struct {
	counters   map[string]*prometheus.CounterVec
	histograms map[string]*prometheus.HistogramVec
	gauges     map[string]*prometheus.GaugeVec
	troubles   map[string]bool
}

// newCounts makes what is kept for these tools and prompts.
func newCounts(names []string) *counts {
	c := &counts{
		counters: map[string]*prometheus.CounterVec{}, histograms: map[string]*prometheus.HistogramVec{},
		gauges: map[string]*prometheus.GaugeVec{}, troubles: troubleWords(),
	}
	for _, m := range keptMetrics() {
		name := prefix + m.name
		switch m.kind {
		case counterKind:
			c.counters[m.name] = prometheus.NewCounterVec(prometheus.CounterOpts{Name: name, Help: m.help}, m.labels)
		case gaugeKind:
			c.gauges[m.name] = prometheus.NewGaugeVec(prometheus.GaugeOpts{Name: name, Help: m.help}, m.labels)
		case histogramKind:
			c.histograms[m.name] = prometheus.NewHistogramVec(prometheus.HistogramOpts{
				Name: name, Help: m.help, Buckets: callBuckets(),
				// As the guard's: buckets a tenth wider each, at most 160, and what takes
				// more is reset after an hour.
				NativeHistogramBucketFactor: 1.1, NativeHistogramMaxBucketNumber: 160, NativeHistogramMinResetDuration: time.Hour,
			}, m.labels)
		}
	}
	c.begin(names)
	return c
}

// begin makes the series of which rate() should see the first event.
func (c *counts) begin(names []string) {
	for _, name := range append([]string{unknownTool}, names...) {
		c.histograms[keptTook].WithLabelValues(name)
	}
	for _, name := range names {
		c.counters[keptCalls].WithLabelValues(name, outcomeOK, noTrouble)
	}
	c.gauges[keptUnderWay].WithLabelValues()
	for _, limit := range limits() {
		c.counters[keptBusy].WithLabelValues(limit)
	}
	for _, limit := range []string{limitCaller, limitAll} {
		c.counters[keptWaits].WithLabelValues(limit)
	}
	for _, r := range refusals() {
		c.counters[keptRefused].WithLabelValues(r.String())
	}
	for _, verb := range kube.Verbs() {
		c.histograms[keptAPITook].WithLabelValues(verb)
		c.counters[keptAPIRequests].WithLabelValues(verb, statusClass(200))
	}
}

// collectors are for a registry.
func (c *counts) collectors() []prometheus.Collector {
	var out []prometheus.Collector
	for _, m := range keptMetrics() {
		switch m.kind {
		case counterKind:
			out = append(out, c.counters[m.name])
		case gaugeKind:
			out = append(out, c.gauges[m.name])
		case histogramKind:
			out = append(out, c.histograms[m.name])
		}
	}
	return out
}

// refusals are the reasons that are worth an alert from their first time on.
func refusals() []kubeheader.Reason {
	return []kubeheader.Reason{
		kubeheader.ReasonProofMissing, kubeheader.ReasonProofInvalid, kubeheader.ReasonProofExpired, kubeheader.ReasonProofUnknownKey,
		kubeheader.ReasonOriginNotAllowed,
	}
}

// The trouble of a call that has none, and of one whose word is on no list.
const (
	noTrouble    = "none"
	otherTrouble = "other"
)

// troubleWords are all words that a failed call can leave.
func troubleWords() map[string]bool {
	words := map[string]bool{
		tool.WordAnonymous: true, tool.WordArguments: true, tool.WordUnknownKind: true, tool.WordBusy: true, tool.WordNotOffered: true, tool.WordInternal: true,
	}
	for t := kube.Trouble(1); t.String() != kube.Trouble(0xff).String(); t++ {
		words[t.String()] = true
	}
	return words
}

// ended counts a call.
func (c *counts) ended(name, outcome, trouble string, took time.Duration) {
	switch {
	case trouble == "":
		trouble = noTrouble
	case !c.troubles[trouble]:
		trouble = otherTrouble
	}
	c.counters[keptCalls].WithLabelValues(name, outcome, trouble).Inc()
	c.histograms[keptTook].WithLabelValues(name).Observe(took.Seconds())
}

// underWay counts a call while it lasts: +1 at its begin, -1 at its end.
func (c *counts) underWay(change float64) { c.gauges[keptUnderWay].WithLabelValues().Add(change) }

func (c *counts) waited(limit string) { c.counters[keptWaits].WithLabelValues(limit).Inc() }

func (c *counts) busy(limit string) { c.counters[keptBusy].WithLabelValues(limit).Inc() }

// refused counts a request that MCP did not see.
func (c *counts) refused(r kubeheader.Reason) {
	c.counters[keptRefused].WithLabelValues(r.String()).Inc()
}

// asked counts a request to an API server.
func (c *counts) asked(verb string, status int, took time.Duration) {
	c.counters[keptAPIRequests].WithLabelValues(verb, statusClass(status)).Inc()
	c.histograms[keptAPITook].WithLabelValues(verb).Observe(took.Seconds())
}

// statusClass is 1xx to 5xx, or none.
func statusClass(status int) string {
	if status < 100 || status > 599 {
		return "none"
	}
	return string(rune('0'+status/100)) + "xx"
}
