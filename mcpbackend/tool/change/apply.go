package change

import (
	"context"
	"errors"
	"fmt"

	"github.com/modelcontextprotocol/go-sdk/mcp"

	"kubernetes-mcp-edge/mcpbackend/answer"
	"kubernetes-mcp-edge/mcpbackend/kube"
	"kubernetes-mcp-edge/mcpbackend/tool"
)

type applyIn struct {
	Resource  string `json:"resource" jsonschema:"one or more objects in YAML (documents parted by ---) or JSON"`
	Namespace string `json:"namespace,omitempty" jsonschema:"for objects that name none; left out: the kubernetes-namespace header's"`
	DryRun    bool   `json:"dryRun,omitempty" jsonschema:"true: the server checks everything and writes nothing"`
	Force     bool   `json:"force,omitempty" jsonschema:"true: take fields over from other managers; only if the user wants that"`
}

func createOrUpdate() tool.Tool {
	return tool.New(mcp.Tool{
		Name: "resources_create_or_update", Title: "Create or update resources",
		Description: "Makes objects be as given, by server-side apply: fields that are left out stay as they are. All documents are checked before the first is written, and the report says what became of each. Try dryRun first.",
	}, tool.Options{Toolset: tool.Write, Access: tool.Writes, Destructive: true}, apply)
}

func apply(ctx context.Context, c *kube.Client, in applyIn) (string, Applied, error) {
	if in.Namespace != "" && !kube.ValidNamespace(in.Namespace) {
		return "", Applied{}, answer.Mistake("namespace is not the name of a namespace: use lower-case letters, digits and dashes, at most 63.")
	}
	documents, err := parse(in.Resource)
	if err != nil {
		return "", Applied{}, err
	}
	tool.Step(ctx, "checking "+plural(len(documents), "document"))
	plans, err := plan(ctx, c, documents, in.Namespace)
	if err != nil {
		return "", Applied{}, err
	}
	lines, first := carryOut(ctx, c, plans, kube.ApplyOptions{DryRun: in.DryRun, Force: in.Force})
	text := report(lines, in.DryRun)
	if first != nil {
		if !in.DryRun {
			text += "-- It ended at the first document that failed, since the later ones may need it. Mend it, then send all of them again: what is unchanged stays unchanged. --\n"
		}
		return "", Applied{}, answer.Advice(answer.Word(first), text)
	}
	return text, Applied{DryRun: in.DryRun, Documents: entries(lines)}, nil
}

// carryOut writes one document after the other. It ends at the first that fails,
// but for a dry run, of which no document needs another. The error is the first.
func carryOut(ctx context.Context, c *kube.Client, plans []planned, o kube.ApplyOptions) (lines []line, first error) {
	for i, p := range plans {
		l := line{target: p.target, outcome: untried}
		switch {
		case first != nil && (!o.DryRun || ctx.Err() != nil):
		default:
			tool.Step(ctx, fmt.Sprintf("document %d of %d", i+1, len(plans)))
			var err error
			l, err = p.write(ctx, c, o)
			switch {
			case o.DryRun && trouble(err) == kube.NotFound && p.waits(plans[:i]):
				l.outcome, l.note = unchecked, "Its namespace is an earlier document, which a dry run does not create."
			case err != nil && first == nil:
				first = err
			}
		}
		lines = append(lines, l)
	}
	return lines, first
}

// write sends one document and says what became of it.
func (p planned) write(ctx context.Context, c *kube.Client, o kube.ApplyOptions) (line, error) {
	l := line{target: p.target}
	var before map[string]any
	var err error
	known := false // whether it is known what was there
	if p.name != "" && p.kind.Can("get") {
		before, err = c.Get(ctx, p.kind, p.namespace, p.name)
		known = err == nil || trouble(err) == kube.NotFound
	}
	if err := answer.Ended(ctx); err != nil { // so it is no riddle whether it was sent
		l.outcome, l.note = untried, answer.Advise(err).Error()
		return l, err
	}
	var after kube.Applied
	if p.name == "" {
		l.name = p.doc.generateName + "*"
		after, err = c.Create(ctx, p.kind, p.namespace, p.doc.object, o.DryRun)
	} else {
		after, err = c.Apply(ctx, p.kind, p.namespace, p.name, p.doc.object, o)
	}
	if err != nil {
		l.outcome = failed
		if doubtful(err) {
			l.outcome = uncertain
		}
		l.note = p.refusal(hushed(err, p.asSecret(p.doc.object), p.asSecret(before)))
		return l, err
	}
	switch {
	case after.Created:
		l.outcome = created
		if made := nameOf(after.Object); p.name == "" && kube.ValidName(made) {
			l.name = made
		}
	case !known:
		l.outcome, l.note = applied, "What it was before could not be read, so whether anything changed is not known."
	default:
		p.compare(&l, before, after.Object, o.DryRun)
	}
	return l, nil
}

// compare says what changed. A server that wrote nothing kept the version of the
// object; in a dry run there is only what it holds to go by.
func (p planned) compare(l *line, before, after map[string]any, dryRun bool) {
	paths := differences(before, after, "")
	l.outcome = configured
	switch {
	case len(paths) == 0 && (dryRun || versionOf(before) == versionOf(after)):
		l.outcome = unchanged
	case len(paths) == 0:
		l.note = "No field changed; this tool now counts as one of its managers."
	}
	l.changed, l.more = named(paths)
}

func nameOf(o map[string]any) string { return inMetadata(o, fieldName) }

func versionOf(o map[string]any) string { return inMetadata(o, "resourceVersion") }

func inMetadata(o map[string]any, key string) string {
	metadata, _ := o["metadata"].(map[string]any)
	s, _ := metadata[key].(string)
	return s
}

// trouble is an error's; 0 if it has none.
func trouble(err error) kube.Trouble {
	if e, ok := errors.AsType[*kube.Error](err); ok {
		return e.Trouble
	}
	return 0
}
