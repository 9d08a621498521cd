package pods

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/google/jsonschema-go/jsonschema"
	"github.com/modelcontextprotocol/go-sdk/mcp"

	"kubernetes-mcp-edge/mcpbackend/answer"
	"kubernetes-mcp-edge/mcpbackend/kube"
	"kubernetes-mcp-edge/mcpbackend/tool"
)

type eventsListIn struct {
	Namespace     string `json:"namespace,omitempty" jsonschema:"* for all; default: the kubernetes-namespace header's, else all"`
	FieldSelector string `json:"fieldSelector,omitempty" jsonschema:"e.g. reason=BackOff"`
	Type          string `json:"type,omitempty"`
	Since         string `json:"since,omitempty" jsonschema:"e.g. 10m, 2h or 1d"`
	Kind          string `json:"kind,omitempty" jsonschema:"of the object, e.g. Pod"`
	Name          string `json:"name,omitempty"`
	Limit         int    `json:"limit,omitempty" jsonschema:"the newest; default 100"`
}

// The limits of a list of events. The server does not sort them: whoever wants
// the newest has to look at all.
const (
	defaultEvents = 100
	eventsPage    = 500
	eventsPages   = 4
	maxMessage    = 400 // bytes
)

// Happened is the structured part of events_list.
type Happened struct {
	Namespace     string `json:"namespace,omitempty"`
	AllNamespaces bool   `json:"allNamespaces,omitempty"`
	Count         int    `json:"count"`    // events shown
	Warnings      int    `json:"warnings"` // of them
	Truncated     bool   `json:"truncated,omitempty"`
}

func eventsList(now func() time.Time) tool.Tool {
	return tool.New(mcp.Tool{
		Name: "events_list", Title: "Events",
		Description:  "Lists what happened to objects, a line per event, the newest last.",
		OutputSchema: tool.Output[Happened]("count", "warnings", "truncated"),
	}, tool.Options{Toolset: tool.Core, Adjust: func(properties map[string]*jsonschema.Schema) {
		properties["type"].Enum = []any{"Normal", "Warning"}
		span(properties["limit"], 1, answer.MaxLimit)
	}}, func(ctx context.Context, c *kube.Client, in eventsListIn) (string, Happened, error) {
		return events(ctx, c, in, now())
	})
}

func events(ctx context.Context, c *kube.Client, in eventsListIn, now time.Time) (string, Happened, error) {
	ago, err := since(in.Since)
	if err != nil {
		return "", Happened{}, err
	}
	selector, err := eventSelector(ctx, c, in)
	if err != nil {
		return "", Happened{}, err
	}
	namespace, scope, err := tool.ListScope(c, eventKind, in.Namespace)
	if err != nil {
		return "", Happened{}, err
	}
	all, whole, err := allEvents(ctx, c, kube.ListOptions{Namespace: namespace, FieldSelector: selector, Limit: eventsPage})
	if err != nil {
		return "", Happened{}, err
	}
	if ago > 0 {
		all = slices.DeleteFunc(all, func(e event) bool { return now.Sub(e.last) > ago })
	}
	slices.SortStableFunc(all, func(a, b event) int { return a.last.Compare(b.last) })
	out := Happened{Namespace: namespace, AllNamespaces: namespace == ""}
	text := eventText(c, all, in, &out)
	var b strings.Builder
	fmt.Fprintf(&b, "%d events %s", out.Count, scope)
	if ago > 0 {
		fmt.Fprintf(&b, ", since %s", in.Since)
	}
	b.WriteString(", the newest last\n")
	if !whole {
		out.Truncated = true
		fmt.Fprintf(&b, "-- There are more than the %d events that were looked at, perhaps newer ones: narrow it with a namespace, type=Warning, or kind and name. --\n", eventsPage*eventsPages)
	}
	if left := len(all) - out.Count; left > 0 {
		out.Truncated = true
		fmt.Fprintf(&b, "-- %d older events were left out: pass since, type, kind and name, or a greater limit. --\n", left)
	}
	b.WriteString(text)
	return b.String(), out, answer.Ended(ctx)
}

