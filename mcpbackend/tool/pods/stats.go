package pods

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/modelcontextprotocol/go-sdk/mcp"

	"kubernetes-mcp-edge/mcpbackend/answer"
	"kubernetes-mcp-edge/mcpbackend/kube"
	"kubernetes-mcp-edge/mcpbackend/tool"
)

type nodesStatsIn struct {
	Name string `json:"name"`
}

// NodeStats is the structured part of nodes_stats_summary.
type NodeStats struct {
	Node             string  `json:"node"`
	CPUMillis        int64   `json:"cpuMillicores"`
	MemoryWorkingSet float64 `json:"memoryWorkingSetBytes"`
	MemoryAvailable  float64 `json:"memoryAvailableBytes"`
	FSUsed           float64 `json:"fsUsedBytes"`
	FSCapacity       float64 `json:"fsCapacityBytes"`
	Pods             int     `json:"pods"`
}

func nodesStatsSummary() tool.Tool {
	return tool.New(mcp.Tool{
		Name: "nodes_stats_summary", Title: "Node statistics",
		Description:  "Sums up what a node's kubelet measures, and the pods that use most (needs get on nodes/proxy).",
		OutputSchema: tool.Output[NodeStats]("cpuMillicores", "memoryWorkingSetBytes", "memoryAvailableBytes", "pods"),
	}, tool.Options{Toolset: tool.Core}, nodeStats)
}

// summary is the part of the kubelet's Summary that is shown
// (k8s.io/kubelet/pkg/apis/stats/v1alpha1). What is not measured is absent.
type summary struct {
	Node struct {
		measures

		FS      disk `json:"fs"`
		Runtime struct {
			ImageFS disk `json:"imageFs"`
		} `json:"runtime"`
		Network struct {
			Received float64 `json:"rxBytes"`
			Sent     float64 `json:"txBytes"`
			Errors   float64 `json:"rxErrors"`
			Lost     float64 `json:"txErrors"`
		} `json:"network"`
		Processes struct {
			Max     float64 `json:"maxpid"`
			Current float64 `json:"curproc"`
		} `json:"rlimit"`
	} `json:"node"`
	Pods somePods `json:"pods"`
}

// somePods are the first of a list: a node runs some hundreds, and 8 MiB of
// nothing would be millions.
type somePods []podStats

// mostPods is more than a node can run.
const mostPods = 2000

var errNoList = errors.New("pods: no list of pods")

// UnmarshalJSON is encoding/json's hook.
func (s *somePods) UnmarshalJSON(b []byte) error {
	dec := json.NewDecoder(bytes.NewReader(b))
	first, err := dec.Token()
	if err != nil || first == nil {
		return err
	}
	if first != json.Delim('[') {
		return errNoList
	}
	for dec.More() && len(*s) < mostPods {
		var p podStats
		if err := dec.Decode(&p); err != nil {
			return err
		}
		*s = append(*s, p)
	}
	return nil
}

type measures struct {
	CPU struct {
		Nanocores float64 `json:"usageNanoCores"`
	} `json:"cpu"`
	Memory struct {
		WorkingSet float64 `json:"workingSetBytes"`
		Available  float64 `json:"availableBytes"`
	} `json:"memory"`
}

type disk struct {
	Used     float64 `json:"usedBytes"`
	Capacity float64 `json:"capacityBytes"`
	Inodes   float64 `json:"inodesUsed"`
	Most     float64 `json:"inodes"`
}

type podStats struct {
	measures

	Ref struct {
		Name      string `json:"name"`
		Namespace string `json:"namespace"`
	} `json:"podRef"`
	Ephemeral disk `json:"ephemeral-storage"`
}

// greatest is how many pods are shown.
const greatest = 15

func nodeStats(ctx context.Context, c *kube.Client, in nodesStatsIn) (string, NodeStats, error) {
	if err := checkNode(in.Name); err != nil {
		return "", NodeStats{}, err
	}
	body, err := c.NodeStats(ctx, in.Name)
	if err != nil {
		return "", NodeStats{}, kubelet(err, "There is no such node, or its kubelet does not measure (stats/summary).")
	}
	var s summary
	if err := json.Unmarshal(body, &s); err != nil {
		return "", NodeStats{}, &kube.Error{Trouble: kube.Garbled}
	}
	n := &s.Node
	out := NodeStats{
		Node: in.Name, CPUMillis: int64(n.CPU.Nanocores / 1e6), MemoryWorkingSet: n.Memory.WorkingSet, MemoryAvailable: n.Memory.Available,
		FSUsed: n.FS.Used, FSCapacity: n.FS.Capacity, Pods: len(s.Pods),
	}
	var b strings.Builder
	fmt.Fprintf(&b, "Node %s\nCPU: %s\n", in.Name, millicores(n.CPU.Nanocores/1e9))
	fmt.Fprintf(&b, "Memory: %s in the working set, %s available\n", mebibytes(n.Memory.WorkingSet), mebibytes(n.Memory.Available))
	fmt.Fprintf(&b, "Disk: %s\nImages: %s\n", n.FS, n.Runtime.ImageFS)
	fmt.Fprintf(&b, "Network: %s received, %s sent, %.0f and %.0f errors\n", mebibytes(n.Network.Received), mebibytes(n.Network.Sent), n.Network.Errors, n.Network.Lost)
	if n.Processes.Max > 0 {
		fmt.Fprintf(&b, "Processes: %.0f of %.0f\n", n.Processes.Current, n.Processes.Max)
	}
	b.WriteString(s.eager(c))
	return b.String(), out, answer.Ended(ctx)
}

// String is how full a disk is.
func (d disk) String() string {
	if d.Capacity <= 0 {
		return "not measured"
	}
	text := fmt.Sprintf("%s of %s used (%s)", mebibytes(d.Used), mebibytes(d.Capacity), percent(d.Used, d.Capacity))
	if inodes := percent(d.Inodes, d.Most); inodes != "" {
		text += ", inodes " + inodes
	}
	return text
}

// eager are the pods that use most memory.
func (s *summary) eager(c *kube.Client) string {
	slices.SortStableFunc(s.Pods, func(a, b podStats) int { return cmp.Compare(b.Memory.WorkingSet, a.Memory.WorkingSet) })
	lines := append(make([]string, 0, 1+greatest), "NAMESPACE\tPOD\tCPU\tMEMORY\tDISK")
	for _, p := range s.Pods[:min(len(s.Pods), greatest)] {
		lines = append(lines, strings.Join([]string{
			shown(c, p.Ref.Namespace), shown(c, p.Ref.Name), millicores(p.CPU.Nanocores / 1e9), mebibytes(p.Memory.WorkingSet), mebibytes(p.Ephemeral.Used),
		}, "\t"))
	}
	text, _ := aligned(lines, answer.ListBudget)
	head := fmt.Sprintf("Pods: %d", len(s.Pods))
	if len(s.Pods) == 0 {
		return head + "\n"
	}
	if len(s.Pods) > greatest {
		head += fmt.Sprintf(", the %d that use most memory", greatest)
	}
	return head + "\n" + text
}
