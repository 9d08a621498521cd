package e2e

import (
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"k8s.io/client-go/rest"

	"kubernetes-mcp-edge/e2e/harness"
	"kubernetes-mcp-edge/e2e/rig"
)

// said calls a tool and returns what a model reads.
func said(t *testing.T, client *harness.Client, c rig.Caller, tool, arguments string) string {
	t.Helper()
	got := asked(t, client, c, tool, arguments)
	require.False(t, got.IsError, got.Text())
	return got.Text()
}

// turnedDown calls a tool that has to fail, and returns the advice.
func turnedDown(t *testing.T, client *harness.Client, c rig.Caller, tool, arguments string) string {
	t.Helper()
	got := asked(t, client, c, tool, arguments)
	require.True(t, got.IsError, got.Text())
	return got.Text()
}

func asked(t *testing.T, client *harness.Client, c rig.Caller, tool, arguments string) harness.ToolResult {
	t.Helper()
	got, rpc, err := client.CallTool(t.Context(), shared.Stack.URL, c.Headers, tool, arguments)
	require.NoError(t, err)
	require.Nil(t, rpc.Error)
	require.NotContains(t, string(rpc.Result), "do-not-show")
	return got
}

// TestDescribe: kubectl's words about a Deployment, a Pod with its events, and a
// Secret without its values; another tenant's objects are forbidden.
func TestDescribe(t *testing.T) {
	client := rig.NewClient(t, false)
	for _, c := range shared.Callers() {
		pod := webPod(t, shared.Cluster, c.User, c.Namespace)
		text := said(t, client, c, "resources_describe", fmt.Sprintf(`{"kind":"deploy","name":"web","namespace":%q}`, c.Namespace))
		require.Contains(t, text, "# Deployment web (apps/v1) in namespace "+c.Namespace+"\n")
		require.Regexp(t, `(?m)^Replicas: +2 desired \| 2 updated \| 2 total \| 2 available \| 0 unavailable$`, text)
		require.Regexp(t, `(?m)^NewReplicaSet: +web-\S+ \(2/2 replicas created\)$`, text)

		text = said(t, client, c, "resources_describe", fmt.Sprintf(`{"kind":"Pod","name":%q,"namespace":%q}`, pod, c.Namespace))
		require.Regexp(t, `(?m)^Node: +node-[12]/`, text)
		require.Regexp(t, `(?m)^  Normal +Scheduled +.*Successfully assigned `+c.Namespace+`/web-`, text)
		require.NotContains(t, text, "incomplete")

		text = said(t, client, c, "resources_describe", fmt.Sprintf(`{"apiVersion":"v1","kind":"Secret","name":"database","namespace":%q}`, c.Namespace))
		require.Regexp(t, `(?m)^password: +18 bytes$`, text)

		require.Contains(t, turnedDown(t, client, c, "resources_describe", fmt.Sprintf(`{"kind":"Pod","name":"web","namespace":%q}`, c.Foreign)), "forbidden")
		require.Contains(t, turnedDown(t, client, c, "resources_describe", fmt.Sprintf(`{"kind":"Pod","name":"absent","namespace":%q}`, c.Namespace)), "no such object")
	}
}

// TestDiagnose: the two Deployments that cannot start say why, alone and among
// everything in the namespace; another tenant's namespace is forbidden.
func TestDiagnose(t *testing.T) {
	client := rig.NewClient(t, false)
	for _, c := range shared.Callers() {
		text := said(t, client, c, "diagnose", fmt.Sprintf(`{"kind":"Deployment","name":"importer","namespace":%q}`, c.Namespace))
		require.Regexp(t, `^Deployment importer in namespace `+c.Namespace+`: \d errors?\.\n`, text)
		require.Regexp(t, `(?m)^ERROR Pod/importer-\S+ (?:ErrImagePull|ImagePullBackOff): container importer: .*Next: check the image's name`, text)
		require.Regexp(t, `(?m)^ERROR Deployment/importer Unavailable: 0 of 1 Pods are ready\.`, text)
		require.Regexp(t, `(?m)^  \S+ ago Pod/importer-\S+ Failed: Failed to pull image "registry.example.com/missing:1": not found`, text)
		require.NotContains(t, text, "renderer")

		whole := asked(t, client, c, "diagnose", fmt.Sprintf(`{"namespace":%q}`, c.Namespace))
		require.False(t, whole.IsError, whole.Text())
		require.Regexp(t, `(?m)^ERROR Pod/importer-`, whole.Text())
		require.Regexp(t, `(?m)^ERROR Pod/renderer-\S+ Unschedulable: 0/2 nodes are available`, whole.Text())
		require.Contains(t, whole.Text(), "Pods: 4, of which 2 are ready or done.\n")
		require.NotContains(t, whole.Text(), c.Foreign)
		require.Contains(t, string(whole.Structured), `"healthy":false`)
		require.Contains(t, string(whole.Structured), `"reason":"Unschedulable"`)

		require.Contains(t, said(t, client, c, "diagnose", fmt.Sprintf(`{"kind":"deploy","name":"web","namespace":%q}`, c.Namespace)), "nothing wrong was found.\n")
		require.Contains(t, turnedDown(t, client, c, "diagnose", fmt.Sprintf(`{"namespace":%q}`, c.Foreign)), "forbidden")
		require.Contains(t, turnedDown(t, client, c, "diagnose", `{"kind":"Deployment"}`), "kind needs a name")
	}
}

