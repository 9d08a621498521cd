package pods

import (
	"context"
	"errors"
	"net/http"

	"kubernetes-mcp-edge/mcpbackend/answer"
	"kubernetes-mcp-edge/mcpbackend/kube"
)

// usage is what something uses.
type usage struct{ cores, bytes float64 }

func (u *usage) add(other usage) {
	u.cores += other.cores
	u.bytes += other.bytes
}

// readUsage reads a list of resources by name. What cannot be read counts as
// nothing, and ok is false.
func readUsage(o map[string]any, path ...string) (u usage, ok bool) {
	cores, sound := quantity(texts(o, append(path, "cpu")...))
	bytes, also := quantity(texts(o, append(path, "memory")...))
	return usage{cores, bytes}, sound && also
}

// maxMeasured bounds how many objects a question for the most eager looks at.
const maxMeasured = 1000

// measured asks the metrics API.
func measured(ctx context.Context, c *kube.Client, kind kube.Kind, namespace, name, selector string) (kube.Objects, error) {
	if name != "" {
		one, err := c.Get(ctx, kind, namespace, name)
		return kube.Objects{Items: []map[string]any{one}}, unmeasured(err)
	}
	objects, err := c.Objects(ctx, kind, kube.ListOptions{Namespace: namespace, LabelSelector: selector, Limit: maxMeasured})
	return objects, unmeasured(err)
}

// unmeasured says in one sentence that a cluster measures nothing.
func unmeasured(err error) error {
	e, ok := errors.AsType[*kube.Error](err)
	switch {
	case !ok:
		return err
	case e.Trouble == kube.NoSuchAPI:
		return answer.Advice(e.Trouble.String(), "This cluster has no metrics API (metrics.k8s.io): it needs metrics-server or the like, which is not installed. Do not retry; nodes_stats_summary may still tell what a node uses.")
	case e.Trouble == kube.Failed && e.Status == http.StatusServiceUnavailable:
		return answer.Advice(e.Trouble.String(), "This cluster's metrics API (metrics.k8s.io) is installed but does not answer: metrics-server or the like is down. Do not retry; tell the user.")
	case e.Trouble == kube.NotFound:
		return answer.Advice(e.Trouble.String(), "There are no metrics for an object of that name: it does not exist, does not run, or began less than a minute ago.")
	}
	return err
}
