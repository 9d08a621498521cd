package inspect

import (
	"encoding/json"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// now is the time of the tests below, which begin an hour before it.
var now = time.Date(2026, 1, 1, 12, 0, 0, 0, time.UTC)

func parsed(t *testing.T, object string) map[string]any {
	t.Helper()
	dec := json.NewDecoder(strings.NewReader(object))
	dec.UseNumber()
	var o map[string]any
	require.NoError(t, dec.Decode(&o))
	return o
}

const (
	old   = `"creationTimestamp":"2026-01-01T11:00:00Z"`
	young = `"creationTimestamp":"2026-01-01T11:59:30Z"`
)

// TestPodFindings: each way in which a Pod is not well has its reason, severity
// and, where one was running, the container whose log tells more.
func TestPodFindings(t *testing.T) {
	for name, test := range map[string]struct {
		metadata, status string
		want             string // severity reason; "" for none
		message, log     string
	}{
		"running and ready":    {old, `"phase":"Running","conditions":[{"type":"Ready","status":"True"}],"containerStatuses":[{"name":"c","ready":true,"state":{"running":{"startedAt":"2026-01-01T11:00:00Z"}}}]`, "", "", ""},
		"done":                 {old, `"phase":"Succeeded","containerStatuses":[{"name":"c","state":{"terminated":{"exitCode":0}}}]`, "", "", ""},
		"evicted":              {old, `"phase":"Failed","reason":"Evicted","message":"no memory"`, "error Evicted", "no memory", ""},
		"failed":               {old, `"phase":"Failed","containerStatuses":[{"name":"c","state":{"terminated":{"exitCode":2,"reason":"Error","message":"bye"}}}]`, "error Error", "the Pod has failed; container c: ended with exit code 2 (Error): bye", "c"},
		"no node":              {old, `"phase":"Pending","conditions":[{"type":"PodScheduled","status":"False","reason":"Unschedulable","message":"0/2 nodes"}]`, "error Unschedulable", "0/2 nodes", ""},
		"gated":                {old, `"phase":"Pending","conditions":[{"type":"PodScheduled","status":"False","reason":"SchedulingGated"}]`, "warning SchedulingGated", "", ""},
		"no image":             {old, `"phase":"Pending","containerStatuses":[{"name":"c","state":{"waiting":{"reason":"ErrImagePull","message":"not found"}}}]`, "error ErrImagePull", "container c: not found", ""},
		"init fails":           {old, `"phase":"Pending","initContainerStatuses":[{"name":"i","restartCount":1,"state":{"waiting":{"reason":"CrashLoopBackOff"}},"lastState":{"terminated":{"exitCode":1}}}],"containerStatuses":[{"name":"c","state":{"waiting":{"reason":"PodInitializing"}}}]`, "error CrashLoopBackOff", "container i: 1 restarts; its last run ended with exit code 1", "i before"},
		"crashes for memory":   {old, `"phase":"Running","containerStatuses":[{"name":"c","restartCount":2,"state":{"waiting":{"reason":"CrashLoopBackOff"}},"lastState":{"terminated":{"exitCode":137,"reason":"OOMKilled"}}}]`, "error CrashLoopBackOff", "137 (OOMKilled)", "c before"},
		"crashes without end":  {old, `"phase":"Running","containerStatuses":[{"name":"c","restartCount":2,"state":{"waiting":{"reason":"CrashLoopBackOff"}}}]`, "error CrashLoopBackOff", "left no trace", "c before"},
		"creating for long":    {old, `"phase":"Pending","containerStatuses":[{"name":"c","state":{"waiting":{"reason":"ContainerCreating"}}}]`, "warning ContainerCreating", "it has not started yet", ""},
		"creating":             {young, `"phase":"Pending","conditions":[{"type":"Ready","status":"False"}],"containerStatuses":[{"name":"c","state":{"waiting":{"reason":"ContainerCreating"}}}]`, "info Starting", "", ""},
		"ended badly":          {old, `"phase":"Running","containerStatuses":[{"name":"c","state":{"terminated":{"exitCode":4}}}]`, "error Error", "exit code 4", "c"},
		"one of two ended":     {old, `"phase":"Running","containerStatuses":[{"name":"c","state":{"terminated":{"exitCode":0}}}]`, "", "", ""},
		"not ready for long":   {old, `"phase":"Running","containerStatuses":[{"name":"c","restartCount":1,"state":{"running":{"startedAt":"2026-01-01T11:00:00Z"}}}]`, "warning NotReady", "it runs and is not ready (1 restarts)", "c before"},
		"not ready, no crash":  {old, `"phase":"Running","containerStatuses":[{"name":"c","state":{"running":{"startedAt":"2026-01-01T11:00:00Z"}}}]`, "warning NotReady", "", ""},
		"restarts":             {old, `"phase":"Running","containerStatuses":[{"name":"c","ready":true,"restartCount":5,"state":{"running":{}},"lastState":{"terminated":{"exitCode":1}}}]`, "warning Restarting", "5 restarts", "c before"},
		"was out of memory":    {old, `"phase":"Running","containerStatuses":[{"name":"c","ready":true,"restartCount":1,"state":{"running":{}},"lastState":{"terminated":{"exitCode":137,"reason":"OOMKilled"}}}]`, "warning OOMKilled", "", "c before"},
		"gates of its own":     {old, `"phase":"Running","conditions":[{"type":"Ready","status":"False","reason":"ReadinessGatesNotReady","message":"lb"}],"containerStatuses":[{"name":"c","ready":true,"state":{"running":{}}}]`, "warning ReadinessGatesNotReady", "lb", ""},
		"no kubelet":           {old, `"phase":"Pending","conditions":[{"type":"Ready","status":"False"}]`, "error NotStarted", "", ""},
		"unready unexplained":  {old, `"phase":"Running","conditions":[{"type":"Ready","status":"False","reason":"Odd","message":"m"}],"containerStatuses":[{"name":"c","ready":true,"state":{"running":{}}}]`, "warning Odd", "m", ""},
		"deleted long ago":     {old + `,"deletionTimestamp":"2026-01-01T11:10:00Z"`, `"phase":"Running"`, "warning Terminating", "", ""},
		"deleted just now":     {old + `,"deletionTimestamp":"2026-01-01T11:59:50Z"`, `"phase":"Pending"`, "", "", ""},
		"fields of odd types":  {old, `"phase":7,"conditions":{"a":1},"containerStatuses":[7,{"name":[],"state":"x","restartCount":"many"}]`, "", "", ""},
		"numbers of odd sizes": {old, `"phase":"Running","containerStatuses":[{"name":"c","ready":true,"restartCount":1e999,"state":{"running":{}}}]`, "", "", ""},
	} {
		found := podFindings(parsed(t, `{"kind":"Pod","metadata":{"name":"a",`+test.metadata+`},"status":{`+test.status+`}}`), now)
		if test.want == "" {
			require.Empty(t, found, name)
			continue
		}
		require.Len(t, found, 1, name)
		require.Equal(t, test.want, severities[found[0].severity]+" "+found[0].reason, name)
		require.Contains(t, found[0].message, test.message, name)
		require.NotEmpty(t, found[0].next, name)
		log := ""
		if c := found[0].crash; c != nil {
			log = c.container
			if c.previous {
				log += " before"
			}
		}
		require.Equal(t, test.log, log, name)
	}
}

// TestObjectFindings: what the status of other kinds says.
func TestObjectFindings(t *testing.T) {
	for object, want := range map[string][]string{
		`{"kind":"Deployment","spec":{"replicas":2,"paused":true},"status":{"availableReplicas":1}}`:                                                                 {"info Paused", "warning Unavailable"},
		`{"kind":"Deployment","spec":{"replicas":0}}`:                                                                                                                {"info ScaledToZero"},
		`{"kind":"Deployment","status":{"availableReplicas":1}}`:                                                                                                     nil,
		`{"kind":"StatefulSet","spec":{"replicas":1}}`:                                                                                                               {"error Unavailable"},
		`{"kind":"DaemonSet","status":{"desiredNumberScheduled":2,"numberReady":1}}`:                                                                                 {"warning Unavailable"},
		`{"kind":"DaemonSet","status":{}}`:                                                                                                                           nil,
		`{"kind":"ReplicaSet","metadata":{"ownerReferences":[{"kind":"Deployment","name":"x"}]}}`:                                                                    nil,
		`{"kind":"Job","status":{"conditions":[{"type":"Suspended","status":"True"}]}}`:                                                                              {"info Suspended"},
		`{"kind":"Job","status":{"succeeded":1,"failed":1}}`:                                                                                                         nil,
		`{"kind":"CronJob","status":{"lastScheduleTime":"2026-01-01T00:00:00Z","active":[{}]}}`:                                                                      nil,
		`{"kind":"PersistentVolumeClaim","status":{"phase":"Bound"}}`:                                                                                                nil,
		`{"kind":"PersistentVolumeClaim","status":{"phase":"Lost"}}`:                                                                                                 {"error Lost"},
		`{"kind":"Service","spec":{"type":"LoadBalancer"},"status":{"loadBalancer":{"ingress":[1]}}}`:                                                                nil,
		`{"kind":"Node","status":{"conditions":[{"type":"Ready","status":"True"}]}}`:                                                                                 nil,
		`{"kind":"Namespace","status":{"phase":"Terminating"}}`:                                                                                                      {"warning Terminating"},
		`{"kind":"App","status":{"conditions":[{"type":"Degraded","status":"True","reason":"R"},{"type":"Ready","status":"True"},{"type":"Odd","status":"False"}]}}`: {"error R"},
		`{}`: nil,
	} {
		var got []string
		for _, f := range objectFindings(parsed(t, object), now) {
			got = append(got, severities[f.severity]+" "+f.reason)
		}
		require.Equal(t, want, got, object)
	}
	external := parsed(t, `{"spec":{"type":"ExternalName","selector":{"a":"b"}}}`)
	require.Empty(t, endpointFindings(external, nil))
	unknown := parsed(t, `{"spec":{"selector":{"a":"b"}}}`)
	require.Empty(t, endpointFindings(unknown, []map[string]any{parsed(t, `{"endpoints":[{}]}`)}), "an endpoint that does not say is ready")
}