// TestDiagnoseAPodOfADeployment: its owners, by name.
func TestDiagnoseAPodOfADeployment(t *testing.T) {
	client := rig.NewClient(t, false)
	c := shared.Callers()[0]
	text := said(t, client, c, "diagnose", fmt.Sprintf(`{"kind":"po","name":%q,"namespace":%q}`, webPod(t, shared.Cluster, c.User, c.Namespace), c.Namespace))
	require.Regexp(t, `(?m)^Owners: Pod/web-\S+ <- ReplicaSet/web-\S+ <- Deployment/web$`, text)
}

// TestKindsAreListedAndExplained by the cluster's own words.
func TestKindsAreListedAndExplained(t *testing.T) {
	client := rig.NewClient(t, false)
	for _, c := range shared.Callers() {
		text := said(t, client, c, "api_resources", `{"search":"deploy","namespaced":true}`)
		require.Regexp(t, `(?m)^deployments +deploy +apps/v1 +true +Deployment$`, text)
		require.Contains(t, said(t, client, c, "api_resources", `{"search":"zebra"}`), "0 kinds")
		require.Contains(t, turnedDown(t, client, c, "api_resources", `{"namespaced":"yes"}`), "namespaced")

		text = said(t, client, c, "explain", `{"path":"deployment.spec.template"}`)
		require.Regexp(t, `^Deployment\.spec\.template \(apps/v1\) <PodTemplateSpec> required\n`, text)
		require.Regexp(t, `(?m)^  spec <PodSpec>$`, text)
		text = said(t, client, c, "explain", `{"path":"pod.spec","recursive":true,"depth":2}`)
		require.Regexp(t, `(?m)^  containers <\[\]Container> required\n    args <\[\]string>$`, text)
		require.Contains(t, turnedDown(t, client, c, "explain", `{"path":"deployment.spec.replica"}`), "It has: replicas")
		require.Contains(t, turnedDown(t, client, c, "explain", `{"path":"deploymint.spec"}`), "apps/v1 Deployment")
	}
}

// TestCanI: what the tenant's role says, and nothing more.
func TestCanI(t *testing.T) {
	client := rig.NewClient(t, false)
	for _, c := range shared.Callers() {
		ask := func(arguments string) string { return said(t, client, c, "can_i", arguments) }
		require.Contains(t, ask(fmt.Sprintf(`{"verb":"list","kind":"pods","namespace":%q}`, c.Namespace)), "Yes: the caller may list pods in namespace "+c.Namespace+". The server says: RBAC: allowed by RoleBinding")
		require.Contains(t, ask(fmt.Sprintf(`{"verb":"create","kind":"pods/exec","namespace":%q}`, c.Namespace)), "Yes: the caller may create pods/exec in")
		require.Contains(t, ask(fmt.Sprintf(`{"verb":"delete","kind":"deploy","namespace":%q,"name":"web"}`, c.Namespace)), "No: the caller may not delete deployments.apps web in")
		require.Contains(t, ask(fmt.Sprintf(`{"verb":"list","kind":"pods","namespace":%q}`, c.Foreign)), "No: the caller may not list pods in namespace "+c.Foreign)
		require.Contains(t, ask(`{"verb":"list","kind":"Node"}`), "No: the caller may not list nodes in the cluster.")
		require.Contains(t, turnedDown(t, client, c, "can_i", `{"verb":"get","kind":"Pood"}`), "v1 Pod")
	}
}

