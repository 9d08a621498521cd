package inspect

import (
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"kubernetes-mcp-edge/mcpbackend/brokenapi"
	"kubernetes-mcp-edge/mcpbackend/kube"
	"kubernetes-mcp-edge/mcpbackend/tool"
)

// TestWorkloadIsDiagnosed: findings, the worst first and replicas together, then
// what stands behind them; in so many requests when everything is cold.
func TestWorkloadIsDiagnosed(t *testing.T) {
	h, c := visit(t, map[string]string{
		apps + "deployments/web": web, apps + "replicasets": items(webReplicas, `{"metadata":{"name":"other"}}`),
		core + "pods": items(crashing("web-1-a"), crashing("web-1-b")),
		core + "events": items(warned("web-1-a", "BackOff", "later", "2026-01-01T00:00:09Z"), warned("web-1-b", "Failed", "sooner", "2026-01-01T00:00:01Z"),
			warned("other", "Failed", "of somebody else", "2026-01-01T00:00:05Z")),
		core + "pods/web-1-a/log": "one\nAuthorization: eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiJDQU5BUlkifQ.x\n",
	})
	var steps []string
	ctx := tool.Stepped(brokenapi.Soon(t), func(m string) { steps = append(steps, m) })
	text, out, err := diagnose(ctx, c, diagnoseIn{Kind: "deploy", Name: "web", Namespace: "team-a"})
	require.NoError(t, err)
	require.Regexp(t, `^Deployment web in namespace team-a: 4 errors\.
ERROR Deployment/web ProgressDeadlineExceeded: timed out\. Next: .*
ERROR Deployment/web Unavailable: 0 of 2 Pods are ready\. Next: .*
ERROR ReplicaSet/web-1 FailedCreate: exceeded quota\. Next: its Pods are refused.*
ERROR Pod/web-1-a \(and 1 more Pods of ReplicaSet/web-1\) CrashLoopBackOff.*
`, text)
	require.Contains(t, text, "ERROR Pod/web-1-a (and 1 more Pods of ReplicaSet/web-1) CrashLoopBackOff: container web: 7 restarts; its last run ended with exit code 3 (Error). Next: read the log")
	require.Contains(t, text, "Pods: 2, of which 0 are ready or done.\n")
	require.Regexp(t, `Last warnings \(2 of 2, newest last\):\n  \S+ ago Pod/web-1-b Failed: sooner \(3 times\)\n  \S+ ago Pod/web-1-a BackOff: later \(3 times\)\n`, text)
	require.Contains(t, text, "Log of container web of Pod web-1-a before its restart, last lines:\n  | one\n  | Authorization: [redacted]\n")
	require.NotContains(t, text, "somebody else")
	require.False(t, out.Healthy)
	require.Equal(t, Finding{"error", "Deployment/web", "ProgressDeadlineExceeded"}, out.Findings[0])
	require.Empty(t, out.Unread)
	require.Len(t, h.Asked(), 7, strings.Join(h.Asked(), "\n"))
	require.Contains(t, strings.Join(h.Asked(), "\n"), "labelSelector=%21old%2Capp%3Dweb%2Ctier+in+%28a%2Cb%29")
	require.Contains(t, strings.Join(h.Asked(), "\n"), "previous=true")
	require.NotEmpty(t, steps)
}

// TestOwnersOfAPod: the chain goes up, and so do the findings.
func TestOwnersOfAPod(t *testing.T) {
	_, c := visit(t, map[string]string{
		core + "pods/web-1-a": crashing("web-1-a"), apps + "replicasets/web-1": webReplicas, apps + "deployments/web": web,
		core + "pods/web-1-a/log": "",
	})
	text, out, err := diagnose(brokenapi.Soon(t), c, diagnoseIn{Kind: "Pod", Name: "web-1-a", Namespace: "team-a"})
	require.NoError(t, err)
	require.Contains(t, text, "Owners: Pod/web-1-a <- ReplicaSet/web-1 <- Deployment/web\n")
	require.Contains(t, text, "ERROR Deployment/web ProgressDeadlineExceeded")
	require.Contains(t, text, "last lines:\n  | (empty)\n")
	require.False(t, out.Healthy)
}

