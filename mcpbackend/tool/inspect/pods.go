package inspect

import (
	"cmp"
	"fmt"
	"slices"
	"time"
)

// The times that are given to things before they count as late.
const (
	toStart  = 5 * time.Minute // a container, from its Pod's creation
	toReady  = time.Minute     // a container that runs
	toVanish = 5 * time.Minute // what is being deleted
)

// manyRestarts is how many of one container are worth a word.
const manyRestarts = 5

// podFindings says why a Pod is not ready.
func podFindings(p map[string]any, now time.Time) []finding {
	phase := text(p, "status", "phase")
	if gone := moment(p, "metadata", "deletionTimestamp"); !gone.IsZero() {
		if older(now, gone, toVanish) {
			return []finding{found(p, risky, "Terminating", "it has been deleted, and is still there", "check its finalizers, and whether its node is ready")}
		}
		return nil
	}
	switch phase {
	case "Succeeded":
		return nil
	case failedPhase:
		reason := cmp.Or(text(p, "status", "reason"), "Error")
		f := found(p, bad, reason, cmp.Or(text(p, "status", "message"), "the Pod has failed"), advice(reason))
		for _, s := range containers(p) {
			if code := number(s, "state", "terminated", "exitCode"); code != 0 {
				f.message += fmt.Sprintf("; container %s: %s", text(s, "name"), ended(s, "state"))
				f.crash = crashed(p, s, false)
			}
		}
		return []finding{f}
	}
	if c := conditionOf(p, "PodScheduled"); c.status == conditionFalse {
		reason := cmp.Or(c.reason, "Unschedulable")
		how := bad
		if reason == "SchedulingGated" {
			how = risky
		}
		return []finding{found(p, how, reason, c.message, advice(reason))}
	}
	var out []finding
	for _, s := range containers(p) {
		if f, ok := containerFinding(p, s, now); ok {
			out = append(out, f)
		}
	}
	if c := conditionOf(p, "Ready"); len(out) == 0 && c.status == conditionFalse {
		return unready(p, c, now)
	}
	return out
}

// unready is for what no container explains.
func unready(p map[string]any, c condition, now time.Time) []finding {
	late := older(now, moment(p, "metadata", "creationTimestamp"), toStart)
	switch {
	case c.reason == "ReadinessGatesNotReady":
		return []finding{found(p, risky, c.reason, c.message, "find out who sets the conditions that spec.readinessGates names")}
	case late && len(list(p, "status", "containerStatuses")) == 0:
		return []finding{found(p, bad, "NotStarted", "no container has started", "check that its node is ready")}
	case late:
		return []finding{found(p, risky, cmp.Or(c.reason, "NotReady"), c.message, advice("NotReady"))}
	}
	return []finding{found(p, known, "Starting", "it was created a moment ago", "call again in a minute")}
}

// containers are the statuses of all containers, those of init first.
func containers(p map[string]any) []any {
	init := list(p, "status", "initContainerStatuses")
	return append(slices.Clip(init), list(p, "status", "containerStatuses")...)
}

func containerFinding(p map[string]any, s any, now time.Time) (finding, bool) {
	name := text(s, "name")
	about := func(how severity, reason, message string) (finding, bool) {
		return found(p, how, reason, "container "+name+": "+message, advice(reason)), true
	}
	restarts := number(s, "restartCount")
	switch waiting := text(s, "state", "waiting", "reason"); waiting {
	case "":
	case creating, "PodInitializing":
		if older(now, moment(p, "metadata", "creationTimestamp"), toStart) && waiting == creating {
			return about(risky, waiting, cmp.Or(text(s, "state", "waiting", "message"), "it has not started yet"))
		}
		return finding{}, false
	case "CrashLoopBackOff":
		f, _ := about(bad, waiting, fmt.Sprintf("%d restarts; its last run %s", restarts, ended(s, "lastState")))
		if text(s, "lastState", "terminated", "reason") == outOfMemory {
			f.next = advice(outOfMemory)
		}
		f.crash = crashed(p, s, true)
		return f, true
	default:
		return about(bad, waiting, text(s, "state", "waiting", "message"))
	}
	if dig(s, "state", "terminated") != nil {
		if number(s, "state", "terminated", "exitCode") == 0 {
			return finding{}, false
		}
		f, _ := about(bad, cmp.Or(text(s, "state", "terminated", "reason"), "Error"), ended(s, "state"))
		f.crash = crashed(p, s, false)
		return f, true
	}
	if dig(s, "state", "running") != nil && !flag(s, "ready") && older(now, moment(s, "state", "running", "startedAt"), toReady) {
		f, _ := about(risky, "NotReady", fmt.Sprintf("it runs and is not ready (%d restarts)", restarts))
		if restarts > 0 {
			f.crash = crashed(p, s, true)
		}
		return f, true
	}
	if reason := text(s, "lastState", "terminated", "reason"); restarts >= manyRestarts || reason == outOfMemory {
		why := "Restarting"
		if reason == outOfMemory {
			why = reason
		}
		f, _ := about(risky, why, fmt.Sprintf("%d restarts; its last run %s", restarts, ended(s, "lastState")))
		f.crash = crashed(p, s, true)
		return f, true
	}
	return finding{}, false
}

// ended says how a run ended.
func ended(s any, state string) string {
	t := dig(s, state, "terminated")
	if t == nil {
		return "left no trace"
	}
	out := fmt.Sprintf("ended with exit code %d", number(t, "exitCode"))
	if reason := text(t, "reason"); reason != "" {
		out += " (" + reason + ")"
	}
	if message := text(t, "message"); message != "" {
		out += ": " + message
	}
	return out
}

func crashed(p map[string]any, s any, previous bool) *crash {
	return &crash{text(p, "metadata", "namespace"), text(p, "metadata", "name"), text(s, "name"), previous}
}
