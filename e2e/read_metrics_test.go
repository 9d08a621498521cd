package e2e

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"kubernetes-mcp-edge/e2e/harness"
	"kubernetes-mcp-edge/e2e/rig"
)

// measuredStack is a stack that may reach the stand-in.
func measuredStack(t *testing.T) (*standin, *harness.Stack) {
	t.Helper()
	s := newStandin(t)
	policy, err := harness.Policy(t.Context(), s.URL)
	require.NoError(t, err)
	return s, shared.StartStack(t, harness.Options{Policy: policy})
}

// TestReadMetricsAbsent: the embedded cluster measures nothing, and one sentence
// says so; what it does not let a tenant see of nodes is another.
func TestReadMetricsAbsent(t *testing.T) {
	for _, c := range shared.Callers() {
		r := reading(t, c.Headers)
		text := r.mistake(t, "pods_top", args{"namespace": c.Namespace})
		require.True(t, strings.HasPrefix(text, "This cluster has no metrics API (metrics.k8s.io)") || strings.Contains(text, "RBAC"), text)
		require.Contains(t, r.mistake(t, "nodes_stats_summary", args{"name": "node-1"}), "RBAC")
		require.Contains(t, r.mistake(t, "nodes_log", args{"name": "node-1", "query": "kubelet"}), "RBAC")
	}
	admin := reading(t, shared.Cluster.Certificate("admin"))
	for _, tool := range []string{"pods_top", "nodes_top"} {
		require.Contains(t, admin.mistake(t, tool, args{}), "This cluster has no metrics API (metrics.k8s.io): it needs metrics-server or the like, which is not installed.")
	}
}

// TestReadMetrics against the stand-in for a metrics API: both tenants, with
// both credentials, see what their Pods use, and of nodes nothing.
func TestReadMetrics(t *testing.T) {
	s, stack := measuredStack(t)
	client := rig.NewClient(t, true)
	for _, c := range shared.Callers() {
		r := reader{client, stack.URL, s.headers(c.Headers)}
		text, out := r.ok(t, "pods_top", args{"namespace": c.Namespace})
		require.Equal(t, "2 pods in namespace "+c.Namespace+" use 1509m CPU and 42Mi memory, the greatest first\n"+
			"NAMESPACE  NAME   CPU    MEMORY  CONTAINERS\n"+
			c.Namespace+"     great  1502m  21Mi    app=1500m/20Mi side=2m/1Mi\n"+
			c.Namespace+"     small  7m     21Mi    app=5m/20Mi side=2m/1Mi\n", text)
		require.InDelta(t, 1509, out["cpuMillicores"], 0)
		text, _ = r.ok(t, "pods_top", args{"namespace": c.Namespace, "name": "great"})
		require.Contains(t, text, "1 pods in namespace "+c.Namespace+" use 1502m CPU")
		require.Contains(t, r.mistake(t, "pods_top", args{}), "RBAC")
		require.Contains(t, r.mistake(t, "pods_top", args{"namespace": c.Foreign}), "RBAC")
		require.Contains(t, r.mistake(t, "pods_top", args{"name": "great", "all_namespaces": true}), "call again with namespace")
		require.Contains(t, r.mistake(t, "nodes_top", args{}), "RBAC")
	}
	for _, headers := range []harness.Headers{shared.Cluster.Token("admin"), shared.Cluster.Certificate("admin")} {
		r := reader{client, stack.URL, s.headers(headers)}
		text, _ := r.ok(t, "pods_top", args{})
		require.Contains(t, text, "2 pods in all namespaces use")
		text, _ = r.ok(t, "nodes_top", args{"name": "node-1"})
		require.Regexp(t, `^1 nodes in the cluster use 500m CPU and 1024Mi memory, the greatest first\nNAME +CPU +CPU% +MEMORY +MEMORY%\nnode-1 +500m +\d+% +1024Mi +\d+%\n$`, text)
		require.Contains(t, r.mistake(t, "nodes_top", args{"name": "node-9"}), "There are no metrics for an object of that name")
	}
}

// TestReadNodes against the stand-in for kubelets.
func TestReadNodes(t *testing.T) {
	s, stack := measuredStack(t)
	client := rig.NewClient(t, true)
	for _, headers := range []harness.Headers{shared.Cluster.Token("admin"), shared.Cluster.Certificate("admin")} {
		r := reader{client, stack.URL, s.headers(headers)}
		text, _ := r.ok(t, "nodes_stats_summary", args{"name": "node-1"})
		require.True(t, strings.HasPrefix(text, "Node node-1\nCPU: 250m\nMemory: 1024Mi in the working set, 1024Mi available\n"), text)
		text, out := r.ok(t, "nodes_log", args{"name": "node-1", "query": "kubelet", "tailLines": 2})
		require.Equal(t, "# 2 log lines of kubelet on node node-1\nkubelet says so\ntail 2\n-- There may be older lines: pass a greater tailLines. --\n", text)
		require.InDelta(t, 2, out["lines"], 0)
		require.Contains(t, r.mistake(t, "nodes_log", args{"name": "node-1", "query": "nope"}), "or its kubelet takes no log queries")
		require.Contains(t, r.mistake(t, "nodes_log", args{"name": "../node-1", "query": "kubelet"}), "name is not the name of a node")
		require.Contains(t, r.mistake(t, "nodes_stats_summary", args{"name": "node-9"}), "There is no such node")
	}
	for _, c := range shared.Callers() {
		r := reader{client, stack.URL, s.headers(c.Headers)}
		require.Contains(t, r.mistake(t, "nodes_stats_summary", args{"name": "node-1"}), "RBAC")
		require.Contains(t, r.mistake(t, "nodes_log", args{"name": "node-1", "query": "kubelet"}), "RBAC")
	}
}