// TestNamespaceIsDiagnosed in at most 20 requests, however cold, with everything
// in it wrong.
func TestNamespaceIsDiagnosed(t *testing.T) {
	other := strings.ReplaceAll(crashing("job-a"), "web-1", "importer")
	h, c := visit(t, map[string]string{
		core + "pods": items(crashing("web-1-a"), other), apps + "deployments": items(web),
		batch + "cronjobs": items(`{"metadata":{"name":"nightly"},"spec":{"suspend":true}}`), batch + "jobs": items(`{"metadata":{"name":"once"},"status":{"conditions":[{"type":"Failed","status":"True","reason":"BackoffLimitExceeded"}]}}`),
		core + "services":               items(`{"metadata":{"name":"web","namespace":"team-a"},"spec":{"selector":{"app":"web"}}}`, `{"metadata":{"name":"half","namespace":"team-a"},"spec":{"selector":{"app":"x"}}}`, `{"metadata":{"name":"plain"},"spec":{}}`),
		endpoints:                       items(`{"metadata":{"name":"s","namespace":"team-a","labels":{"kubernetes.io/service-name":"half"}},"endpoints":[{"conditions":{"ready":false}}]}`),
		core + "persistentvolumeclaims": items(`{"metadata":{"name":"data"},"status":{"phase":"Pending"}}`),
		core + "events":                 items(warned("web-1-a", "BackOff", "m", "")), core + "pods/web-1-a/log": "x", core + "pods/job-a/log": forbidden,
	})
	text, out, err := diagnose(brokenapi.Soon(t), c, diagnoseIn{Namespace: "team-a"})
	require.NoError(t, err)
	for _, line := range []string{
		"Everything in namespace team-a: 7 errors, 1 warning, 1 info.", "INCOMPLETE: could not be read, so trouble there is not shown: log of job-a (forbidden)\n",
		"ERROR Job/once BackoffLimitExceeded: no message.", "ERROR Service/web NoEndpoints", "ERROR Service/half NoReadyEndpoints: none of its 1 endpoints is ready",
		"WARNING PersistentVolumeClaim/data Pending", "INFO CronJob/nightly Suspended", "? ago Pod/web-1-a BackOff",
	} {
		require.Contains(t, text, line)
	}
	require.NotContains(t, text, "plain")
	require.Equal(t, []string{"log of job-a (forbidden)"}, out.Unread)
	require.LessOrEqual(t, len(h.Asked()), 20, strings.Join(h.Asked(), "\n"))
	require.Len(t, h.Asked(), 16, strings.Join(h.Asked(), "\n"))
}

// TestHealthyIsSaid only of what was read.
func TestHealthyIsSaid(t *testing.T) {
	_, c := visit(t, map[string]string{core + "pods": items(`{"metadata":{"name":"a"},"status":{"phase":"Succeeded"}}`)})
	text, out, err := diagnose(brokenapi.Soon(t), c, diagnoseIn{Namespace: "team-a"})
	require.NoError(t, err)
	require.Equal(t, "Everything in namespace team-a: nothing wrong was found.\nPods: 1, of which 1 are ready or done.\n", text)
	require.True(t, out.Healthy)

	h, c := visit(t, map[string]string{
		core + "pods":     items(`{"metadata":{"name":"a"},"status":{"phase":"Succeeded"}}`),
		core + "services": items(`{"metadata":{"name":"web","namespace":"team-a"},"spec":{"selector":{"app":"web"}}}`), endpoints: forbidden,
		apps + "deployments": forbidden, apps + "statefulsets": `{`, core + "events": `500 {}`})
	text, out, err = diagnose(brokenapi.Soon(t), c, diagnoseIn{Namespace: "team-a"})
	require.NoError(t, err)
	require.Contains(t, text, "nothing wrong was found in what could be read.\nINCOMPLETE")
	require.False(t, out.Healthy)
	require.Subset(t, out.Unread, []string{"deployments (forbidden)", "endpointslices (forbidden)", "events (failed)", "statefulsets (garbled)"})
	require.Empty(t, out.Findings, "what was not seen is not missing")
	require.False(t, out.Truncated)
	require.NotEmpty(t, h.Asked())
}

// TestNothingCanBeRead: then the error says so, and nothing more is asked.
func TestNothingCanBeRead(t *testing.T) {
	h, c := visit(t, map[string]string{core + "pods": `401 {"kind":"Status","status":"Failure","code":401}`})
	_, _, err := diagnose(brokenapi.Soon(t), c, diagnoseIn{Namespace: "team-a"})
	var e *kube.Error
	require.ErrorAs(t, err, &e)
	require.Equal(t, kube.Unauthorized, e.Trouble)
	require.Len(t, h.Asked(), 2)

	// Of somebody else's namespace nothing can be read either.
	lists := map[string]string{}
	for _, path := range []string{
		core + "pods", core + "services", core + "persistentvolumeclaims", core + "events", apps + "deployments", apps + "statefulsets",
		apps + "daemonsets", batch + "jobs", batch + "cronjobs", "/api/v1/namespaces/team-a",
	} {
		lists[path] = forbidden
	}
	_, c = visit(t, lists)
	_, _, err = diagnose(brokenapi.Soon(t), c, diagnoseIn{Namespace: "team-a"})
	require.ErrorAs(t, err, &e)
	require.Equal(t, kube.Forbidden, e.Trouble)
}

