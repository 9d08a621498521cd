// Package pods holds the tools for pods, events and nodes: what runs, what it
// logs, what it uses and what happened to it.
package pods

import (
	"strconv"
	"strings"
	"time"

	"github.com/google/jsonschema-go/jsonschema"

	"kubernetes-mcp-edge/mcpbackend/answer"
	"kubernetes-mcp-edge/mcpbackend/kube"
	"kubernetes-mcp-edge/mcpbackend/tool"
)

// Tools are the tools of the package.
func Tools() []tool.Tool {
	return []tool.Tool{
		podsList(), podsListInNamespace(), podsGet(), podsLog(), podsTop(),
		eventsList(time.Now), nodesLog(), nodesStatsSummary(), nodesTop(),
	}
}

// The kinds of these tools: every cluster has them, so that nothing has to be
// asked. Whether it has the metrics, the answer shows.
var (
	podKind         = kube.Kind{Version: "v1", Kind: pod, Resource: "pods", Namespaced: true}
	eventKind       = kube.Kind{Version: "v1", Kind: "Event", Resource: "events", Namespaced: true}
	nodeKind        = kube.Kind{Version: "v1", Kind: "Node", Resource: "nodes"}
	podMetricsKind  = kube.Kind{Group: metricsGroup, Version: "v1beta1", Kind: "PodMetrics", Resource: "pods", Namespaced: true}
	nodeMetricsKind = kube.Kind{Group: metricsGroup, Version: "v1beta1", Kind: "NodeMetrics", Resource: "nodes"}
)

// pod is the kind that most of the tools are about.
const pod = "Pod"

const metricsGroup = "metrics.k8s.io"

// shown is a name or a word of the server, fit to show.
func shown(c *kube.Client, s string) string { return answer.Line(answer.Present(c, s), answer.MaxCell) }

// span bounds a number in a schema.
func span(s *jsonschema.Schema, least, most float64) { s.Minimum, s.Maximum = &least, &most }

// maxSince is more than anything is kept.
const maxSince = 366 * 24 * time.Hour

// since reads a duration such as 10m, 2h or 1d; "" is none.
func since(text string) (time.Duration, error) {
	if text == "" {
		return 0, nil
	}
	if days, ok := strings.CutSuffix(text, "d"); ok {
		n, err := strconv.ParseUint(days, 10, 16)
		if err != nil {
			n = 0
		}
		text = strconv.FormatUint(24*n, 10) + "h"
	}
	d, err := time.ParseDuration(text)
	if err != nil || d <= 0 || d > maxSince {
		return 0, answer.Mistake("since is how long ago, such as 30s, 10m, 2h or 1d.")
	}
	return d, nil
}

// texts reads into an object of the server: the text at the end of a path of
// names; "" if there is none.
func texts(o map[string]any, path ...string) string {
	for _, name := range path[:len(path)-1] {
		o, _ = o[name].(map[string]any)
	}
	s, _ := o[path[len(path)-1]].(string)
	return s
}

// lists is the same for a list of objects; what is no object is left out.
func lists(o map[string]any, path ...string) []map[string]any {
	for _, name := range path[:len(path)-1] {
		o, _ = o[name].(map[string]any)
	}
	items, _ := o[path[len(path)-1]].([]any)
	out := make([]map[string]any, 0, len(items))
	for _, item := range items {
		if m, ok := item.(map[string]any); ok {
			out = append(out, m)
		}
	}
	return out
}
