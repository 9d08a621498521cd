package inspect

import (
	"cmp"
	"fmt"
	"slices"
	"time"
)

// objectFindings says what is wrong with an object of any kind, by its status
// alone.
func objectFindings(o map[string]any, now time.Time) []finding {
	switch text(o, "kind") {
	case podKind:
		return podFindings(o, now)
	case deploymentKind:
		return deploymentFindings(o)
	case statefulSetKind, replicaSetKind, "ReplicationController":
		return replicaFindings(o, numberOr(o, 1, "spec", "replicas"), number(o, "status", "readyReplicas"))
	case daemonSetKind:
		return replicaFindings(o, number(o, "status", "desiredNumberScheduled"), number(o, "status", "numberReady"))
	case jobKind:
		return jobFindings(o)
	case cronJobKind:
		return cronJobFindings(o)
	case claimKind:
		return claimFindings(o)
	case serviceKind:
		return serviceFindings(o)
	case nodeKind:
		return nodeFindings(o)
	}
	return genericFindings(o)
}

const lookAtPods = "look at its Pods and the last warnings"

func deploymentFindings(o map[string]any) []finding {
	var out []finding
	if c := conditionOf(o, "Progressing"); c.status == conditionFalse {
		out = append(out, found(o, bad, cmp.Or(c.reason, "NotProgressing"), c.message, lookAtPods))
	}
	if flag(o, "spec", "paused") {
		out = append(out, found(o, known, "Paused", "changes of it are not rolled out", "resume it if that is not on purpose"))
	}
	return append(out, replicaFindings(o, numberOr(o, 1, "spec", "replicas"), number(o, "status", "availableReplicas"))...)
}

// replicaFindings compares how many there should be with how many work.
func replicaFindings(o map[string]any, want, have int64) []finding {
	var out []finding
	if c := conditionOf(o, "ReplicaFailure"); c.status == conditionTrue {
		out = append(out, found(o, bad, cmp.Or(c.reason, "ReplicaFailure"), c.message, "its Pods are refused: a quota, a limit or an admission rule"))
	}
	message := fmt.Sprintf("%d of %d Pods are ready", have, want)
	switch {
	case want == 0 && dig(o, "spec", "replicas") != nil:
		return append(out, found(o, known, "ScaledToZero", "it asks for no Pods", "scale it up if that is not on purpose"))
	case have >= want, text(o, "kind") == replicaSetKind && ownerOf(o).name != "": // its Deployment says it
		return out
	case have == 0:
		return append(out, found(o, bad, "Unavailable", message, lookAtPods))
	}
	return append(out, found(o, risky, "Unavailable", message, lookAtPods))
}

func jobFindings(o map[string]any) []finding {
	if c := conditionOf(o, failedPhase); c.status == conditionTrue {
		return []finding{found(o, bad, cmp.Or(c.reason, failedPhase), c.message, advice(c.reason))}
	}
	if c := conditionOf(o, "Suspended"); c.status == conditionTrue {
		return []finding{found(o, known, "Suspended", c.message, "resume it if that is not on purpose")}
	}
	if failed := number(o, "status", "failed"); failed > 0 && number(o, "status", "succeeded") == 0 {
		return []finding{found(o, risky, "Retrying", fmt.Sprintf("%d of its Pods have failed", failed), lookAtPods)}
	}
	return nil
}

func cronJobFindings(o map[string]any) []finding {
	if flag(o, "spec", "suspend") {
		return []finding{found(o, known, "Suspended", "it starts no Jobs", "resume it if that is not on purpose")}
	}
	last, good := moment(o, "status", "lastScheduleTime"), moment(o, "status", "lastSuccessfulTime")
	if last.After(good) && len(list(o, "status", "active")) == 0 {
		return []finding{found(o, risky, "LastRunFailed", "its last Job did not succeed", "look at the Job and its Pods")}
	}
	return nil
}

func claimFindings(o map[string]any) []finding {
	phase := text(o, "status", "phase")
	const next = "check its StorageClass and provisioner; resources_describe shows the events"
	switch phase {
	case "Bound":
		return nil
	case "Lost":
		return []finding{found(o, bad, phase, "its PersistentVolume is gone", "restore the volume, or make a new claim")}
	}
	return []finding{found(o, risky, cmp.Or(phase, "Pending"), "it is not bound to a volume (some classes wait for the first Pod)", next)}
}

func serviceFindings(o map[string]any) []finding {
	if text(o, "spec", "type") == "LoadBalancer" && len(list(o, "status", "loadBalancer", "ingress")) == 0 {
		return []finding{found(o, risky, "NoLoadBalancer", "it has no external address yet", "ask who provides load balancers in this cluster")}
	}
	return nil
}

// endpointFindings says of a Service whether anything answers behind it.
func endpointFindings(service map[string]any, slicesOf []map[string]any) []finding {
	if text(service, "spec", "type") == "ExternalName" || dig(service, "spec", "selector") == nil {
		return nil
	}
	ready, all := 0, 0
	for _, s := range slicesOf {
		for _, e := range list(s, "endpoints") {
			all++
			if r, ok := dig(e, "conditions", "ready").(bool); !ok || r { // unknown counts as ready
				ready++
			}
		}
	}
	switch {
	case ready > 0:
		return nil
	case all > 0:
		return []finding{found(service, bad, "NoReadyEndpoints", fmt.Sprintf("none of its %d endpoints is ready", all), "find out why its Pods are not ready")}
	}
	return []finding{found(service, bad, "NoEndpoints", "no Pod matches its selector", "compare spec.selector with the labels of the Pods")}
}

func nodeFindings(o map[string]any) []finding {
	var out []finding
	for _, c := range conditions(o) {
		switch {
		case c.kind == "Ready" && c.status != conditionTrue:
			out = append(out, found(o, bad, "NotReady", cmp.Or(c.message, c.reason), "see whether the machine is up and its kubelet runs (nodes_log)"))
		case c.status == conditionTrue && slices.Contains([]string{"MemoryPressure", "DiskPressure", "PIDPressure", "NetworkUnavailable"}, c.kind):
			out = append(out, found(o, risky, c.kind, cmp.Or(c.message, c.reason), "free the resource, or move Pods away"))
		}
	}
	if flag(o, "spec", "unschedulable") {
		out = append(out, found(o, known, "Cordoned", "no new Pods are put on it", "uncordon it if that is not on purpose"))
	}
	return out
}

// Conditions by which most controllers say that all is well, and that it is not.
var (
	goodConditions = []string{"Ready", "Available", "Healthy", "Synced", "Established", "Reconciled", "Accepted", "Programmed", "AbleToScale", "ScalingActive", "ResourcesAvailable"}
	badConditions  = []string{"Degraded", "Stalled", failedPhase, "Failing", "NamespaceDeletionContentFailure", "NamespaceDeletionDiscoveryFailure"}
)

// genericFindings reads what any controller may say.
func genericFindings(o map[string]any) []finding {
	var out []finding
	for _, c := range conditions(o) {
		if c.status == conditionFalse && slices.Contains(goodConditions, c.kind) || c.status == conditionTrue && slices.Contains(badConditions, c.kind) {
			out = append(out, found(o, bad, cmp.Or(c.reason, c.kind), c.kind+" is "+c.status+": "+c.message, "resources_describe shows its status and events"))
		}
	}
	if phase := text(o, "status", "phase"); phase == "Terminating" || phase == failedPhase {
		out = append(out, found(o, risky, phase, cmp.Or(text(o, "status", "message"), "it is in phase "+phase), "resources_describe shows its status and events"))
	}
	return out
}