// TestEmptyNamespace may be one that does not exist.
func TestEmptyNamespace(t *testing.T) {
	_, c := visit(t, nil)
	text, out, err := diagnose(brokenapi.Soon(t), c, diagnoseIn{Namespace: "team-a"})
	require.NoError(t, err)
	require.Contains(t, text, "check that the namespace exists")
	require.False(t, out.Healthy)
}

// TestLongListsAreCut and say so.
func TestLongListsAreCut(t *testing.T) {
	h, c := visit(t, nil)
	pods := make([]string, 200)
	for i := range pods {
		pods[i] = strings.ReplaceAll(crashing(fmt.Sprintf("p-%d", i)), "web-1", fmt.Sprintf("rs-%d", i))
	}
	h.Answer(core+"pods", `{"metadata":{"continue":"next"},"items":[`+strings.Join(pods, ",")+`]}`)
	text, out, err := diagnose(brokenapi.Soon(t), c, diagnoseIn{Namespace: "team-a"})
	require.NoError(t, err)
	require.Contains(t, text, "-- only the first 600 pods were looked at --\n")
	require.Contains(t, text, "-- 170 more findings were left out: diagnose one workload --\n")
	require.True(t, out.Truncated)
	require.Len(t, out.Findings, 30)
	require.Less(t, len(text), 33<<10)
}

// TestMistakesOfADiagnosis say what to do.
func TestMistakesOfADiagnosis(t *testing.T) {
	_, c := visit(t, nil)
	for want, in := range map[string]diagnoseIn{
		"name needs a kind":        {Name: "a"},
		"kind needs a name":        {Kind: "Pod"},
		"call again with namespac": {Kind: "Pod", Name: "a"},
		"namespace is not the nam": {Namespace: "*"},
		"name is not the name":     {Kind: "Pod", Name: "a/b", Namespace: "team-a"},
	} {
		_, _, err := diagnose(brokenapi.Soon(t), c, in)
		require.ErrorContains(t, err, want)
	}
}

// TestOtherKinds are diagnosed by their conditions.
func TestOtherKinds(t *testing.T) {
	_, c := visit(t, map[string]string{
		"/apis/example.com/v1/namespaces/team-a/backups/a": `{"kind":"Backup","metadata":{"name":"a"},"status":{"conditions":[{"type":"Ready","status":"False","reason":"NoSpace","message":"full"}]}}`,
		"/api/v1/nodes/node-1":                             `{"metadata":{"name":"node-1"},"spec":{"unschedulable":true},"status":{"conditions":[{"type":"Ready","status":"Unknown","message":"silent"},{"type":"DiskPressure","status":"True"}]}}`,
		"/api/v1/pods":                                     items(crashing("web-1-a")), "/api/v1/events": forbidden, core + "pods/web-1-a/log": "x",
		"/api/v1/namespaces/team-a": `{}`, core + "services/web": `{"kind":"Service","metadata":{"name":"web"},"spec":{"selector":{"app":"web"},"type":"LoadBalancer"}}`,
		batch + "cronjobs/nightly": `{"metadata":{"name":"nightly","uid":"u-c"},"status":{"lastScheduleTime":"2026-01-02T00:00:00Z"}}`,
		batch + "jobs":             items(`{"metadata":{"name":"n-1","ownerReferences":[{"kind":"CronJob","name":"nightly","uid":"u-c","controller":true}]},"spec":{"selector":{"matchLabels":{"job":"n-1"}}},"status":{"failed":2}}`),
	})
	for _, test := range []struct {
		in   diagnoseIn
		want []string
	}{
		{diagnoseIn{Kind: "Backup", APIVersion: "example.com/v1", Name: "a", Namespace: "team-a"}, []string{"ERROR Backup/a NoSpace: Ready is False: full."}},
		{diagnoseIn{Kind: "Node", Name: "node-1"}, []string{"ERROR Node/node-1 NotReady: silent.", "WARNING Node/node-1 DiskPressure", "INFO Node/node-1 Cordoned", "Pod/team-a/web-1-a", "events (forbidden)"}},
		{diagnoseIn{Kind: "Service", Name: "web", Namespace: "team-a"}, []string{"ERROR Service/web NoEndpoints", "WARNING Service/web NoLoadBalancer"}},
		{diagnoseIn{Kind: "ns", Name: "team-a"}, []string{"Everything in namespace team-a"}},
		{diagnoseIn{Kind: "CronJob", Name: "nightly", Namespace: "team-a"}, []string{"WARNING CronJob/nightly LastRunFailed", "WARNING Job/n-1 Retrying: 2 of its Pods have failed"}},
	} {
		text, _, err := diagnose(brokenapi.Soon(t), c, test.in)
		require.NoError(t, err)
		for _, want := range test.want {
			require.Contains(t, text, want)
		}
	}
}
