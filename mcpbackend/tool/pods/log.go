package pods

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/google/jsonschema-go/jsonschema"
	"github.com/modelcontextprotocol/go-sdk/mcp"

	"kubernetes-mcp-edge/mcpbackend/answer"
	"kubernetes-mcp-edge/mcpbackend/kube"
	"kubernetes-mcp-edge/mcpbackend/tool"
)

type podsLogIn struct {
	Name          string `json:"name,omitempty"`
	LabelSelector string `json:"labelSelector,omitempty" jsonschema:"instead of name: up to 20 pods, lines prefixed"`
	Namespace     string `json:"namespace,omitempty"`
	Container     string `json:"container,omitempty"`
	Previous      bool   `json:"previous,omitempty" jsonschema:"of the run before a crash"`
	Tail          int    `json:"tail,omitempty" jsonschema:"newest lines per container; default 100"`
	Since         string `json:"since,omitempty" jsonschema:"e.g. 10m, 2h or 1d"`
	Grep          string `json:"grep,omitempty" jsonschema:"only lines matching this RE2"`
}

// The limits of a log, in lines.
const (
	defaultTail = 100
	maxTail     = 5000
	// searched is how far back lines are searched for a pattern.
	searched = 10_000
)

// Logged is the structured part of a log: how much of it the text holds.
type Logged struct {
	Namespace string   `json:"namespace"`
	Pods      []string `json:"pods"`
	Container string   `json:"container,omitempty"`
	Lines     int      `json:"lines"`
	Truncated bool     `json:"truncated,omitempty"` // lines were left out to keep the answer short
}

func podsLog() tool.Tool {
	return tool.New(mcp.Tool{
		Name: "pods_log", Title: "Pod logs",
		Description:  "Shows the newest log lines of one pod, or of those that a selector matches.",
		OutputSchema: tool.Output[Logged]("pods", "lines", "truncated"),
	}, tool.Options{Toolset: tool.Core, Adjust: func(properties map[string]*jsonschema.Schema) {
		span(properties["tail"], 1, maxTail)
	}}, podLog)
}

func podLog(ctx context.Context, c *kube.Client, in podsLogIn) (string, Logged, error) {
	l, err := newLogging(c, in)
	if err != nil {
		return "", Logged{}, err
	}
	show := l.single
	if in.LabelSelector != "" {
		show = l.selected
	}
	text, out, err := show(ctx)
	if err == nil {
		err = answer.Ended(ctx)
	}
	if err != nil {
		return "", Logged{}, err
	}
	return text, out, nil
}

// logging is a call of pods_log, checked.
type logging struct {
	c                *kube.Client
	in               podsLogIn
	namespace, scope string
	since            time.Duration
	grep             pattern
}

func newLogging(c *kube.Client, in podsLogIn) (*logging, error) {
	l := &logging{c: c, in: in}
	if (in.Name == "") == (in.LabelSelector == "") {
		return nil, answer.Mistake("pass name for one pod or labelSelector for several (pods_list_in_namespace shows them).")
	}
	if in.Name != "" {
		if err := tool.CheckName(in.Name); err != nil {
			return nil, err
		}
	}
	if in.Container != "" && !kube.ValidNamespace(in.Container) {
		return nil, answer.Mistake("container is not the name of a container: use lower-case letters, digits and dashes, at most 63.")
	}
	if err := tool.CheckSelectors(in.LabelSelector); err != nil {
		return nil, err
	}
	var err error
	if l.namespace, l.scope, err = tool.GetScope(c, podKind, in.Namespace); err != nil {
		return nil, err
	}
	if l.since, err = since(in.Since); err != nil {
		return nil, err
	}
	if l.grep, err = readPattern(in.Grep); err != nil {
		return nil, err
	}
	if l.in.Tail <= 0 {
		l.in.Tail = defaultTail
	}
	l.in.Tail = min(l.in.Tail, maxTail)
	return l, nil
}

// part is what is shown of one container's log.
type part struct {
	lines []string
	left  int  // lines before them, left out for the budget
	older bool // there may be more before them
}

// read reads the log of one container.
func (l *logging) read(ctx context.Context, pod, container string, budget int) (part, error) {
	o := kube.LogOptions{Container: container, Previous: l.in.Previous, Since: l.since, Tail: l.in.Tail, Limit: int64(budget)}
	if !l.grep.any() {
		o.Tail, o.Limit = searched, 0
	}
	text, cut, err := l.c.Logs(ctx, l.namespace, pod, o)
	if err != nil {
		return part{}, err
	}
	all := answer.LogLines(l.c, text)
	older := cut || len(all) >= o.Tail
	lines := l.grep.keep(ctx, all)
	if more := len(lines) - l.in.Tail; more > 0 {
		lines, older = lines[more:], true
	}
	var p part
	p.lines, p.left = answer.Newest(lines, budget)
	p.older = older
	if cut && l.grep.any() {
		p.left = max(p.left, 1)
	}
	return p, nil
}

