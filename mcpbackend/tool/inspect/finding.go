package inspect

import (
	"cmp"
	"slices"
	"strings"
)

// severity says how bad a finding is.
type severity uint8

// The severities, the worst first.
const (
	bad   severity = iota // it does not work
	risky                 // it works in part, or will not for long
	known                 // it is so on purpose, or for a moment
)

var severities = [...]string{"error", "warning", "info"}

// finding is one thing that is not as it should be. Its texts are the server's,
// but for next.
type finding struct {
	severity              severity
	kind, namespace, name string
	owner                 string // of a Pod: what it is one of
	reason, message       string
	next                  string
	crash                 *crash
}

// crash is a container whose log tells more.
type crash struct {
	namespace, pod, container string
	previous                  bool // of its run before
}

// found makes a finding about an object.
func found(o map[string]any, how severity, reason, message, next string) finding {
	f := finding{
		severity: how, kind: text(o, "kind"), namespace: text(o, "metadata", "namespace"), name: text(o, "metadata", "name"),
		reason: reason, message: message, next: next,
	}
	if f.kind == podKind {
		if up := ownerOf(o); up.name != "" {
			f.owner = up.kind + "/" + up.name
		}
	}
	return f
}

// advice is the next step for a reason that kubelet and controllers give.
func advice(reason string) string {
	switch reason {
	case "CrashLoopBackOff", "Error", "Restarting", "ContainerCannotRun", "BackoffLimitExceeded":
		return "read the log of the run that ended (pods_log with previous)"
	case outOfMemory:
		return "raise the memory limit, or lower what it uses"
	case "ImagePullBackOff", "ErrImagePull", "InvalidImageName", "ErrImageNeverPull", "ErrImagePullBackOff", "RegistryUnavailable":
		return "check the image's name and tag, and imagePullSecrets"
	case "CreateContainerConfigError":
		return "check that the ConfigMaps, Secrets and keys it names exist"
	case "CreateContainerError", "RunContainerError", "StartError":
		return "check command, mounts and security context; resources_describe shows the events"
	case "Unschedulable":
		return "compare its requests, node selector, affinity and tolerations with the nodes"
	case creating, "PodInitializing", "NotStarted":
		return "resources_describe shows the events: mostly a volume or the network"
	case "NotReady":
		return "check the readiness probe and pods_log"
	case "Evicted":
		return "the node ran out of something: set requests, then delete the Pod"
	case "DeadlineExceeded":
		return "raise activeDeadlineSeconds, or find out what is slow"
	}
	return "resources_describe shows the events"
}

// sorted puts the worst first, and keeps the order otherwise.
func sorted(findings []finding) []finding {
	slices.SortStableFunc(findings, func(a, b finding) int { return cmp.Compare(a.severity, b.severity) })
	return findings
}

// group is findings of Pods that are replicas of one thing and have one trouble.
type group struct {
	finding

	more int
}

// grouped puts those together.
func grouped(findings []finding) []group {
	var out []group
	at := map[string]int{}
	for _, f := range findings {
		key := strings.Join([]string{severities[f.severity], f.owner, f.namespace, f.reason}, "\x00")
		if i, ok := at[key]; ok && f.owner != "" {
			out[i].more++
			continue
		}
		at[key] = len(out)
		out = append(out, group{finding: f})
	}
	return out
}
