package policy

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"unicode"

	"go.yaml.in/yaml/v3"
)

// reader walks the nodes of one file and collects every error it meets.
type reader struct {
	file string
	open func(name string) ([]byte, error)
	errs []error
	// lines are where the keys and items stand that were met.
	lines map[string]int
}

func (r *reader) err() error { return errors.Join(r.errs...) }

// failf records an error at a node. The key is its path in the file; empty means
// the document.
func (r *reader) failf(n *yaml.Node, key, format string, args ...any) {
	where := fmt.Sprintf("%s:%d: ", r.file, n.Line)
	if key != "" {
		where += key + ": "
	}
	r.errs = append(r.errs, problem{fmt.Errorf(format, args...), where})
}

// problem is one error: one line of text, whatever a key or a file name in it
// holds. What stands in the file must not be able to end the line of a log, or
// to speak to a terminal.
type problem struct {
	error

	where string
}

// Error puts escapes in the place of what does not print.
func (p problem) Error() string {
	var out strings.Builder
	for _, c := range p.where + p.error.Error() {
		if unicode.IsPrint(c) {
			out.WriteRune(c)
		} else {
			out.WriteString(strings.Trim(strconv.QuoteRune(c), "'"))
		}
	}
	return out.String()
}

func (p problem) Unwrap() error { return p.error }

// yamlLine finds the line in the text of a yaml syntax error, the only place
// where the library keeps it.
var yamlLine = regexp.MustCompile(`^yaml: (?:line (\d+): )?(.*)$`)

// root parses the file and returns the mapping that it must be.
func (r *reader) root(file []byte) *yaml.Node {
	dec := yaml.NewDecoder(bytes.NewReader(file))
	var doc, second yaml.Node
	if err := dec.Decode(&doc); errors.Is(err, io.EOF) {
		r.failf(&yaml.Node{Line: 1}, "", "the file is empty; begin it with apiVersion: %s and kind: %s", apiVersion, kind)
		return nil
	} else if err != nil {
		r.syntax(file, err)
		return nil
	}
	if err := dec.Decode(&second); err == nil {
		r.failf(&second, "", "a second document begins here; keep one policy in one file")
		return nil
	} else if !errors.Is(err, io.EOF) {
		r.syntax(file, err)
		return nil
	}
	return doc.Content[0]
}

// starText finds what the library says of a pattern without quotes: to YAML *
// begins the name of an anchor, and it does not say where.
var starText = regexp.MustCompile(`^did not find expected alphabetic or numeric character$|^unknown anchor '(.*)' referenced$`)

func (r *reader) syntax(file []byte, err error) {
	m := yamlLine.FindStringSubmatch(err.Error())
	if m == nil {
		m = []string{"", "", err.Error()}
	}
	line := m[1]
	if line == "" {
		line = "1"
	}
	if star := starText.FindStringSubmatch(m[2]); star != nil {
		m[2] += " (a text that begins with * has to stand in quotes)"
		if before, _, found := bytes.Cut(file, []byte("*"+star[1])); found && star[1] != "" {
			line = strconv.Itoa(1 + bytes.Count(before, []byte("\n")))
		}
	}
	r.errs = append(r.errs, problem{fmt.Errorf("not YAML: %s; mend the syntax near this line", m[2]), r.file + ":" + line + ": "})
}

// object reads a mapping that may hold these keys, each once.
func (r *reader) object(n *yaml.Node, path string, keys []key) {
	if !r.is(n, path, yaml.MappingNode, "a mapping of keys to values") {
		return
	}
	first := map[string]int{}
	for i := 0; i+1 < len(n.Content); i += 2 {
		name, value := n.Content[i], n.Content[i+1]
		at := join(path, name.Value)
		if line, again := first[name.Value]; again {
			r.failf(name, at, "the key stands on line %d already; keep one of the two", line)
			continue
		}
		first[name.Value] = name.Line
		j := slices.IndexFunc(keys, func(k key) bool { return k.name == name.Value })
		if j < 0 || name.Kind != yaml.ScalarNode {
			r.failf(name, at, "unknown key; the keys here are %s", names(keys))
			continue
		}
		r.lines[at] = name.Line
		keys[j].value.read(r, value, at)
	}
	for _, k := range keys {
		if _, found := first[k.name]; k.example != "" && !found {
			r.failf(n, join(path, k.name), "the key is missing; add %s", k.example)
		}
	}
}

