package inspect

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"github.com/google/jsonschema-go/jsonschema"
	"github.com/modelcontextprotocol/go-sdk/mcp"

	"kubernetes-mcp-edge/mcpbackend/answer"
	"kubernetes-mcp-edge/mcpbackend/kube"
	"kubernetes-mcp-edge/mcpbackend/tool"
)

type explainIn struct {
	Path       string `json:"path" jsonschema:"kind, then fields: deployment.spec.template"`
	APIVersion string `json:"apiVersion,omitempty"`
	Recursive  bool   `json:"recursive,omitempty" jsonschema:"all fields below, by name and type"`
	Depth      int    `json:"depth,omitempty" jsonschema:"levels if recursive; default 5"`
}

// Explained is the structured part of explain. The fields are in the text.
type Explained struct {
	APIVersion string `json:"apiVersion"`
	Kind       string `json:"kind"`
	Type       string `json:"type"`
	Truncated  bool   `json:"truncated,omitempty"`
}

// The limits of an explanation.
const (
	maxPath      = 512 // bytes
	maxSteps     = 32  // fields in a path
	defaultDepth = 5
	maxLevels    = 16
	maxTold      = 2 << 10 // bytes of the description that was asked for
	maxSummary   = 160     // bytes of a field's
	maxLines     = 1500
)

func explainTool() tool.Tool {
	return tool.New(mcp.Tool{
		Name: "explain", Title: "Explain a field",
		Description:  "Explains a kind or a field from the cluster's own schema, custom kinds included: type, meaning, and the fields below. Use it before writing a manifest.",
		OutputSchema: tool.Output[Explained](),
	}, tool.Options{Toolset: tool.Core, Adjust: func(p map[string]*jsonschema.Schema) {
		least, most := 1.0, float64(maxLevels)
		p["depth"].Minimum, p["depth"].Maximum = &least, &most
	}}, explain)
}

func explain(ctx context.Context, c *kube.Client, in explainIn) (string, Explained, error) {
	steps := strings.Split(strings.TrimSuffix(strings.ReplaceAll(in.Path, "[]", ""), "."), ".")
	if len(in.Path) > maxPath || len(steps) > maxSteps || slices.Contains(steps, "") {
		return "", Explained{}, answer.Mistake("path is a kind and then fields, such as deployment.spec.template, at most %d bytes and %d fields.", maxPath, maxSteps)
	}
	kind, err := resolve(ctx, c, in.APIVersion, steps[0])
	if err != nil {
		return "", Explained{}, err
	}
	tool.Step(ctx, "reading the schema of the group")
	body, err := c.Schema(ctx, kind.APIVersion())
	if err != nil {
		return "", Explained{}, err
	}
	e := explainer{c: c, ctx: ctx, left: maxLines, recursive: in.Recursive, depth: in.Depth}
	if e.depth <= 0 {
		e.depth = defaultDepth
	}
	e.depth = min(e.depth, maxLevels)
	if err := json.Unmarshal(body, &e.document); err != nil {
		return "", Explained{}, &kube.Error{Trouble: kube.Garbled, Detail: "the schema is no OpenAPI document"}
	}
	raw, ok := e.kind(kind.Group, kind.Version, kind.Kind)
	if !ok {
		return "", Explained{}, answer.Advice(kube.NotFound.String(), fmt.Sprintf("The cluster publishes no schema for %s (%s). resources_get shows an object of the kind.", word(c, kind.Kind), kind.APIVersion()))
	}
	at := word(c, kind.Kind)
	required := false
	for _, step := range steps[1:] {
		s, _ := e.inside(raw)
		next, ok := s.Properties[step]
		if !ok {
			return "", Explained{}, e.noField(at, step, &s)
		}
		raw, required, at = next, slices.Contains(s.Required, step), at+"."+answer.Quoted(step)
	}
	out := Explained{APIVersion: kind.APIVersion(), Kind: word(c, kind.Kind), Type: word(c, e.typeName(raw))}
	text := e.tell(at, kind.APIVersion(), raw, required)
	if err := answer.Ended(ctx); err != nil {
		return "", Explained{}, err
	}
	text, cut := answer.Within(text, answer.ListBudget)
	out.Truncated = cut || e.cut
	if out.Truncated {
		text += "-- cut: there are more fields. Ask for a longer path, or a smaller depth. --\n"
	}
	return text, out, nil
}