// eventSelector adds what the server can look for to the caller's selector.
func eventSelector(ctx context.Context, c *kube.Client, in eventsListIn) (string, error) {
	if err := tool.CheckSelectors(in.FieldSelector); err != nil {
		return "", err
	}
	var parts []string
	if in.FieldSelector != "" {
		parts = append(parts, in.FieldSelector)
	}
	if in.Type != "" {
		parts = append(parts, "type="+in.Type)
	}
	if in.Kind != "" {
		if err := tool.CheckKind("", in.Kind); err != nil {
			return "", err
		}
		kind, err := c.Resolve(ctx, "", in.Kind) // the selector wants it as it is written
		if err != nil {
			return "", err
		}
		parts = append(parts, "involvedObject.kind="+kind.Kind)
	}
	if in.Name != "" {
		if err := tool.CheckName(in.Name); err != nil {
			return "", err
		}
		parts = append(parts, "involvedObject.name="+in.Name)
	}
	return strings.Join(parts, ","), nil
}

// event is what is shown of an Event (core/v1), as the server says it.
type event struct {
	last            time.Time
	kind, reason    string
	object, message string
	namespace       string
	count           int
}

// allEvents reads page after page; whole is false if there were too many.
func allEvents(ctx context.Context, c *kube.Client, o kube.ListOptions) (all []event, whole bool, err error) {
	for page := range eventsPages {
		if page > 0 {
			tool.Step(ctx, "reading more events")
		}
		objects, err := c.Objects(ctx, eventKind, o)
		if err != nil {
			return nil, false, err
		}
		for _, item := range objects.Items {
			all = append(all, readEvent(item))
		}
		if objects.More > 0 {
			return all, false, nil
		}
		if o.Continue = objects.Continue; o.Continue == "" {
			return all, true, nil
		}
	}
	return all, false, nil
}

func readEvent(o map[string]any) event {
	e := event{
		kind: texts(o, "type"), reason: texts(o, "reason"), message: texts(o, "message"), count: max(1, number(o["count"])),
		object:    strings.ToLower(texts(o, "involvedObject", "kind")) + "/" + texts(o, "involvedObject", "name"),
		namespace: texts(o, "involvedObject", "namespace"),
	}
	series, _ := o["series"].(map[string]any)
	e.count = max(e.count, number(series["count"]))
	for _, text := range []string{
		texts(o, "series", "lastObservedTime"), texts(o, "lastTimestamp"), texts(o, "eventTime"),
		texts(o, "firstTimestamp"), texts(o, "metadata", "creationTimestamp"),
	} {
		if at, err := time.Parse(time.RFC3339, text); err == nil && at.After(e.last) {
			e.last = at
		}
	}
	return e
}

// eventText are the newest events, a line each, within limit and budget.
func eventText(c *kube.Client, all []event, in eventsListIn, out *Happened) string {
	limit := cmp.Or(in.Limit, defaultEvents)
	lines := make([]string, 0, limit)
	size := 0
	for _, e := range slices.Backward(all) {
		line := e.line(c, out.AllNamespaces)
		if size += len(line) + 1; len(lines) == limit || size > answer.ListBudget {
			break
		}
		lines = append(lines, line)
		if e.kind == "Warning" {
			out.Warnings++
		}
	}
	out.Count = len(lines)
	slices.Reverse(lines)
	if len(lines) == 0 {
		return ""
	}
	return strings.Join(lines, "\n") + "\n"
}

func (e *event) line(c *kube.Client, withNamespace bool) string {
	object, count := e.object, ""
	if withNamespace && e.namespace != "" {
		object = e.namespace + "/" + object
	}
	if e.count > 1 {
		count = " x" + strconv.Itoa(e.count)
	}
	return fmt.Sprintf("%s %s %s %s%s: %s", e.last.UTC().Format(time.RFC3339), shown(c, e.kind), shown(c, e.reason), shown(c, object), count,
		answer.Line(answer.Present(c, e.message), maxMessage))
}
