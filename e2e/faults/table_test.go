package faults

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"
	"time"

	"kubernetes-mcp-edge/extproc/kubeheader"
)

// result is what came of a row.
type result struct {
	name, expected string
	counts         counts
	unchecked      int
	recovery       time.Duration
}

// String is one line for the test's log.
func (r result) String() string {
	return fmt.Sprintf("%s: %d requests, %d served, %d refused for their headers, %d failed (%s), %d acted on unchecked, well again after %s",
		r.name, r.counts.requests(), r.counts.good, r.counts.rejected, r.counts.failed, r.told(), r.unchecked, r.recovery.Round(time.Millisecond))
}

// told lists the reasons that callers were told, the most frequent first.
func (r result) told() string {
	if len(r.counts.reasons) == 0 {
		return "none"
	}
	reasons := slices.SortedFunc(maps.Keys(r.counts.reasons), func(a, b kubeheader.Reason) int {
		return cmp.Or(r.counts.reasons[b]-r.counts.reasons[a], int(a)-int(b))
	})
	out := make([]string, 0, len(reasons))
	for _, reason := range reasons {
		out = append(out, fmt.Sprintf("%s %d", reason, r.counts.reasons[reason]))
	}
	return strings.Join(out, ", ")
}

// results are those of this run.
var results struct {
	mu  sync.Mutex
	all []result
}

func record(r result) {
	results.mu.Lock()
	defer results.mu.Unlock()
	results.all = append(results.all, r)
}
