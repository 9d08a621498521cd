package observe

import (
	"sync/atomic"

	"kubernetes-mcp-edge/extproc/kubeheader"
	"kubernetes-mcp-edge/extproc/stream"
)

// counts are what the stream reported since the start. One decision costs one
// or two additions; names and labels are made when somebody looks.
type counts struct {
	allowed  atomic.Uint64
	rejected tally
	reported tally
	opened   atomic.Uint64
	closed   atomic.Uint64
	panics   atomic.Uint64
	crowded  atomic.Uint64
	failures atomic.Uint64
}

// tally counts by reason. It has a place for every value of the type, so that
// one which is no reason cannot do harm.
type tally [1 << 8]atomic.Uint64

func (t *tally) add(r kubeheader.Reason) { t[r].Add(1) }

// of lists the counts of these reasons. What was counted under any other stands
// under the last of them.
func (t *tally) of(reasons []kubeheader.Reason) []ReasonCount {
	out := make([]ReasonCount, len(reasons))
	known := make(map[kubeheader.Reason]bool, len(reasons))
	for i, r := range reasons {
		out[i] = ReasonCount{Reason: r.String(), Kind: r.Kind().String(), Count: t[r].Load()}
		known[r] = true
	}
	for r := range t {
		if reason := kubeheader.Reason(r); !known[reason] && len(out) > 0 {
			out[len(out)-1].Count += t[r].Load()
		}
	}
	return out
}

// ReasonCount is how many requests were decided for a reason.
type ReasonCount struct {
	Reason string `json:"reason"`
	// Kind says whose rule it is: malformed, forbidden or internal.
	Kind  string `json:"kind"`
	Count uint64 `json:"count"`
}

// rejectable are the reasons that the guard can give, in contract order, and
// last the one that stands for its own failure. The other internal reasons are
// the backend's and Envoy's.
func rejectable() []kubeheader.Reason {
	var out []kubeheader.Reason
	for _, r := range kubeheader.Reasons() {
		if r.Kind() != kubeheader.Internal {
			out = append(out, r)
		}
	}
	return append(out, kubeheader.ReasonGuardUnavailable)
}

// reportable are the reasons that a policy can set to report.
func reportable() []kubeheader.Reason {
	var out []kubeheader.Reason
	for _, r := range kubeheader.Reasons() {
		if r.Reportable() {
			out = append(out, r)
		}
	}
	return out
}

// Decided counts a decision and remembers it among the last.
func (o *Observer) Decided(e stream.Event) {
	cached := 0
	if e.Cached {
		cached = 1
	}
	o.took[cached].Observe(e.Took.Seconds())
	if e.Allowed {
		o.counts.allowed.Add(1)
	} else {
		o.counts.rejected.add(e.Reason)
	}
	for _, p := range e.Reported {
		o.counts.reported.add(p.Reason)
	}
	o.recent.add(&e)
}

// StreamOpened counts a stream that begins.
func (o *Observer) StreamOpened() { o.counts.opened.Add(1) }

// StreamClosed counts a stream that ended, however it did.
func (o *Observer) StreamClosed() { o.counts.closed.Add(1) }

// Panicked counts a panic that cost one stream.
func (o *Observer) Panicked() { o.counts.panics.Add(1) }

// Crowded counts a rejection that was answered without its id, because too many
// others were waiting for their bodies.
func (o *Observer) Crowded() { o.counts.crowded.Add(1) }

// Failed counts a request that got no verdict because the guard could not give one.
func (o *Observer) Failed() { o.counts.failures.Add(1) }

// open is how many streams there are now. The end is read first, so that the
// number cannot fall below zero.
func (c *counts) open() uint64 {
	closed := c.closed.Load()
	return c.opened.Load() - closed
}