func join(path, name string) string {
	if path == "" {
		return name
	}
	return path + "." + name
}

func names(keys []key) string {
	out := make([]string, len(keys))
	for i, k := range keys {
		out[i] = k.name
	}
	return strings.Join(out, ", ")
}

// list reads a sequence of at most so many items and calls each on them.
func (r *reader) list(n *yaml.Node, path string, most int, each func(n *yaml.Node, path string)) {
	if !r.is(n, path, yaml.SequenceNode, "a list") {
		return
	}
	if len(n.Content) > most {
		r.failf(n, path, "the list has %d items; write at most %d", len(n.Content), most)
		return
	}
	for i, item := range n.Content {
		at := fmt.Sprintf("%s[%d]", path, i)
		r.lines[at] = item.Line
		each(item, at)
	}
}

// texts reads a list of strings, each different and each passing check, whose
// error says what is wrong and the next step.
func (r *reader) texts(n *yaml.Node, path string, most int, check func(string) error) []string {
	var out []string
	seen := map[string]bool{}
	r.list(n, path, most, func(item *yaml.Node, at string) {
		s, ok := r.text(item, at)
		if !ok {
			return
		}
		if err := check(s); err != nil {
			r.failf(item, at, "%w", err)
			return
		}
		if seen[s] {
			r.failf(item, at, "%s is listed twice; remove one", s)
			return
		}
		seen[s] = true
		out = append(out, s)
	})
	return out
}

// text reads a string.
func (r *reader) text(n *yaml.Node, path string) (string, bool) {
	if !r.is(n, path, yaml.ScalarNode, "a string") {
		return "", false
	}
	if n.ShortTag() != "!!str" {
		r.failf(n, path, "%s is not a string; write it in quotes", n.Value)
		return "", false
	}
	return n.Value, true
}

// choice reads one of some words.
func (r *reader) choice(n *yaml.Node, path string, words ...string) string {
	if !r.is(n, path, yaml.ScalarNode, "one of "+strings.Join(words, ", ")) {
		return ""
	}
	if !slices.Contains(words, n.Value) {
		r.failf(n, path, "%q is not known; write one of %s", n.Value, strings.Join(words, ", "))
		return ""
	}
	return n.Value
}

// boolean reads true or false, spelt like that.
func (r *reader) boolean(n *yaml.Node, path string) bool {
	if !r.is(n, path, yaml.ScalarNode, "true or false") {
		return false
	}
	if n.Value != "true" && n.Value != "false" || n.ShortTag() != "!!bool" {
		r.failf(n, path, "%q is not a boolean; write true or false, without quotes", n.Value)
	}
	return n.Value == "true"
}

// ports reads a list of different ports, written in decimal: YAML 1.1 would
// read 0443 as octal.
func (r *reader) ports(n *yaml.Node, path string) []uint16 {
	var out []uint16
	seen := map[uint64]bool{}
	r.list(n, path, mostPorts, func(item *yaml.Node, at string) {
		if !r.is(item, at, yaml.ScalarNode, "a port number") {
			return
		}
		port, err := strconv.ParseUint(item.Value, 10, 16)
		if err != nil || port == 0 || item.Value[0] == '0' || item.ShortTag() != "!!int" {
			r.failf(item, at, "%q is not a port; write a decimal number from 1 to 65535, without quotes", item.Value)
			return
		}
		if seen[port] {
			r.failf(item, at, "%d is listed twice; remove one", port)
			return
		}
		seen[port] = true
		out = append(out, uint16(port))
	})
	return out
}

// is checks the kind of a node; want says it in words.
func (r *reader) is(n *yaml.Node, path string, kind yaml.Kind, want string) bool {
	switch {
	case n.Kind == yaml.AliasNode || n.Anchor != "":
		r.failf(n, path, "anchors and aliases are not read; write the value out")
	case n.ShortTag() == "!!null":
		r.failf(n, path, "the value is empty; write %s, or remove the key", want)
	case n.Style&yaml.TaggedStyle != 0:
		r.failf(n, path, "tags such as %s are not read; write the plain value", n.Tag)
	case n.Kind != kind:
		r.failf(n, path, "the value has the wrong shape; write %s", want)
	default:
		return true
	}
	return false
}
