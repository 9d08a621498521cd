package e2e

import (
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"kubernetes-mcp-edge/e2e/rig"
)

// TestReadPods: those of all namespaces for the admin, of one for a tenant, and
// one of them.
func TestReadPods(t *testing.T) {
	text, _ := reading(t, shared.Cluster.Token("admin")).ok(t, "pods_list", args{"labelSelector": "app=web"})
	require.Contains(t, text, " Pod (v1) in all namespaces\n")
	require.Equal(t, 2, count(text, `team-a +web-\S+ +1/1 +Running.*`), text)
	require.Equal(t, 2, count(text, `team-b +web-\S+ +1/1 +Running.*`), text)
	for _, c := range shared.Callers() {
		r := reading(t, c.Headers)
		require.Contains(t, r.mistake(t, "pods_list", args{}), "The cluster's RBAC does not allow this to the caller.")
		text, out := r.ok(t, "pods_list_in_namespace", args{"namespace": c.Namespace, "labelSelector": "app=web"})
		require.Equal(t, 2, count(text, `web-\S+ +1/1 +Running +0 +\d\S*`), text)
		require.NotContains(t, text, c.Foreign)
		name := out["names"].([]any)[0].(string)
		text, _ = r.ok(t, "pods_get", args{"name": name, "namespace": c.Namespace})
		require.True(t, strings.HasPrefix(text, "# Pod "+name+" (v1) in namespace "+c.Namespace+"\napiVersion: v1\nkind: Pod\n"), text)
		text, _ = r.ok(t, "pods_get", args{"name": name, "namespace": c.Namespace, "fields": []string{"status.phase"}})
		require.Equal(t, "# Pod "+name+" (v1) in namespace "+c.Namespace+"\nstatus.phase: Running\n", text)
		require.Contains(t, r.mistake(t, "pods_get", args{"name": "web", "namespace": c.Namespace}), "There is no such object.")
		require.Contains(t, r.mistake(t, "pods_list_in_namespace", args{"namespace": c.Foreign}), "RBAC")
	}
}

// podOf is the name of a tenant's Pod of an app.
func podOf(t *testing.T, c rig.Caller, app string) string {
	t.Helper()
	pods := apiGet(t, shared.Cluster, c.User, "/api/v1/namespaces/"+c.Namespace+"/pods?labelSelector=app%3D"+app)
	name := regexp.MustCompile(`"name":"(` + app + `-[a-z0-9]+-[a-z0-9]{5})"`).FindStringSubmatch(pods)
	require.Len(t, name, 2, pods)
	return name[1]
}

// TestReadLogs: of one Pod and of those of a selector, by lines, by pattern and
// of the run before; and the mistakes: a container that is none, one that has
// not begun, another tenant's Pod.
func TestReadLogs(t *testing.T) {
	for _, c := range shared.Callers() {
		r := reading(t, c.Headers)
		web, renderer := podOf(t, c, "web"), podOf(t, c, "renderer")
		const last = " answered request 200\n"
		text, out := r.ok(t, "pods_log", args{"name": web, "namespace": c.Namespace, "tail": 2})
		require.Equal(t, "# 2 log lines of pod "+web+" in namespace "+c.Namespace+"\ninfo web of "+c.Namespace+" answered request 199\nerror web of "+c.Namespace+last+
			"-- There may be older lines: pass a greater tail, or grep. --\n", text)
		require.InDelta(t, 2, out["lines"], 0)
		text, _ = r.ok(t, "pods_log", args{"name": web, "namespace": c.Namespace, "grep": `request \d9$`})
		require.Equal(t, 9, strings.Count(text, "answered request"), text)
		text, _ = r.ok(t, "pods_log", args{"name": web, "namespace": c.Namespace, "previous": true})
		require.Contains(t, text, "before the restart")
		text, out = r.ok(t, "pods_log", args{"labelSelector": "app=web", "namespace": c.Namespace, "tail": 3})
		require.Contains(t, text, "# 6 log lines of 2 pods matching app=web in namespace "+c.Namespace+"\n")
		require.Contains(t, text, "\n"+web+"/web error web of "+c.Namespace+last)
		require.Len(t, out["pods"], 2)
		require.NotContains(t, text, c.Foreign)

		text = r.mistake(t, "pods_log", args{"name": web, "namespace": c.Namespace, "container": "nope"})
		require.Contains(t, text, "container nope is not valid for pod "+web)
		require.Contains(t, text, "Its containers: web (running). Call again with one of them as container.")
		text, _ = r.ok(t, "pods_log", args{"name": renderer, "namespace": c.Namespace})
		require.Equal(t, "# 0 log lines of pod "+renderer+" in namespace "+c.Namespace+"\n"+
			"-- No container of it has begun (phase Pending): events_list with kind Pod and this name may say why. --\n", text)
		text, _ = r.ok(t, "pods_log", args{"labelSelector": "app in (renderer, web)", "namespace": c.Namespace, "tail": 1})
		require.Contains(t, text, "# 2 log lines of 3 pods matching")
		require.Contains(t, text, "\n-- "+renderer+"/renderer: nothing yet --\n")
		require.Contains(t, r.mistake(t, "pods_log", args{"name": "web", "namespace": c.Namespace}), "There is no such object.")
		require.Contains(t, r.mistake(t, "pods_log", args{"name": web, "namespace": c.Foreign}), "RBAC")
		require.Contains(t, r.mistake(t, "pods_log", args{"labelSelector": "app=web", "namespace": c.Foreign}), "RBAC")
	}
}

// TestReadEvents: of a namespace, of a type, and of one object by any name of
// its kind.
func TestReadEvents(t *testing.T) {
	for _, c := range shared.Callers() {
		r := reading(t, c.Headers)
		text, out := r.ok(t, "events_list", args{"namespace": c.Namespace, "type": "Warning"})
		require.Regexp(t, `(?m)^\S+Z Warning FailedScheduling pod/renderer-\S+( x\d+)?: 0/2 nodes are available`, text)
		require.Regexp(t, `(?m)^\S+Z Warning Failed pod/importer-\S+( x\d+)?: Failed to pull image "registry.example.com/missing:1": not found$`, text)
		require.NotContains(t, text, " Normal ")
		require.Equal(t, out["count"], out["warnings"])
		renderer := podOf(t, c, "renderer")
		text, _ = r.ok(t, "events_list", args{"namespace": c.Namespace, "kind": "po", "name": renderer, "since": "1d"})
		require.Contains(t, text, "pod/"+renderer)
		require.NotContains(t, text, "importer")
		text, _ = r.ok(t, "events_list", args{"namespace": c.Namespace, "fieldSelector": "reason=Scheduled", "limit": 1})
		require.Contains(t, text, "1 events in namespace "+c.Namespace+", the newest last\n-- ")
		require.Contains(t, r.mistake(t, "events_list", args{}), "RBAC")
		require.Contains(t, r.mistake(t, "events_list", args{"namespace": c.Namespace, "kind": "Pood"}), "v1 Pod")
		require.Contains(t, r.mistake(t, "events_list", args{"namespace": c.Namespace, "since": "yesterday"}), "since is how long ago")
	}
}
