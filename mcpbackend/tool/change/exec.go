package change

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/google/jsonschema-go/jsonschema"
	"github.com/modelcontextprotocol/go-sdk/mcp"

	"kubernetes-mcp-edge/mcpbackend/answer"
	"kubernetes-mcp-edge/mcpbackend/kube"
	"kubernetes-mcp-edge/mcpbackend/tool"
)

type execIn struct {
	Name      string   `json:"name" jsonschema:"the Pod's name"`
	Namespace string   `json:"namespace,omitempty" jsonschema:"its namespace; left out: the kubernetes-namespace header's"`
	Container string   `json:"container,omitempty" jsonschema:"left out: the Pod's default container, else its first"`
	Command   []string `json:"command" jsonschema:"program and arguments, one each; no shell reads them unless it is sh -c"`
}

// Executed is the structured part of pods_exec. The output is in the text.
type Executed struct {
	Namespace string `json:"namespace"`
	Pod       string `json:"pod"`
	Container string `json:"container,omitempty"`
	ExitCode  int    `json:"exitCode"`
	Truncated bool   `json:"truncated,omitempty" jsonschema:"true if there was more output than is shown"`
}

func podsExec() tool.Tool {
	return tool.New(mcp.Tool{
		Name: "pods_exec", Title: "Run a command in a pod",
		Description: "Runs one command in a container, without input or terminal, and shows its exit code and output. It has to end by itself within 20 s.",
	}, tool.Options{Toolset: tool.Exec, Access: tool.Execs, Destructive: true, Adjust: func(p map[string]*jsonschema.Schema) {
		least, most := 1, maxArguments
		p["command"].MinItems, p["command"].MaxItems = &least, &most
		p["command"].Type, p["command"].Types = "array", nil // a command that is null is none
	}}, execute)
}

// The limits of one command.
const (
	maxArguments = 128
	maxStream    = 24 << 10 // bytes shown of each of the two streams
	// maxHalf is more than the longest credential: so much is read beyond what is
	// shown, so that none is cut through, and so not recognised.
	maxHalf  = 16 << 10
	execTime = 20 * time.Second
	// execSpare is what is left of the call's own time to look at the Pod and to
	// say how it ended.
	execSpare = 2 * time.Second
)

func execute(ctx context.Context, c *kube.Client, in execIn) (string, Executed, error) {
	if err := tool.CheckName(in.Name); err != nil {
		return "", Executed{}, err
	}
	if in.Container != "" && !kube.ValidNamespace(in.Container) {
		return "", Executed{}, answer.Mistake("container is not the name of a container: use lower-case letters, digits and dashes, at most 63.")
	}
	namespace, scope, err := tool.GetScope(c, podKind, in.Namespace)
	if err != nil {
		return "", Executed{}, err
	}
	container, err := choose(ctx, c, namespace, in)
	if err != nil {
		return "", Executed{}, err
	}
	out := Executed{Namespace: namespace, Pod: in.Name, Container: container}
	where := fmt.Sprintf("in Pod %s %s", in.Name, scope)
	if container != "" {
		where = fmt.Sprintf("in container %s of Pod %s %s", container, in.Name, scope)
	}
	tool.Step(ctx, "running the command")
	limited, cancel := context.WithTimeout(ctx, timeFor(ctx))
	defer cancel()
	result, err := c.Exec(limited, namespace, in.Name, kube.ExecOptions{Container: container, Command: in.Command, Limit: maxStream + maxHalf})
	shown, cut := streams(c, result)
	out.ExitCode, out.Truncated = result.Exit, cut || result.Truncated
	switch {
	case err != nil && (trouble(err) == kube.Deadline || trouble(err) == kube.Canceled):
		return "", Executed{}, answer.Advice(answer.Word(err), fmt.Sprintf("The command %s did not end in time, and is no longer waited for; it may still run. "+
			"Use one that ends by itself. Until then it wrote:\n%s", where, shown))
	case err != nil && shown != "":
		return "", Executed{}, failure(fmt.Sprintf("The command %s was lost; until then it wrote:\n%s", where, shown), err)
	case err != nil:
		return "", Executed{}, failure("The command did not run "+where, err)
	case result.Exit < 0:
		return "", Executed{}, answer.Advice(kube.TooLarge.String(), fmt.Sprintf("The command %s wrote too much and is no longer waited for; it may still run. "+
			"Use one that writes less, such as head or grep. It began:\n%s", where, shown))
	}
	return fmt.Sprintf("Exit code %d %s\n%s", result.Exit, where, shown), out, nil
}

