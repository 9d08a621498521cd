package pods

import (
	"encoding/json"
	"fmt"
	"strconv"
	"strings"

	"kubernetes-mcp-edge/mcpbackend/kube"
)

// container is one container of a pod, and how it is.
type container struct {
	name     string // the server's
	sort     string // "", "init" or "ephemeral"
	state    string
	began    bool // it runs, or ran
	restarts int
	exit     string // of the run before; "" if there was none
}

// maxContainers bounds how many containers of a pod are looked at.
const maxContainers = 64

// containersOf are the containers of a pod: those that run beside each other
// first.
func containersOf(pod map[string]any) []container {
	var out []container
	for _, part := range []struct{ sort, spec, status string }{
		{"", "containers", "containerStatuses"},
		{"init", "initContainers", "initContainerStatuses"},
		{"ephemeral", "ephemeralContainers", "ephemeralContainerStatuses"},
	} {
		statuses := lists(pod, "status", part.status)
		for _, spec := range lists(pod, "spec", part.spec) {
			one := container{name: texts(spec, "name"), sort: part.sort}
			if one.name == "" || len(out) == maxContainers {
				continue
			}
			for _, s := range statuses {
				if texts(s, "name") == one.name {
					one.read(s)
				}
			}
			out = append(out, one)
		}
	}
	return out
}

// read takes in a ContainerStatus.
func (c *container) read(status map[string]any) {
	c.restarts = number(status["restartCount"])
	state, _ := status["state"].(map[string]any)
	for _, name := range []string{"running", "waiting", "terminated"} {
		if in, ok := state[name].(map[string]any); ok {
			c.state, c.began = name, c.began || name != "waiting"
			if reason := texts(in, "reason"); reason != "" {
				c.state += ": " + reason
			}
		}
	}
	last, _ := status["lastState"].(map[string]any)
	if ended, ok := last["terminated"].(map[string]any); ok {
		c.began = true
		c.exit = strings.TrimSpace(texts(ended, "reason") + " exit code " + strconv.Itoa(number(ended["exitCode"])))
	}
}

func number(v any) int {
	n, _ := v.(json.Number)
	i, _ := n.Int64()
	return int(i)
}

// choice is a sentence that says which containers a pod has.
func choice(c *kube.Client, all []container) string {
	if len(all) == 0 {
		return "The pod names no containers."
	}
	names := make([]string, 0, len(all))
	for _, one := range all {
		about := []string{}
		for _, s := range []string{one.sort, one.state} {
			if s != "" {
				about = append(about, shown(c, s))
			}
		}
		if one.restarts > 0 {
			about = append(about, fmt.Sprintf("restarts %d", one.restarts))
		}
		name := shown(c, one.name)
		if len(about) > 0 {
			name += " (" + strings.Join(about, ", ") + ")"
		}
		names = append(names, name)
	}
	return "Its containers: " + strings.Join(names, ", ") + "."
}

// crashed is the hint for a container that ran before; "" if it did not.
func crashed(c *kube.Client, all []container, name string) string {
	for _, one := range all {
		if one.restarts > 0 && (one.name == name || name == "" && one.sort == "") {
			how := ""
			if one.exit != "" {
				how = ", the last run ended with " + shown(c, one.exit)
			}
			return fmt.Sprintf("-- Container %s restarted %d times%s: pass previous=true for the log of the run before. --\n", shown(c, one.name), one.restarts, how)
		}
	}
	return ""
}

// idle is the hint for a pod of which nothing runs or ran: the API server
// answers with an empty log where no node has taken it yet.
func idle(c *kube.Client, pod map[string]any) string {
	for _, one := range containersOf(pod) {
		if one.began {
			return ""
		}
	}
	return fmt.Sprintf("-- No container of it has begun (phase %s): events_list with kind Pod and this name may say why. --\n", shown(c, texts(pod, "status", "phase")))
}
