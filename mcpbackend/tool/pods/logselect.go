package pods

import (
	"context"
	"fmt"
	"strings"

	"kubernetes-mcp-edge/mcpbackend/answer"
	"kubernetes-mcp-edge/mcpbackend/kube"
	"kubernetes-mcp-edge/mcpbackend/tool"
)

// The limits of a log of several pods.
const (
	maxPods    = 20
	maxStreams = 40
	leastPart  = 1 << 10 // bytes of each container's log
)

// stream is the log of one container of one pod.
type stream struct {
	pod, container string
	part           part
	err            error
}

// selected shows the logs of the pods that a selector matches.
func (l *logging) selected(ctx context.Context) (string, Logged, error) {
	pods, err := l.c.Objects(ctx, podKind, kube.ListOptions{Namespace: l.namespace, LabelSelector: l.in.LabelSelector, Limit: maxPods})
	if err != nil {
		return "", Logged{}, err
	}
	out := Logged{Namespace: l.namespace, Pods: []string{}, Container: l.in.Container}
	streams, more, err := l.streams(pods.Items)
	if err != nil {
		return "", Logged{}, err
	}
	tool.Step(ctx, "reading logs")
	budget := max(leastPart, answer.LogBudget/max(1, len(streams)))
	if err := tool.Each(len(streams), func(i int) {
		streams[i].part, streams[i].err = l.read(ctx, streams[i].pod, streams[i].container, budget)
	}); err != nil {
		return "", Logged{}, err
	}
	for _, pod := range pods.Items {
		out.Pods = append(out.Pods, shown(l.c, texts(pod, "metadata", "name")))
	}
	var body strings.Builder
	for _, s := range streams {
		l.write(&body, s, &out)
	}
	if len(streams) > 0 && out.Lines == 0 {
		if err := sameFailure(streams); err != nil {
			return "", Logged{}, err
		}
	}
	if pods.Continue != "" || pods.More > 0 || more > 0 {
		out.Truncated = true
		fmt.Fprintf(&body, "-- More matches than are read: %d containers of %d pods at most. Narrow the selector or pass container. --\n", maxStreams, maxPods)
	}
	var head strings.Builder
	l.head(&head, out.Lines, fmt.Sprintf("%d pods matching %s", len(pods.Items), answer.Quoted(l.in.LabelSelector)))
	return head.String() + body.String(), out, nil
}

// streams are the containers to read: those that run beside each other, or the
// one that was asked for, whatever it is.
func (l *logging) streams(pods []map[string]any) (out []stream, more int, err error) {
	for _, pod := range pods {
		name := texts(pod, "metadata", "name")
		for _, one := range containersOf(pod) {
			if l.in.Container != "" && one.name != l.in.Container || l.in.Container == "" && one.sort != "" || !kube.ValidNamespace(one.name) {
				continue
			}
			if len(out) == maxStreams {
				more++
				continue
			}
			out = append(out, stream{pod: name, container: one.name})
		}
	}
	if len(out) == 0 && len(pods) > 0 && l.in.Container != "" {
		return nil, 0, answer.Mistake("None of the %d pods has a container %s. Of the first of them: %s", len(pods), l.in.Container, choice(l.c, containersOf(pods[0])))
	}
	return out, more, nil
}

func (l *logging) write(b *strings.Builder, s stream, out *Logged) {
	name := shown(l.c, s.pod) + "/" + shown(l.c, s.container)
	if s.err != nil {
		why := answer.Advise(s.err).Error()
		if e := said(s.err); e != "" {
			why = e
		}
		fmt.Fprintf(b, "-- %s: %s --\n", name, why)
		return
	}
	// The prefix counts too: it is most of a short line.
	lines, left := answer.Newest(s.part.lines, max(0, answer.LogBudget-b.Len()-len(s.part.lines)*(len(name)+1)))
	s.part.left += left
	for _, line := range lines {
		b.WriteString(name + " " + line + "\n")
	}
	out.Lines += len(lines)
	if len(lines)+s.part.left == 0 && l.grep.any() && l.since == 0 {
		fmt.Fprintf(b, "-- %s: nothing yet --\n", name)
	}
	if s.part.left > 0 {
		out.Truncated = true
		fmt.Fprintf(b, "-- %s: older lines were left out to keep the answer short --\n", name)
	}
}

// said is what the server says of a request that it takes for wrong: that a
// container has not begun, or has no run before.
func said(err error) string {
	if !refused(err) {
		return ""
	}
	return answer.Quoted(detail(err))
}

// sameFailure is the failure of all streams, if it is the same.
func sameFailure(streams []stream) error {
	for _, s := range streams {
		if s.err == nil || refused(s.err) || answer.Word(s.err) != answer.Word(streams[0].err) {
			return nil
		}
	}
	return streams[0].err
}
