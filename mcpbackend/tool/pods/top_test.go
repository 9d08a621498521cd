package pods

import (
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"kubernetes-mcp-edge/mcpbackend/answer"
	"kubernetes-mcp-edge/mcpbackend/brokenapi"
)

const measuredPods = "/apis/metrics.k8s.io/v1beta1/namespaces/team-a/pods"

func podMetrics(name, cpu string) string {
	return fmt.Sprintf(`{"metadata":{"name":%q,"namespace":"team-a"},"containers":[{"name":"app","usage":{"cpu":%q,"memory":"2048Ki"}},{"name":"side","usage":{"cpu":"1m","memory":"1Mi"}}]}`, name, cpu)
}

// TestPodTop sums containers up, the greatest first.
func TestPodTop(t *testing.T) {
	h, c := brokenapi.Visit(t, map[string]string{
		measuredPods: podList("", podMetrics("small", "999999n"), podMetrics("great", "1500m")), measuredPods + "/one": podMetrics("one", "2"),
		"/apis/metrics.k8s.io/v1beta1/pods": podList("", podMetrics("any", "1")),
	})
	text, out, err := podTop(brokenapi.Soon(t), c, podsTopIn{Namespace: "team-a", LabelSelector: "app=web"})
	require.NoError(t, err)
	require.Equal(t, "2 pods in namespace team-a use 1503m CPU and 6Mi memory, the greatest first\n"+
		"NAMESPACE  NAME   CPU    MEMORY  CONTAINERS\n"+
		"team-a     great  1501m  3Mi     app=1500m/2Mi side=1m/1Mi\n"+
		"team-a     small  2m     3Mi     app=1m/2Mi side=1m/1Mi\n", text)
	require.Equal(t, Used{Count: 2, CPUMillis: 1502, Memory: 6 << 20}, out)
	require.Equal(t, []string{measuredPods + "?labelSelector=app%3Dweb&limit=1000"}, h.Asked())
	text, _, err = podTop(brokenapi.Soon(t), c, podsTopIn{Namespace: "team-a", Name: "one"})
	require.NoError(t, err)
	require.Contains(t, text, "team-a     one   2001m  3Mi")
	no := false
	for in, scope := range map[podsTopIn]string{{}: "1 pods in all namespaces use", {Namespace: "*"}: "1 pods in all namespaces use"} {
		text, _, err = podTop(brokenapi.Soon(t), c, in)
		require.NoError(t, err)
		require.True(t, strings.HasPrefix(text, scope), text)
	}
	for want, in := range map[string]podsTopIn{
		"call again with namespace": {AllNamespaces: &no}, "name is not": {Name: "a/b", Namespace: "team-a"},
		"not both": {Name: "a", LabelSelector: "b"}, "not the name of a namespace": {Namespace: "A"},
	} {
		_, _, err = podTop(brokenapi.Soon(t), c, in)
		require.ErrorContains(t, err, want)
	}
}

// TestNoMetrics is one clear sentence, in each way in which there are none.
func TestNoMetrics(t *testing.T) {
	for body, want := range map[string]string{
		"": "This cluster has no metrics API (metrics.k8s.io): it needs metrics-server or the like, which is not installed. Do not retry;",
		`503 {"kind":"Status","message":"the server is currently unable to handle the request"}`: "This cluster's metrics API (metrics.k8s.io) is installed but does not answer",
		`404 {"kind":"Status","details":{"name":"one"}}`:                                         "There are no metrics for an object of that name",
	} {
		answers := map[string]string{}
		if body != "" {
			answers[measuredPods], answers[measuredPods+"/one"] = body, body
			answers["/apis/metrics.k8s.io/v1beta1/nodes/one"], answers["/apis/metrics.k8s.io/v1beta1/nodes"] = body, body
		}
		_, c := brokenapi.Visit(t, answers)
		_, _, err := podTop(brokenapi.Soon(t), c, podsTopIn{Namespace: "team-a", Name: "one"})
		require.ErrorContains(t, err, want)
		_, _, err = podTop(brokenapi.Soon(t), c, podsTopIn{Namespace: "team-a"})
		require.ErrorContains(t, err, want)
		_, _, err = nodeTop(brokenapi.Soon(t), c, nodesTopIn{Name: "one"})
		require.ErrorContains(t, err, want)
		_, _, err = nodeTop(brokenapi.Soon(t), c, nodesTopIn{})
		require.ErrorContains(t, err, want)
	}
	_, c := brokenapi.Visit(t, map[string]string{measuredPods: `403 {"kind":"Status","message":"no"}`})
	_, _, err := podTop(brokenapi.Soon(t), c, podsTopIn{Namespace: "team-a"})
	require.Equal(t, "forbidden", answer.Word(err))
}

