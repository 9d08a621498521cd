package e2e

import (
	"fmt"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"kubernetes-mcp-edge/e2e/harness"
	"kubernetes-mcp-edge/e2e/rig"
)

// table lists objects of a kind through the MCP endpoint and returns what a
// model reads: a first line that counts, the heads, and a line per object.
func table(t *testing.T, client *harness.Client, headers harness.Headers, kind, namespace string) string {
	t.Helper()
	got, rpc, err := client.CallTool(t.Context(), shared.Stack.URL, headers, "resources_list",
		fmt.Sprintf(`{"apiVersion":"v1","kind":%q,"namespace":%q}`, kind, namespace))
	require.NoError(t, err)
	require.Nil(t, rpc.Error)
	require.False(t, got.IsError, got.Text())
	return got.Text()
}

// count is how many lines of a table match.
func count(table, pattern string) int {
	return len(regexp.MustCompile(`(?m)^`+pattern+`$`).FindAllString(table, -1))
}

// TestPodsAreListed: both tenants, with both credentials, see their Pods as
// kubectl shows them: those that run, and those that cannot start.
func TestPodsAreListed(t *testing.T) {
	client := rig.NewClient(t, false)
	for _, c := range shared.Callers() {
		pods := table(t, client, c.Headers, "Pod", c.Namespace)
		require.Contains(t, pods, "4 Pod (v1) in namespace "+c.Namespace+"\n")
		require.Equal(t, 2, count(pods, `web-\S+ +1/1 +Running +0 +\d\S*`), pods)
		require.Equal(t, 1, count(pods, `importer-\S+ +0/1 +ImagePullBackOff +0 +\d\S*`), pods)
		require.Equal(t, 1, count(pods, `renderer-\S+ +0/1 +Pending +0 +\d\S*`), pods)
		require.NotContains(t, pods, c.Foreign)
	}
}

// TestPodsThatCannotStartSayWhy: the events of the namespace name the cause.
func TestPodsThatCannotStartSayWhy(t *testing.T) {
	client := rig.NewClient(t, false)
	for _, c := range shared.Callers() {
		events := table(t, client, c.Headers, "Event", c.Namespace)
		require.Equal(t, 1, count(events, `\S+ +Warning +FailedScheduling +pod/renderer-\S+ +0/2 nodes are available: 2 node\(s\) didn't match Pod's node affinity/selector.*`), events)
		require.Equal(t, 1, count(events, `\S+ +Warning +Failed +pod/importer-\S+ +Failed to pull image "registry.example.com/missing:1": not found`), events)
		require.Equal(t, 2, count(events, `\S+ +Normal +Scheduled +pod/web-\S+ +Successfully assigned `+c.Namespace+`/web-\S+ to node-[12]`), events)
		require.NotContains(t, events, c.Foreign)
		// Once: the Pod does not go back and forth.
		failed := apiGet(t, shared.Cluster, c.User, "/api/v1/namespaces/"+c.Namespace+"/events?fieldSelector=reason%3DFailed")
		require.Equal(t, 1, strings.Count(failed, `"count":1,`), failed)
	}
}

// TestNodesAreReady: two, for the admin; a tenant is told that nodes are not
// its business.
func TestNodesAreReady(t *testing.T) {
	client := rig.NewClient(t, false)
	nodes := table(t, client, shared.Cluster.Token("admin"), "Node", "")
	require.Equal(t, 2, count(nodes, `node-[12] +Ready +\S+ +\S+ +kwok-\S+`), nodes)
	denied, _, err := client.CallTool(t.Context(), shared.Stack.URL, shared.Cluster.Token("bob"), "resources_list", `{"apiVersion":"v1","kind":"Node"}`)
	require.NoError(t, err)
	require.True(t, denied.IsError)
	require.Contains(t, denied.Text(), "forbidden")
}

// webPod is the name of a tenant's first Running Pod.
func webPod(t *testing.T, c *harness.Cluster, user, namespace string) string {
	t.Helper()
	pods := apiGet(t, c, user, "/api/v1/namespaces/"+namespace+"/pods?labelSelector=app%3Dweb")
	name := regexp.MustCompile(`"name":"(web-[a-z0-9]+-[a-z0-9]{5})"`).FindStringSubmatch(pods)
	require.Len(t, name, 2, pods)
	return name[1]
}

// TestPodLogs: the API server gives a tenant the logs of its Pods, and of
// nobody else's.
func TestPodLogs(t *testing.T) {
	for _, c := range shared.Callers()[:2] {
		path := "/api/v1/namespaces/" + c.Namespace + "/pods/" + webPod(t, shared.Cluster, c.User, c.Namespace) + "/log"
		require.Equal(t,
			"info web of "+c.Namespace+" answered request 199\nerror web of "+c.Namespace+" answered request 200\n",
			apiGet(t, shared.Cluster, c.User, path+"?tailLines=2"))
		all := apiGet(t, shared.Cluster, c.User, path)
		require.Equal(t, 200, strings.Count(all, "\n"))
		require.NotContains(t, all, c.Foreign)
		require.Contains(t, apiGet(t, shared.Cluster, c.User, path+"?previous=true"), "before the restart")
		require.Regexp(t, `^2026-01-02T03:03:20\.?0*Z error web`, apiGet(t, shared.Cluster, c.User, path+"?tailLines=1&timestamps=true"))

		status, body := apiDo(t, shared.Cluster, "GET", map[string]string{"alice": "bob", "bob": "alice"}[c.User], path)
		require.Equal(t, 403, status, body)
		require.NotContains(t, body, "answered request")
	}
}
