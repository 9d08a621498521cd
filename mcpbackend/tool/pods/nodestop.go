package pods

import (
	"context"
	"strings"

	"github.com/modelcontextprotocol/go-sdk/mcp"

	"kubernetes-mcp-edge/mcpbackend/answer"
	"kubernetes-mcp-edge/mcpbackend/kube"
	"kubernetes-mcp-edge/mcpbackend/tool"
)

type nodesTopIn struct {
	Name          string `json:"name,omitempty"`
	LabelSelector string `json:"label_selector,omitempty"`
}

func nodesTop() tool.Tool {
	return tool.New(mcp.Tool{
		Name: "nodes_top", Title: "Node usage",
		Description:  "Shows the CPU and memory that nodes use now, in percent too (needs metrics-server).",
		OutputSchema: tool.Output[Used](),
	}, tool.Options{Toolset: tool.Core}, nodeTop)
}

func nodeTop(ctx context.Context, c *kube.Client, in nodesTopIn) (string, Used, error) {
	if err := tool.CheckSelectors(in.LabelSelector); err != nil {
		return "", Used{}, err
	}
	if in.Name != "" {
		if in.LabelSelector != "" {
			return "", Used{}, answer.Mistake("pass name or label_selector, not both.")
		}
		if err := tool.CheckName(in.Name); err != nil {
			return "", Used{}, err
		}
	}
	objects, err := measured(ctx, c, nodeMetricsKind, "", in.Name, in.LabelSelector)
	if err != nil {
		return "", Used{}, err
	}
	allocatable, missing := nodesGive(ctx, c, in)
	rows := make([]measure, 0, len(objects.Items))
	for _, o := range objects.Items {
		name := texts(o, "metadata", "name")
		var m measure
		m.usage, m.sound = readUsage(o, "usage")
		whole := allocatable[name]
		used := m.usage
		m.line = func() string {
			return strings.TrimRight(strings.Join([]string{
				shown(c, name), millicores(used.cores), percent(used.cores, whole.cores), mebibytes(used.bytes), percent(used.bytes, whole.bytes),
			}, "\t"), "\t")
		}
		rows = append(rows, m)
	}
	text, out, err := ranked(ctx, "nodes", "NAME\tCPU\tCPU%\tMEMORY\tMEMORY%", "in the cluster", rows, objects)
	return text + missing, out, err
}

// nodesGive is what Pods can have of each node. Who may not read nodes still
// learns what they use.
func nodesGive(ctx context.Context, c *kube.Client, in nodesTopIn) (give map[string]usage, missing string) {
	var nodes kube.Objects
	var err error
	if in.Name != "" {
		var one map[string]any
		one, err = c.Get(ctx, nodeKind, "", in.Name)
		nodes.Items = []map[string]any{one}
	} else {
		nodes, err = c.Objects(ctx, nodeKind, kube.ListOptions{LabelSelector: in.LabelSelector, Limit: maxMeasured})
	}
	if err != nil {
		return nil, "-- No percentages: the nodes could not be read (" + answer.Word(err) + "). --\n"
	}
	give = map[string]usage{}
	for _, n := range nodes.Items {
		give[texts(n, "metadata", "name")], _ = readUsage(n, "status", "allocatable")
	}
	return give, ""
}
