package answer

import (
	"context"
	"encoding/json"
	"slices"
	"strconv"
	"strings"

	"sigs.k8s.io/yaml"

	"kubernetes-mcp-edge/mcpbackend/kube"
)

// The limits of a projection.
const (
	maxFields     = 20
	maxFieldPath  = 256 // bytes
	maxFieldSteps = 16
	// pickedBudget bounds what the fields of one row are read from, in bytes.
	pickedBudget = 8 << 10
)

// Fields is a choice of fields, as ParseFields reads it.
type Fields []field

// field is one path. Its steps are names, indexes or "all elements".
type field struct {
	text  string
	steps []step
}

type step struct {
	name  string
	index int // of a list; each is every element
}

// each stands for every element of a list, and is the index of a step by name.
const each = -1

// ParseFields reads paths such as metadata.name, status.containerStatuses[0].ready,
// spec.containers[*].image and metadata.labels['example.com/team']. They are
// steps by name, parted by dots; an index or a quoted name stands in brackets. A
// name that is applied to a list is applied to each element, so [*] may be left
// out. There are no filters, no slices and no recursion.
func ParseFields(texts []string) (Fields, error) {
	if len(texts) > maxFields {
		return nil, Mistake("fields names more than %d paths: ask for fewer.", maxFields)
	}
	var out Fields
	for _, text := range texts {
		steps, ok := parseSteps(strings.TrimPrefix(text, "."))
		if !ok || len(text) > maxFieldPath || len(steps) > maxFieldSteps || strings.ContainsFunc(text, kube.Hidden) {
			return nil, Mistake("fields: %q is no path. Write paths such as metadata.name, spec.containers[*].image, status.conditions[0].type or metadata.labels['example.com/team']; there are no filters.", Quoted(text))
		}
		if !slices.ContainsFunc(out, func(f field) bool { return f.text == text }) {
			out = append(out, field{text, steps})
		}
	}
	return out, nil
}

func parseSteps(rest string) (steps []step, ok bool) {
	for first := true; rest != ""; first = false {
		if rest[0] == '[' {
			s, after, ok := parseBracket(rest[1:])
			if !ok {
				return nil, false
			}
			steps, rest = append(steps, s), after
			continue
		}
		if !first {
			if rest[0] != '.' {
				return nil, false
			}
			rest = rest[1:]
		}
		end := strings.IndexAny(rest, ".[")
		if end < 0 {
			end = len(rest)
		}
		if end == 0 || strings.ContainsAny(rest[:end], "]{}()'\"*?@$, ") {
			return nil, false
		}
		steps, rest = append(steps, step{name: rest[:end], index: each}), rest[end:]
	}
	return steps, len(steps) > 0
}

// parseBracket reads what follows an opening bracket.
func parseBracket(rest string) (s step, after string, ok bool) {
	if rest != "" && (rest[0] == '\'' || rest[0] == '"') {
		name, after, ok := strings.Cut(rest[1:], rest[:1]+"]")
		return step{name: name, index: each}, after, ok && name != ""
	}
	inside, after, ok := strings.Cut(rest, "]")
	if inside == "*" {
		return step{index: each}, after, ok
	}
	n, err := strconv.ParseUint(inside, 10, 16)
	return step{index: int(n)}, after, ok && err == nil
}

// prune is the part of a value that the paths go through, with what a value says
// of its own kind: what is to be redacted in it is known by that.
func prune(v any, paths [][]step) any {
	for _, p := range paths {
		if len(p) == 0 {
			return v
		}
	}
	switch v := v.(type) {
	case map[string]any:
		out := map[string]any{}
		for _, key := range []string{"kind", "type", "name", "namespace"} {
			if s, ok := v[key].(string); ok {
				out[key] = s
			}
		}
		below := map[string][][]step{}
		for _, p := range paths {
			if p[0].name != "" {
				below[p[0].name] = append(below[p[0].name], p[1:])
			}
		}
		for name, rest := range below {
			if child, ok := v[name]; ok {
				out[name] = prune(child, rest)
			}
		}
		return out
	case []any:
		out := make([]any, len(v))
		for i := range v {
			if rest := through(paths, i); rest != nil {
				out[i] = prune(v[i], rest)
			}
		}
		return out
	}
	return nil
}

// through are the paths that go on in element i of a list.
func through(paths [][]step, i int) (rest [][]step) {
	for _, p := range paths {
		switch {
		case p[0].name != "": // of each element
			rest = append(rest, p)
		case p[0].index == each, p[0].index == i:
			rest = append(rest, p[1:])
		}
	}
	return rest
}

// pick are the values at the end of a path; many reports that a list was gone
// through, so that there may be any number of them.
func pick(v any, path []step) (values []any, many bool) {
	if len(path) == 0 {
		return []any{v}, false
	}
	switch v := v.(type) {
	case map[string]any:
		if child, ok := v[path[0].name]; ok && path[0].name != "" {
			return pick(child, path[1:])
		}
	case []any:
		rest := path[1:]
		if path[0].name != "" {
			rest = path
		}
		for i := range v {
			if path[0].index != each && path[0].index != i {
				continue
			}
			found, more := pick(v[i], rest)
			values, many = append(values, found...), many || more
		}
		return values, many || path[0].index == each
	}
	return nil, false
}

// Picked are the fields of one object, each fit to show.
type Picked struct {
	fields  Fields
	object  map[string]any
	Changed []string // paths of what is redacted, as Object says
	Cut     bool     // there was more than the budget
}

// Pick takes the fields out of an object. What Object would redact is redacted.
func (f Fields) Pick(ctx context.Context, o map[string]any, scrub func(string) string, secret bool, budget int) Picked {
	paths := make([][]step, len(f))
	for i := range f {
		paths[i] = f[i].steps
	}
	pruned, _ := prune(o, paths).(map[string]any)
	p := presenter{ctx: ctx, scrub: scrub, left: budget, sure: bootstrapObject(o)}
	shown, _ := p.mapping(pruned, "", secret).(map[string]any)
	return Picked{fields: f, object: shown, Changed: p.noted(), Cut: p.cut}
}

// Cells are the values for a line of a table: several parted by commas, maps
// and lists as JSON, <none> where the object has no such field.
func (p Picked) Cells() []string {
	cells := make([]string, 0, len(p.fields))
	for _, f := range p.fields {
		values, _ := pick(p.object, f.steps)
		texts := make([]string, 0, len(values))
		for _, v := range values {
			texts = append(texts, cellOf(v))
		}
		if len(texts) == 0 {
			texts = []string{"<none>"}
		}
		cells = append(cells, strings.Join(texts, ","))
	}
	return cells
}

func cellOf(v any) string {
	if s, ok := v.(string); ok {
		return s
	}
	text, err := json.Marshal(v)
	if err != nil {
		return "<unprintable>"
	}
	return string(text)
}

// YAML is one key per path, in the order of the question.
func (p Picked) YAML() (string, error) {
	var b strings.Builder
	for _, f := range p.fields {
		var v any
		values, many := pick(p.object, f.steps)
		switch {
		case many:
			v = append([]any{}, values...)
		case len(values) > 0:
			v = values[0]
		}
		text, err := yaml.Marshal(map[string]any{Redact(f.text): v})
		if err != nil {
			return "", err
		}
		b.Write(text)
	}
	return b.String(), nil
}