// TestHealthCheckPrompt: the prompt holds what the caller may see.
func TestHealthCheckPrompt(t *testing.T) {
	client := rig.NewClient(t, false)
	prompt := func(c rig.Caller, namespace string) harness.RPC {
		body := fmt.Sprintf(`{"jsonrpc":"2.0","id":1,"method":"prompts/get","params":{"name":"cluster-health-check","arguments":{"namespace":%q}}}`, namespace)
		res, err := client.Post(t.Context(), shared.Stack.URL, c.Headers.With("MCP-Protocol-Version", "2025-11-25"), body)
		require.NoError(t, err)
		rpc, err := res.RPC()
		require.NoError(t, err)
		return rpc
	}
	for _, c := range shared.Callers() {
		rpc := prompt(c, c.Namespace)
		require.Nil(t, rpc.Error)
		require.Contains(t, string(rpc.Result), "begin of data from the cluster")
		require.Contains(t, string(rpc.Result), "ERROR Pod/importer-")
		require.Contains(t, string(rpc.Result), "nodes (forbidden)")
		require.NotContains(t, string(rpc.Result), "do-not-show")
		require.NotContains(t, string(rpc.Result), c.Foreign)
		rpc = prompt(c, c.Foreign)
		require.NotNil(t, rpc.Error)
		require.Contains(t, rpc.Error.Message, "forbidden")
	}
}

// adminSend writes to the API server itself, as its admin.
func adminSend(t *testing.T, method, path, contentType, body string) {
	t.Helper()
	client, err := rest.HTTPClientFor(kubectl(shared.Cluster, "admin"))
	require.NoError(t, err)
	defer client.CloseIdleConnections()
	request, err := http.NewRequestWithContext(t.Context(), method, shared.Cluster.Server+path, strings.NewReader(body))
	require.NoError(t, err)
	request.Header.Set("Content-Type", contentType)
	response, err := client.Do(request)
	require.NoError(t, err)
	defer func() { _ = response.Body.Close() }()
	text, err := io.ReadAll(response.Body)
	require.NoError(t, err)
	require.Less(t, response.StatusCode, 300, string(text))
}

// TestDiagnoseACrash: the log of the run that ended is in the answer. No process
// runs in the Pods of this cluster, so what the kubelet would say of one that
// ended is written into the Pod's status.
func TestDiagnoseACrash(t *testing.T) {
	c := shared.Callers()[0]
	pods := "/api/v1/namespaces/" + c.Namespace + "/pods"
	adminSend(t, http.MethodPost, pods, "application/json", `{"apiVersion":"v1","kind":"Pod","metadata":{"name":"crasher","labels":{"app":"crasher"}},
		"spec":{"nodeName":"node-1","terminationGracePeriodSeconds":0,"containers":[{"name":"crasher","image":"registry.example.com/crasher:1"}]}}`)
	defer func() { // not Cleanup, for then T's context is over
		status, body := apiDo(t, shared.Cluster, http.MethodDelete, "admin", pods+"/crasher?gracePeriodSeconds=0")
		require.Equal(t, http.StatusOK, status, body)
	}()
	rig.Eventually(t, func() error {
		if body := apiGet(t, shared.Cluster, "admin", pods+"/crasher"); !strings.Contains(body, `"phase":"Running"`) {
			return fmt.Errorf("not yet running: %s", body)
		}
		return nil
	})
	adminSend(t, http.MethodPatch, pods+"/crasher/status", "application/merge-patch+json", `{"status":{"containerStatuses":[{"name":"crasher","image":"i","imageID":"","ready":false,"restartCount":4,
		"state":{"waiting":{"reason":"CrashLoopBackOff","message":"back-off 40s"}},"lastState":{"terminated":{"exitCode":1,"reason":"Error","startedAt":null,"finishedAt":null}}}]}}`)

	text := said(t, rig.NewClient(t, false), c, "diagnose", fmt.Sprintf(`{"kind":"Pod","name":"crasher","namespace":%q}`, c.Namespace))
	require.Contains(t, text, "ERROR Pod/crasher CrashLoopBackOff: container crasher: 4 restarts; its last run ended with exit code 1 (Error). Next: read the log")
	require.Regexp(t, `(?m)^Log of container crasher of Pod crasher before its restart, last lines:\n  \| .*before the restart`, text)
}