// TestTopSaysWhatItLacks: values that are none, and pods that were not looked
// at.
func TestTopSaysWhatItLacks(t *testing.T) {
	_, c := brokenapi.Visit(t, map[string]string{measuredPods: podList(`"continue":"x"`, podMetrics("a", "1e999999999"), `{"containers":[7,{"usage":7}]}`, podMetrics("b", "5m"))})
	text, out, err := podTop(brokenapi.Soon(t), c, podsTopIn{Namespace: "team-a"})
	require.NoError(t, err)
	require.Contains(t, text, "-- Of 2 the usage could not be read in full. --\n")
	require.Contains(t, text, "-- There are more than the 3 that were looked at, perhaps greater ones: narrow it with a namespace or label_selector. --\n")
	require.True(t, out.Truncated)
	many := make([]string, 0, 1000)
	for i := range cap(many) {
		many = append(many, podMetrics(fmt.Sprint(strings.Repeat("x", 60), i), "5m"))
	}
	_, c = brokenapi.Visit(t, map[string]string{measuredPods: podList("", many...)})
	text, out, err = podTop(brokenapi.Soon(t), c, podsTopIn{Namespace: "team-a"})
	require.NoError(t, err)
	require.Less(t, len(text), answer.ListBudget+1000)
	require.Regexp(t, `\n-- \d{3} more that use less were left out to keep the answer short\. --\n$`, text)
	require.True(t, out.Truncated)
	require.Equal(t, int64(6000), out.CPUMillis, "the sum is of all")
}

// TestNodeTop: with percentages for whoever may read nodes.
func TestNodeTop(t *testing.T) {
	const nodes, one = "/apis/metrics.k8s.io/v1beta1/nodes", `{"metadata":{"name":"node-1"},"usage":{"cpu":"500m","memory":"1Gi"}}`
	answers := map[string]string{
		nodes: podList("", one), nodes + "/node-1": one,
		"/api/v1/nodes":        podList("", `{"metadata":{"name":"node-1"},"status":{"allocatable":{"cpu":"2","memory":"4Gi"}}}`),
		"/api/v1/nodes/node-1": `{"metadata":{"name":"node-1"},"status":{"allocatable":{"cpu":"2","memory":"4Gi"}}}`,
	}
	_, c := brokenapi.Visit(t, answers)
	for _, in := range []nodesTopIn{{}, {Name: "node-1"}} {
		text, out, err := nodeTop(brokenapi.Soon(t), c, in)
		require.NoError(t, err)
		require.Equal(t, "1 nodes in the cluster use 500m CPU and 1024Mi memory, the greatest first\nNAME    CPU   CPU%  MEMORY  MEMORY%\nnode-1  500m  25%   1024Mi  25%\n", text)
		require.Equal(t, Used{Count: 1, CPUMillis: 500, Memory: 1 << 30}, out)
	}
	answers["/api/v1/nodes"] = `403 {"kind":"Status","message":"no"}`
	_, c = brokenapi.Visit(t, answers)
	text, _, err := nodeTop(brokenapi.Soon(t), c, nodesTopIn{})
	require.NoError(t, err)
	require.Contains(t, text, "\nnode-1  500m        1024Mi\n-- No percentages: the nodes could not be read (forbidden). --\n")
	for want, in := range map[string]nodesTopIn{"not both": {Name: "a", LabelSelector: "b"}, "name is not": {Name: "a/b"}} {
		_, _, err := nodeTop(brokenapi.Soon(t), c, in)
		require.ErrorContains(t, err, want)
	}
}

func TestQuantity(t *testing.T) {
	for text, want := range map[string]float64{
		"0": 0, "1": 1, "250m": 0.25, "1500000n": 0.0015, "12u": 0.000012, "1.5": 1.5, "2Ki": 2048, "3Mi": 3 << 20, "1Gi": 1 << 30, "1Ti": 1 << 40, "5k": 5000, "1M": 1e6, "1G": 1e9,
	} {
		got, ok := quantity(text)
		require.True(t, ok, text)
		require.InDelta(t, want, got, 1e-9, text)
	}
	for _, text := range []string{"", "m", "-1", "1e9", "1E", "1.2.3", "0x1", "1 ", "1KiB", "NaN", "Inf", strings.Repeat("9", 33)} {
		_, ok := quantity(text)
		require.Equal(t, text == "1E", ok, text) // an exa
	}
}
