package pods

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/google/jsonschema-go/jsonschema"
	"github.com/modelcontextprotocol/go-sdk/mcp"

	"kubernetes-mcp-edge/mcpbackend/answer"
	"kubernetes-mcp-edge/mcpbackend/kube"
	"kubernetes-mcp-edge/mcpbackend/tool"
)

type podsTopIn struct {
	AllNamespaces *bool  `json:"all_namespaces,omitempty" jsonschema:"default true, unless namespace or name is given"`
	Namespace     string `json:"namespace,omitempty"`
	Name          string `json:"name,omitempty"`
	LabelSelector string `json:"label_selector,omitempty" jsonschema:"e.g. app=web"`
}

// Used is the structured part of what is used: the sums.
type Used struct {
	Count     int   `json:"count"` // objects that were measured
	CPUMillis int64 `json:"cpuMillicores"`
	Memory    int64 `json:"memoryBytes"`
	Truncated bool  `json:"truncated,omitempty"` // not all were looked at, or shown
}

func podsTop() tool.Tool {
	return tool.New(mcp.Tool{
		Name: "pods_top", Title: "Pod usage",
		Description:  "Shows the CPU and memory that pods use now, the greatest first (needs metrics-server).",
		OutputSchema: tool.Output[Used](),
	}, tool.Options{Toolset: tool.Core, Adjust: func(properties map[string]*jsonschema.Schema) {
		properties["all_namespaces"].Type, properties["all_namespaces"].Types = "boolean", nil
	}}, podTop)
}

func podTop(ctx context.Context, c *kube.Client, in podsTopIn) (string, Used, error) {
	namespace, scope, err := topScope(c, in)
	if err != nil {
		return "", Used{}, err
	}
	objects, err := measured(ctx, c, podMetricsKind, namespace, in.Name, in.LabelSelector)
	if err != nil {
		return "", Used{}, err
	}
	rows := make([]measure, 0, len(objects.Items))
	for _, o := range objects.Items {
		rows = append(rows, podMeasure(c, o))
	}
	return ranked(ctx, "pods", "NAMESPACE\tNAME\tCPU\tMEMORY\tCONTAINERS", scope, rows, objects)
}

// topScope decides where to look: a namespace or a name is narrower than all.
func topScope(c *kube.Client, in podsTopIn) (namespace, scope string, err error) {
	if err := tool.CheckSelectors(in.LabelSelector); err != nil {
		return "", "", err
	}
	if in.Name != "" {
		if in.LabelSelector != "" {
			return "", "", answer.Mistake("pass name or label_selector, not both.")
		}
		if err := tool.CheckName(in.Name); err != nil {
			return "", "", err
		}
		return tool.GetScope(c, podMetricsKind, in.Namespace)
	}
	switch {
	case in.Namespace != "":
		return tool.ListScope(c, podMetricsKind, in.Namespace)
	case in.AllNamespaces == nil || *in.AllNamespaces:
		return tool.ListScope(c, podMetricsKind, tool.EveryNamespace)
	}
	return tool.GetScope(c, podMetricsKind, "")
}

// measure is one line of what is used.
type measure struct {
	usage

	sound bool          // all of it could be read
	line  func() string // asked for what is shown alone
}

// podMeasure sums up a PodMetrics.
func podMeasure(c *kube.Client, o map[string]any) measure {
	m := measure{sound: true}
	containers := lists(o, "containers")
	containers = containers[:min(len(containers), maxContainers)]
	for _, one := range containers {
		u, ok := readUsage(one, "usage")
		m.sound = m.sound && ok
		m.add(u)
	}
	sum := m.usage
	m.line = func() string {
		each := make([]string, 0, len(containers))
		for _, one := range containers {
			u, _ := readUsage(one, "usage")
			each = append(each, fmt.Sprintf("%s=%s/%s", shown(c, texts(one, "name")), millicores(u.cores), mebibytes(u.bytes)))
		}
		return strings.Join([]string{
			shown(c, texts(o, "metadata", "namespace")), shown(c, texts(o, "metadata", "name")),
			millicores(sum.cores), mebibytes(sum.bytes), strings.Join(each, " "),
		}, "\t")
	}
	return m
}

// ranked renders measures, the greatest first, and their sum.
func ranked(ctx context.Context, what, header, scope string, rows []measure, objects kube.Objects) (string, Used, error) {
	slices.SortStableFunc(rows, func(a, b measure) int {
		return cmp.Or(cmp.Compare(b.cores, a.cores), cmp.Compare(b.bytes, a.bytes))
	})
	out := Used{Count: len(rows)}
	var sum usage
	unsound := 0
	lines := make([]string, 0, len(rows)+1)
	lines = append(lines, header)
	size := 0
	for _, r := range rows {
		sum.add(r.usage)
		if !r.sound {
			unsound++
		}
		if size <= answer.ListBudget && ctx.Err() == nil {
			lines = append(lines, r.line())
			size += len(lines[len(lines)-1])
		}
	}
	out.CPUMillis, out.Memory = int64(sum.cores*1000), int64(sum.bytes)
	text, left := aligned(lines, answer.ListBudget)
	left += len(rows) + 1 - len(lines)
	var b strings.Builder
	fmt.Fprintf(&b, "%d %s %s use %s CPU and %s memory, the greatest first\n", len(rows), what, scope, millicores(sum.cores), mebibytes(sum.bytes))
	if len(rows) > 0 {
		b.WriteString(text)
	}
	if left > 0 {
		fmt.Fprintf(&b, "-- %d more that use less were left out to keep the answer short. --\n", left)
	}
	if objects.More > 0 || objects.Continue != "" {
		fmt.Fprintf(&b, "-- There are more than the %d that were looked at, perhaps greater ones: narrow it with a namespace or label_selector. --\n", len(rows))
	}
	if unsound > 0 {
		fmt.Fprintf(&b, "-- Of %d the usage could not be read in full. --\n", unsound)
	}
	out.Truncated = left > 0 || objects.More > 0 || objects.Continue != ""
	return b.String(), out, answer.Ended(ctx)
}