// noField names the fields that there are, the ones with a like name first.
func (e *explainer) noField(at, step string, s *schema) error {
	names := s.fields()
	if len(names) == 0 {
		return answer.Mistake("%s has no fields below it, so none called %q. Explain %s itself.", at, answer.Quoted(step), at)
	}
	lower := strings.ToLower(step)
	slices.SortStableFunc(names, func(a, b string) int {
		return unlike(a, lower) - unlike(b, lower)
	})
	const shown = 40
	for i := range names {
		names[i] = word(e.c, names[i])
	}
	more := ""
	if len(names) > shown {
		names, more = names[:shown], ", …"
	}
	return answer.Mistake("%s has no field %q. It has: %s%s.", at, answer.Quoted(step), strings.Join(names, ", "), more)
}

// unlike is 0 for a name that is the word but for its case, 1 for one that holds
// it or begins alike, 2 for any other.
func unlike(name, lower string) int {
	name = strings.ToLower(name)
	switch begin := min(3, len(lower), len(name)); {
	case name == lower:
		return 0
	case strings.Contains(name, lower), strings.Contains(lower, name), name[:begin] == lower[:begin]:
		return 1
	}
	return 2
}

// explainer writes what a schema says.
type explainer struct {
	document

	c         *kube.Client
	ctx       context.Context
	recursive bool
	depth     int
	left      int // lines
	cut       bool
}

func (e *explainer) tell(at, apiVersion string, raw json.RawMessage, required bool) string {
	s := e.follow(raw)
	var b strings.Builder
	fmt.Fprintf(&b, "%s (%s) <%s>%s\n", at, apiVersion, word(e.c, e.typeName(raw)), mark(required))
	if d := answer.Line(e.said(s.Description), maxTold); d != "" {
		b.WriteString(d + "\n")
	}
	e.values(&b, "", &s)
	inner, _ := e.inside(raw)
	switch {
	case len(inner.Properties) > 0:
		b.WriteString("Fields:\n")
		e.below(&b, &inner, 1, []string{inner.name})
	case inner.Anything:
		b.WriteString("Any fields may stand below it.\n")
	}
	return b.String()
}

func mark(required bool) string {
	if required {
		return " required"
	}
	return ""
}

// said is text of the schema, which is the server's.
func (e *explainer) said(s string) string { return answer.Present(e.c, s) }

// values writes which values are allowed, and the one that is taken without any.
func (e *explainer) values(b *strings.Builder, indent string, s *schema) {
	const shown = 30
	if len(s.Enum) > 0 {
		fmt.Fprintf(b, "%sOne of: %s\n", indent, answer.Line(e.said(strings.Join(s.Enum[:min(len(s.Enum), shown)], ", ")), maxTold))
	}
	if s.Default != "" {
		fmt.Fprintf(b, "%sDefault: %s\n", indent, answer.Line(e.said(s.Default), maxSummary))
	}
}

// below writes the fields of a schema: with their meaning, or with their own
// fields. A type that stands above itself is not opened again.
func (e *explainer) below(b *strings.Builder, s *schema, level int, above []string) {
	indent := strings.Repeat("  ", level)
	for _, name := range s.fields() {
		if e.left--; e.left < 0 || e.ctx.Err() != nil {
			e.cut = true
			return
		}
		raw := s.Properties[name]
		fmt.Fprintf(b, "%s%s <%s>%s\n", indent, word(e.c, name), word(e.c, e.typeName(raw)), mark(slices.Contains(s.Required, name)))
		if !e.recursive {
			field := e.follow(raw)
			if d := summary(e.said(field.Description)); d != "" {
				b.WriteString(indent + "  " + d + "\n")
			}
			continue
		}
		inner, _ := e.inside(raw)
		switch {
		case len(inner.Properties) == 0:
		case inner.name != "" && slices.Contains(above, inner.name):
			b.WriteString(indent + "  (again, as above)\n")
		case level >= e.depth:
			b.WriteString(indent + "  …\n")
		default:
			e.below(b, &inner, level+1, append(slices.Clip(above), inner.name))
		}
	}
	if len(s.Properties) > maxFields {
		e.cut = true
	}
}

// summary is the first sentence of a description.
func summary(s string) string {
	s = answer.Line(s, maxTold)
	if end := strings.Index(s, ". "); end > 0 {
		s = s[:end+1]
	}
	return answer.Line(s, maxSummary)
}