// single shows the log of one pod.
func (l *logging) single(ctx context.Context) (string, Logged, error) {
	name := l.in.Container
	p, err := l.read(ctx, l.in.Name, name, answer.LogBudget)
	var hint string
	switch {
	case refused(err):
		if p, name, err = l.chosen(ctx, err); err != nil {
			return "", Logged{}, err
		}
	case err != nil:
		return "", Logged{}, err
	case !l.in.Previous && !p.older:
		// A container that began a moment ago has little to say; the one before it
		// knows why. Who may not read the pod gets no hint.
		if pod, err := l.c.Get(ctx, podKind, l.namespace, l.in.Name); err == nil {
			hint = crashed(l.c, containersOf(pod), name)
			if hint == "" && len(p.lines) == 0 {
				hint = idle(l.c, pod)
			}
		}
	}
	out := Logged{Namespace: l.namespace, Pods: []string{l.in.Name}, Container: name, Lines: len(p.lines), Truncated: p.left > 0}
	what := "pod " + l.in.Name
	if name != "" {
		what += ", container " + shown(l.c, name)
	}
	var b strings.Builder
	l.head(&b, len(p.lines), what)
	for _, line := range p.lines {
		b.WriteString(line + "\n")
	}
	b.WriteString(l.rest(p) + hint)
	return b.String(), out, nil
}

func (l *logging) head(b *strings.Builder, lines int, what string) {
	fmt.Fprintf(b, "# %d log lines", lines)
	if !l.grep.any() {
		b.WriteString(" " + l.grep.about)
	}
	fmt.Fprintf(b, " of %s %s", what, l.scope)
	if l.in.Previous {
		b.WriteString(", of the run before")
	}
	if l.since > 0 {
		b.WriteString(", since " + l.in.Since)
	}
	b.WriteString("\n")
}

// rest says what of a log is not shown.
func (l *logging) rest(p part) string {
	switch {
	case p.left > 0:
		return "-- Older lines were left out to keep the answer short: narrow it with grep, since or a smaller tail. --\n"
	case p.older && !l.grep.any():
		return fmt.Sprintf("-- There may be older lines: the newest %d were searched, and at most %d are shown. --\n", searched, l.in.Tail)
	case p.older:
		return "-- There may be older lines: pass a greater tail, or grep. --\n"
	}
	return ""
}

// refused reports whether the server took the request for wrong: the container
// does not exist, has not begun, or was not named.
func refused(err error) bool {
	e, ok := errors.AsType[*kube.Error](err)
	return ok && e.Trouble == kube.Invalid
}

// detail is the server's own word.
func detail(err error) string {
	if e, ok := errors.AsType[*kube.Error](err); ok {
		return e.Detail
	}
	return ""
}

// chosen mends a refused request where the pod says which container is meant,
// and else says which ones there are.
func (l *logging) chosen(ctx context.Context, failure error) (p part, name string, err error) {
	pod, err := l.c.Get(ctx, podKind, l.namespace, l.in.Name)
	if err != nil {
		return part{}, "", failure
	}
	all := containersOf(pod)
	if name = texts(pod, "metadata", "annotations", "kubectl.kubernetes.io/default-container"); l.in.Container == "" && kube.ValidNamespace(name) {
		if p, err = l.read(ctx, l.in.Name, name, answer.LogBudget); err == nil {
			return p, name, nil
		}
	}
	return part{}, "", answer.Advice(kube.Invalid.String(), fmt.Sprintf("There is no such log: %s. %s %s",
		strings.TrimSuffix(answer.Quoted(detail(failure)), "."), choice(l.c, all), l.next(all)))
}

// next is what to do about a log that there is none of.
func (l *logging) next(all []container) string {
	known := l.in.Container == "" && len(all) == 1 || slices.ContainsFunc(all, func(one container) bool { return one.name == l.in.Container })
	switch {
	case !known:
		return "Call again with one of them as container."
	case l.in.Previous:
		return "Call again without previous: only a container that restarted has a run before."
	}
	return "It has no log yet: events_list with kind Pod and this name may say why."
}
