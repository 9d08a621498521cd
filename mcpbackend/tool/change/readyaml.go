package change

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math"
	"regexp"
	"strconv"
	"strings"

	"go.yaml.in/yaml/v3"

	"kubernetes-mcp-edge/mcpbackend/answer"
)

// maxMarks bounds the characters that can begin a node, before the parser makes
// one of each: they are a few hundred bytes apiece.
const maxMarks = 200_000

// readYAML reads the documents of a YAML stream. One that is empty is nil.
//
// The nodes are turned into values here, and not by the library, so that each is
// counted, keys that come twice are refused, and YAML 1.1's booleans (yes, off
// and the like, unquoted) are what kubectl takes them for.
func readYAML(text string, b *budget) (out []any, err error) {
	marks := 0
	for _, c := range []byte(text) {
		switch c {
		case '\n', ',', '[', '{', ':', '-', '?':
			marks++
		}
	}
	if marks > maxMarks {
		return nil, answer.Mistake("resource holds more than %d values, lines or separators: send the documents in several calls.", maxMarks)
	}
	dec := yaml.NewDecoder(strings.NewReader(text))
	for {
		var node yaml.Node
		switch err := dec.Decode(&node); {
		case errors.Is(err, io.EOF):
			return out, nil
		case err != nil:
			return nil, answer.Mistake("resource is not valid YAML: %s.", yamlText(err))
		}
		if len(out) > maxDocuments {
			return nil, answer.Mistake("resource holds more than %d documents.", maxDocuments)
		}
		v, f := (&yamlReader{budget: b}).value(&node, 0)
		if f != nil {
			return nil, f.mistake()
		}
		out = append(out, v)
	}
}

// quoted are a caller's words inside of the parser's errors.
var quoted = regexp.MustCompile("'[^']*'|\"[^\"]*\"|`[^`]*`")

func yamlText(err error) string {
	return answer.Quoted(quoted.ReplaceAllString(strings.TrimPrefix(err.Error(), "yaml: "), "…"))
}

// yamlReader builds values out of nodes.
type yamlReader struct{ budget *budget }

func (r *yamlReader) value(n *yaml.Node, depth int) (any, *fault) {
	switch n.Kind {
	case yaml.DocumentNode:
		if len(n.Content) == 0 {
			return nil, nil
		}
		return r.value(n.Content[0], depth+1)
	case yaml.AliasNode:
		return r.value(n.Alias, depth+1) // one of itself ends at the deepest level
	case yaml.MappingNode, yaml.SequenceNode, yaml.ScalarNode:
	}
	if f := r.budget.spend(depth); f != nil {
		return nil, f
	}
	switch n.Kind {
	case yaml.MappingNode:
		return r.mapping(n, depth)
	case yaml.SequenceNode:
		out := make([]any, 0, len(n.Content))
		for _, c := range n.Content {
			v, f := r.value(c, depth+1)
			if f != nil {
				return nil, f
			}
			out = append(out, v)
		}
		return out, nil
	case yaml.ScalarNode:
		if f := r.budget.text(n.Value); f != nil {
			return nil, f
		}
		return scalar(n)
	case yaml.DocumentNode, yaml.AliasNode: // see above
	}
	return nil, nil // what holds nothing at all
}

func (r *yamlReader) mapping(n *yaml.Node, depth int) (any, *fault) {
	if tag := n.ShortTag(); tag != "!!map" {
		return nil, at(n, "has a tag that no object may have")
	}
	out, own := map[string]any{}, map[string]bool{}
	for i := 0; i+1 < len(n.Content); i += 2 {
		if n.Content[i].ShortTag() == "!!merge" {
			if f := r.merge(out, own, n.Content[i+1], depth); f != nil {
				return nil, f
			}
			continue
		}
		key, f := r.key(n.Content[i], depth)
		if f != nil {
			return nil, f
		}
		if own[key] {
			return nil, at(n.Content[i], "repeats the key "+answer.Quoted(key)+": only one of the two could count")
		}
		v, f := r.value(n.Content[i+1], depth+1)
		if f != nil {
			return nil, f
		}
		out[key], own[key] = v, true
	}
	return out, nil
}

// merge adds what YAML 1.1's << names, one map or several of which the first
// counts. Keys of the map itself count more.
func (r *yamlReader) merge(out map[string]any, own map[string]bool, n *yaml.Node, depth int) *fault {
	v, f := r.value(n, depth+1)
	if f != nil {
		return f
	}
	maps, ok := v.([]any)
	if !ok {
		maps = []any{v}
	}
	for _, m := range maps {
		m, ok := m.(map[string]any)
		if !ok {
			return at(n, "merges what is no map")
		}
		for key, v := range m {
			if _, there := out[key]; !there && !own[key] {
				out[key] = v
			}
		}
	}
	return nil
}

// key is a key as text: JSON knows no other, and kubectl writes numbers and
// booleans like this.
func (r *yamlReader) key(n *yaml.Node, depth int) (string, *fault) {
	v, f := r.value(n, depth+1)
	if f != nil {
		return "", f
	}
	switch v := v.(type) {
	case string:
		return v, nil
	case json.Number:
		return string(v), nil
	case bool:
		return strconv.FormatBool(v), nil
	}
	return "", at(n, "has a key that is no text")
}

// old are YAML 1.1's booleans that 1.2 takes for text.
var old = map[string]bool{
	"y": true, "Y": true, "yes": true, "Yes": true, "YES": true, "on": true, "On": true, "ON": true,
	"n": false, "N": false, "no": false, "No": false, "NO": false, "off": false, "Off": false, "OFF": false,
}

func scalar(n *yaml.Node) (any, *fault) {
	switch n.ShortTag() {
	case "!!null":
		return nil, nil
	case "!!str", "!!merge":
		if v, ok := old[n.Value]; ok && n.Style == 0 {
			return v, nil
		}
		return n.Value, nil
	case "!!timestamp":
		return n.Value, nil
	case "!!bool", "!!int", "!!float":
	default:
		return nil, at(n, "has a tag that stands for nothing in JSON")
	}
	var v any
	if n.Decode(&v) != nil {
		return nil, at(n, "has a tag that its value does not fit")
	}
	switch v := v.(type) {
	case bool:
		return v, nil
	case int:
		return json.Number(strconv.Itoa(v)), nil
	case int64:
		return json.Number(strconv.FormatInt(v, 10)), nil
	case uint64:
		return json.Number(strconv.FormatUint(v, 10)), nil
	case float64:
		if !math.IsNaN(v) && !math.IsInf(v, 0) {
			return number(v), nil
		}
	}
	return nil, at(n, "is a number that JSON does not know")
}

// number is a float as encoding/json writes it.
func number(v float64) json.Number {
	text, err := json.Marshal(v)
	if err != nil {
		return "0" // no finite number fails
	}
	return json.Number(text)
}

func at(n *yaml.Node, what string) *fault {
	return &fault{text: fmt.Sprintf("resource: line %d %s.", n.Line, what)}
}
