package inspect

import (
	"fmt"
	"strings"
	"testing"

	"kubernetes-mcp-edge/mcpbackend/brokenapi"
	"kubernetes-mcp-edge/mcpbackend/kube"
)

// discovery is what the test's server offers.
var discovery = map[string]string{
	"/api/v1": resources("Pod pods po", "Service services svc", "Event events ev", "Secret secrets", "ConfigMap configmaps cm",
		"PersistentVolumeClaim persistentvolumeclaims pvc", "-Node nodes no", "-Namespace namespaces ns"),
	"/apis/apps/v1":             resources("Deployment deployments deploy", "StatefulSet statefulsets sts", "DaemonSet daemonsets ds", "ReplicaSet replicasets rs"),
	"/apis/batch/v1":            resources("Job jobs", "CronJob cronjobs cj"),
	"/apis/discovery.k8s.io/v1": resources("EndpointSlice endpointslices"),
	"/apis/example.com/v1":      resources("Backup backups"),
}

// resources is discovery of these kinds, each with its plural and short name; a
// dash marks those without namespaces.
func resources(kinds ...string) string {
	out := make([]string, 0, len(kinds))
	for _, k := range kinds {
		words := strings.Fields(strings.TrimPrefix(k, "-"))
		short := ""
		if len(words) > 2 {
			short = `"` + words[2] + `"`
		}
		out = append(out, fmt.Sprintf(`{"name":%q,"kind":%q,"namespaced":%t,"shortNames":[%s],"verbs":["get","list"]}`, words[1], words[0], !strings.HasPrefix(k, "-"), short))
	}
	return `{"resources":[` + strings.Join(out, ",") + `]}`
}

// visit opens a server with these answers; what it has of no other is discovery
// and empty lists in team-a.
func visit(t *testing.T, answers map[string]string) (*brokenapi.Server, *kube.Client) {
	t.Helper()
	h, c := brokenapi.Visit(t, discovery)
	for _, path := range []string{
		core + "pods", core + "services", core + "persistentvolumeclaims", core + "events", apps + "deployments", apps + "statefulsets",
		apps + "daemonsets", apps + "replicasets", batch + "jobs", batch + "cronjobs", endpoints,
	} {
		h.Answer(path, `{"items":[]}`)
	}
	for path, body := range answers {
		h.Answer(path, body)
	}
	return h, c
}

// The paths of lists in team-a.
const (
	core      = "/api/v1/namespaces/team-a/"
	apps      = "/apis/apps/v1/namespaces/team-a/"
	batch     = "/apis/batch/v1/namespaces/team-a/"
	endpoints = "/apis/discovery.k8s.io/v1/namespaces/team-a/endpointslices"
)

// forbidden is an API server's no.
const forbidden = `403 {"kind":"Status","status":"Failure","reason":"Forbidden","code":403,"message":"no"}`

func items(objects ...string) string { return `{"items":[` + strings.Join(objects, ",") + `]}` }

// crashing is a Pod of the ReplicaSet web-1 whose container ends again and again.
func crashing(name string) string {
	return `{"kind":"Pod","apiVersion":"v1","metadata":{"name":"` + name + `","namespace":"team-a","uid":"u-` + name + `",
		"ownerReferences":[{"apiVersion":"apps/v1","kind":"ReplicaSet","name":"web-1","uid":"u-rs","controller":true}]},
		"status":{"phase":"Running","conditions":[{"type":"Ready","status":"False"}],"containerStatuses":[{"name":"web","restartCount":7,
		"state":{"waiting":{"reason":"CrashLoopBackOff","message":"back-off"}},"lastState":{"terminated":{"exitCode":3,"reason":"Error"}}}]}}`
}

// warned is an event about a Pod.
func warned(pod, reason, message, at string) string {
	return `{"metadata":{"name":"e"},"involvedObject":{"kind":"Pod","name":"` + pod + `","uid":"u-` + pod + `"},"type":"Warning",
		"reason":"` + reason + `","message":"` + message + `","lastTimestamp":"` + at + `","count":3}`
}

const web = `{"kind":"Deployment","apiVersion":"apps/v1","metadata":{"name":"web","namespace":"team-a","uid":"u-web"},
	"spec":{"replicas":2,"selector":{"matchLabels":{"app":"web"},"matchExpressions":[{"key":"tier","operator":"In","values":["a","b"]},{"key":"old","operator":"DoesNotExist"}]}},
	"status":{"availableReplicas":0,"conditions":[{"type":"Progressing","status":"False","reason":"ProgressDeadlineExceeded","message":"timed out"}]}}`

const webReplicas = `{"metadata":{"name":"web-1","namespace":"team-a","uid":"u-rs","ownerReferences":[{"apiVersion":"apps/v1","kind":"Deployment","name":"web","uid":"u-web","controller":true}]},
	"spec":{"replicas":2},"status":{"readyReplicas":0,"conditions":[{"type":"ReplicaFailure","status":"True","reason":"FailedCreate","message":"exceeded quota"}]}}`
