package envoy

import (
	"bytes"
	"errors"
	"fmt"
	"regexp"
	"strings"

	"github.com/go-json-experiment/json"
	yamlv3 "go.yaml.in/yaml/v3"
	"sigs.k8s.io/yaml"
)

// document is a configuration as it was written: JSON objects, arrays, strings.
type document struct {
	raw   any
	lines *yamlv3.Node // nil for JSON
}

// typeKey is where JSON says of which type the inside of an Any is.
const typeKey = "@type"

var errNotObject = errors.New("neither YAML nor JSON with unique keys at every level")

var lineOf = regexp.MustCompile(`line [0-9]+`)

// read takes YAML or JSON. The error names no content, which may be secret.
func read(text []byte) (*document, error) {
	if trimmed := bytes.TrimLeft(text, " \t\r\n"); bytes.HasPrefix(trimmed, []byte("{")) {
		d := &document{raw: nil, lines: nil}
		if json.Unmarshal(text, &d.raw) == nil {
			return d, nil
		} // and YAML's flow style begins with a brace too
	}
	converted, err := yaml.YAMLToJSONStrict(text)
	if err != nil {
		if at := lineOf.FindString(err.Error()); at != "" { // the rest of the message may hold a value
			return nil, fmt.Errorf("%w: look at %s", errNotObject, at)
		}
		return nil, errNotObject
	}
	d := &document{raw: nil, lines: &yamlv3.Node{}}
	if err := json.Unmarshal(converted, &d.raw); err != nil {
		return nil, errNotObject
	}
	if yamlv3.Unmarshal(text, d.lines) != nil || len(d.lines.Content) == 0 {
		d.lines = nil
	} else {
		d.lines = d.lines.Content[0]
	}
	return d, nil
}

// spell writes a place as the document does, and finds the line of it, or of
// the nearest thing around it that is written; 0 if lines are not known.
func (d *document) spell(p *place) (path string, line int) {
	var out strings.Builder
	raw, node := d.raw, d.lines
	written := true
	if node != nil {
		line = node.Line
	}
	for _, s := range p.steps() {
		found, name, ok := s.below(raw)
		if inner, hidden := typedStruct(raw); !ok && hidden && written {
			if found, name, ok = s.below(inner); ok {
				(&place{up: nil, name: "value", index: 0, key: false}).write(&out, "value")
				node = child(node, "value", 0)
			}
		}
		written = written && ok
		if !written {
			s.write(&out, s.name)
			raw = nil
			continue
		}
		s.write(&out, name)
		raw, node = found, child(node, name, s.index)
		if node != nil {
			line = node.Line
		}
	}
	return out.String(), line
}

// child is what stands under a name, or at an index, of a YAML node.
func child(n *yamlv3.Node, name string, index int) *yamlv3.Node {
	for n != nil && n.Kind == yamlv3.AliasNode {
		n = n.Alias
	}
	switch {
	case n == nil:
	case n.Kind == yamlv3.SequenceNode && index < len(n.Content):
		return n.Content[index]
	case n.Kind == yamlv3.MappingNode:
		for i := 0; i+1 < len(n.Content); i += 2 {
			if n.Content[i].Value == name {
				value := n.Content[i+1]
				if value.Kind == yamlv3.ScalarNode || value.Kind == yamlv3.AliasNode {
					return value
				}
				copied := *value
				copied.Line = n.Content[i].Line // a person looks for the key
				return &copied
			}
		}
	}
	return nil
}

// typedStruct are the fields of a message that was written without its type's
// help, as {"@type": …TypedStruct, type_url, value}. Envoy takes it for the type.
func typedStruct(v any) (map[string]any, bool) {
	m, ok := v.(map[string]any)
	if !ok {
		return nil, false
	}
	url, _ := m[typeKey].(string)
	if !strings.HasSuffix(url, "/xds.type.v3.TypedStruct") && !strings.HasSuffix(url, "/udpa.type.v1.TypedStruct") {
		return nil, false
	}
	inner, ok := m["value"].(map[string]any)
	return inner, ok
}

// object is the JSON object at a place, nil if there is none.
func (d *document) object(p *place) map[string]any {
	v := d.raw
	for _, s := range p.steps() {
		found, _, ok := s.below(v)
		if inner, hidden := typedStruct(v); !ok && hidden {
			found, _, ok = s.below(inner)
		}
		if !ok {
			return nil
		}
		v = found
	}
	if inner, ok := typedStruct(v); ok {
		return inner
	}
	m, _ := v.(map[string]any)
	return m
}
