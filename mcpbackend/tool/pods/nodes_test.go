package pods

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"kubernetes-mcp-edge/mcpbackend/answer"
	"kubernetes-mcp-edge/mcpbackend/brokenapi"
)

const kubeletPath = "/api/v1/nodes/node-1/proxy"

// TestNodeLog is bounded by lines and bytes, and clean.
func TestNodeLog(t *testing.T) {
	h, c := brokenapi.Visit(t, map[string]string{kubeletPath + "/logs/": numbered(150)})
	text, out, err := nodeLog(brokenapi.Soon(t), c, nodesLogIn{Name: "node-1", Query: "kubelet", TailLines: 3})
	require.NoError(t, err)
	require.Equal(t, "# 3 log lines of kubelet on node node-1\nline 147\nline 148\nline 149\n-- There may be older lines: pass a greater tailLines. --\n", text)
	require.Equal(t, NodeLogged{Node: "node-1", Lines: 3}, out)
	_, _, err = nodeLog(brokenapi.Soon(t), c, nodesLogIn{Name: "node-1", Query: "/var/log/syslog"})
	require.NoError(t, err)
	require.Equal(t, []string{kubeletPath + "/logs/?query=kubelet&tailLines=3", kubeletPath + "/logs/?query=%2Fsyslog&tailLines=100"}, h.Asked())
	h.Answer(kubeletPath+"/logs/", strings.Repeat(strings.Repeat("x", 99)+"\n", 5000))
	text, out, err = nodeLog(brokenapi.Soon(t), c, nodesLogIn{Name: "node-1", Query: "kubelet", TailLines: 5000})
	require.NoError(t, err)
	require.True(t, out.Truncated)
	require.Less(t, len(text), answer.LogBudget+200)
	require.Contains(t, text, "-- Older lines were left out to keep the answer short. --\n")
}

// TestNodeMistakes: names that are none are not asked for, and what is not
// there is said to be so.
func TestNodeMistakes(t *testing.T) {
	h, c := brokenapi.Visit(t, map[string]string{"/api/v1/nodes/old/proxy/logs/": "<html><pre>syslog</pre></html>"})
	for _, name := range []string{"", "../x", "A", "a:b", "a_b", "a@b", "a/b", ".."} {
		_, _, err := nodeLog(brokenapi.Soon(t), c, nodesLogIn{Name: name, Query: "kubelet"})
		require.ErrorContains(t, err, "name is not the name of a node", name)
		_, _, err = nodeStats(brokenapi.Soon(t), c, nodesStatsIn{Name: name})
		require.ErrorContains(t, err, "name is not the name of a node", name)
	}
	for _, query := range []string{"", "a b", "$(a)", "../etc/shadow", "-f", "a;b"} {
		_, _, err := nodeLog(brokenapi.Soon(t), c, nodesLogIn{Name: "node-1", Query: query})
		require.ErrorContains(t, err, "query is the name of one service", query)
	}
	require.Empty(t, h.Asked())
	_, _, err := nodeLog(brokenapi.Soon(t), c, nodesLogIn{Name: "node-1", Query: "kubelet"})
	require.ErrorContains(t, err, "takes no log queries (feature NodeLogQuery with enableSystemLogQuery). The server said: the server could not find")
	_, _, err = nodeLog(brokenapi.Soon(t), c, nodesLogIn{Name: "old", Query: "kubelet"})
	require.ErrorContains(t, answer.Advise(err), "takes no log queries")
	_, _, err = nodeStats(brokenapi.Soon(t), c, nodesStatsIn{Name: "node-1"})
	require.ErrorContains(t, err, "There is no such node, or its kubelet does not measure")
}

const measuredNode = `{"node":{"nodeName":"node-1","cpu":{"usageNanoCores":250000000},"memory":{"workingSetBytes":1073741824,"availableBytes":3221225472},
	"fs":{"usedBytes":5368709120,"capacityBytes":10737418240,"inodesUsed":1,"inodes":4},"network":{"rxBytes":1048576,"txBytes":2097152,"rxErrors":3,"txErrors":0},
	"runtime":{"imageFs":{"usedBytes":1,"capacityBytes":0}},"rlimit":{"maxpid":100,"curproc":7}},
	"pods":[{"podRef":{"name":"small","namespace":"team-a"},"memory":{"workingSetBytes":1048576}},{"podRef":{"name":"great","namespace":"team-b"},"cpu":{"usageNanoCores":1000000},"memory":{"workingSetBytes":3145728},"ephemeral-storage":{"usedBytes":1048576}}]}`

// TestNodeStats is read, not copied.
func TestNodeStats(t *testing.T) {
	h, c := brokenapi.Visit(t, map[string]string{kubeletPath + "/stats/summary": measuredNode})
	text, out, err := nodeStats(brokenapi.Soon(t), c, nodesStatsIn{Name: "node-1"})
	require.NoError(t, err)
	require.Equal(t, `Node node-1
CPU: 250m
Memory: 1024Mi in the working set, 3072Mi available
Disk: 5120Mi of 10240Mi used (50%), inodes 25%
Images: not measured
Network: 1Mi received, 2Mi sent, 3 and 0 errors
Processes: 7 of 100
Pods: 2
NAMESPACE  POD    CPU  MEMORY  DISK
team-b     great  1m   3Mi     1Mi
team-a     small  0m   1Mi     0Mi
`, text)
	require.Equal(t, NodeStats{Node: "node-1", CPUMillis: 250, MemoryWorkingSet: 1 << 30, MemoryAvailable: 3 << 30, FSUsed: 5 << 30, FSCapacity: 10 << 30, Pods: 2}, out)
	h.Answer(kubeletPath+"/stats/summary", `{"pods":[`+strings.TrimSuffix(strings.Repeat("{},", 100_000), ",")+`]}`)
	text, out, err = nodeStats(brokenapi.Soon(t), c, nodesStatsIn{Name: "node-1"})
	require.NoError(t, err)
	require.Equal(t, mostPods, out.Pods)
	require.Contains(t, text, "the 15 that use most memory\n")
	for _, body := range []string{`{"pods":7}`, `{"pods":{"a":1}}`, `{"node":7}`, `{"pods":[7]}`} {
		h.Answer(kubeletPath+"/stats/summary", body)
		_, _, err = nodeStats(brokenapi.Soon(t), c, nodesStatsIn{Name: "node-1"})
		require.Equal(t, "garbled", answer.Word(err), body)
	}
	h.Answer(kubeletPath+"/stats/summary", `{"pods":null}`)
	text, _, err = nodeStats(brokenapi.Soon(t), c, nodesStatsIn{Name: "node-1"})
	require.NoError(t, err)
	require.True(t, strings.HasSuffix(text, "Pods: 0\n"))
}