// timeFor is how long the command may take: execTime, or what the call has left.
func timeFor(ctx context.Context) time.Duration {
	end, ok := ctx.Deadline()
	if !ok {
		return execTime
	}
	return max(min(execTime, time.Until(end)-execSpare), time.Second)
}

// streams are both outputs, clean and bounded, or that there was none.
func streams(c *kube.Client, r kube.ExecResult) (text string, cut bool) {
	var b strings.Builder
	for _, s := range []struct {
		name string
		data []byte
	}{{"stdout", r.Stdout}, {"stderr", r.Stderr}} {
		if len(s.data) == 0 {
			continue
		}
		text := answer.Redact(c.Scrub(answer.Clean(string(s.data))))
		full := len(s.data) >= maxStream+maxHalf
		room := maxStream
		if full { // the end may be half of something
			room = max(0, min(room, len(text)-maxHalf-1))
		}
		kept, short := answer.Within(text, room)
		fmt.Fprintf(&b, "--- %s ---\n%s", s.name, kept)
		if !strings.HasSuffix(kept, "\n") {
			b.WriteByte('\n')
		}
		if short || full {
			cut = true
			b.WriteString("-- cut: there is more, which is not shown --\n")
		}
	}
	if b.Len() == 0 && r.Exit >= 0 {
		return "(no output)\n", false
	}
	return b.String(), cut
}

// choose is the container as kubectl exec chooses it: the one that was named, or
// the Pod's default, or its first. A Pod that may not be looked at is left to
// the API server, which knows one where there is one.
func choose(ctx context.Context, c *kube.Client, namespace string, in execIn) (string, error) {
	pod, err := c.Get(ctx, podKind, namespace, in.Name)
	switch {
	case trouble(err) == kube.Forbidden:
		return in.Container, nil
	case err != nil:
		return "", err
	}
	names := containers(pod)
	status, _ := pod["status"].(map[string]any)
	phase, _ := status["phase"].(string)
	if phase == "Succeeded" || phase == "Failed" {
		return "", answer.Mistake("the Pod has ended (%s), so nothing can run in it; pods_log shows what it wrote.", phase)
	}
	if in.Container != "" {
		for _, n := range names {
			if n == in.Container {
				return n, nil
			}
		}
		return "", answer.Mistake("the Pod has no container of that name; it has: %s.", strings.Join(names, ", "))
	}
	if preferred := annotation(pod, "kubectl.kubernetes.io/default-container"); kube.ValidNamespace(preferred) {
		return preferred, nil
	}
	if len(names) > 0 {
		return names[0], nil
	}
	return "", nil
}

// containers are the names of those in which something can run, the first of the
// Pod's own first.
func containers(pod map[string]any) []string {
	const most = 50
	var out []string
	spec, _ := pod["spec"].(map[string]any)
	for _, field := range []string{"containers", "initContainers", "ephemeralContainers"} {
		list, _ := spec[field].([]any)
		for _, entry := range list {
			container, _ := entry.(map[string]any)
			if name, _ := container["name"].(string); kube.ValidNamespace(name) && len(out) < most {
				out = append(out, name)
			}
		}
	}
	return out
}

func annotation(o map[string]any, key string) string {
	metadata, _ := o["metadata"].(map[string]any)
	annotations, _ := metadata["annotations"].(map[string]any)
	s, _ := annotations[key].(string)
	return s
}
