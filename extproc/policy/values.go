package policy

import (
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"go.yaml.in/yaml/v3"
)

// key is one key that a mapping may have: a row of the table from which the
// file is read, its schema is made, and its defaults are written.
type key struct {
	name    string
	about   string // what it means, in whole sentences
	example string // what to add where the key is missing; empty: it may be missing
	value   value
}

// value is what may stand behind a key.
type value interface {
	// read takes the value out of the file and reports what is wrong with it.
	read(r *reader, n *yaml.Node, at string)
	// standard is what stands for it in a file of defaults, in one line of YAML.
	standard() string
	// schema describes what read accepts, as far as JSON Schema can say.
	schema() *schema
}

// word is one of some words.
type word struct {
	set   func(string)
	words []string // the first is the default
}

func (v word) read(r *reader, n *yaml.Node, at string) { v.set(r.choice(n, at, v.words...)) }
func (v word) standard() string                        { return v.words[0] }

// boolean is true or false, and false by default.
type boolean struct{ to *bool }

func (v boolean) read(r *reader, n *yaml.Node, at string) { *v.to = r.boolean(n, at) }
func (boolean) standard() string                          { return "false" }

// text is a string.
type text struct {
	read1   func(r *reader, n *yaml.Node, at string)
	pattern string
}

func (v text) read(r *reader, n *yaml.Node, at string) { v.read1(r, n, at) }
func (text) standard() string                          { return `""` }

// texts is a list of different strings, none by default.
type texts struct {
	to      *[]string
	check   func(string) error // says what is wrong and the next step
	most    int                // items
	pattern string             // what check wants, as far as a pattern can say
	none    string             // why no item would be an error; empty: it is not
}

func (v texts) read(r *reader, n *yaml.Node, at string) {
	if *v.to = r.texts(n, at, v.most, v.check); v.none != "" && n.Kind == yaml.SequenceNode && len(n.Content) == 0 {
		r.failf(n, at, "%s", v.none)
	}
}
func (texts) standard() string { return "[]" }

// words is a list of different words out of some.
type words struct {
	words []string
	check func(string) error
	set   func([]string)
	all   bool   // all are the default, and none is an error
	none  string // that error
}

func (v words) read(r *reader, n *yaml.Node, at string) {
	v.set(r.texts(n, at, mostEntries, v.check))
	if v.all && n.Kind == yaml.SequenceNode && len(n.Content) == 0 {
		r.failf(n, at, "%s", v.none)
	}
}

func (v words) standard() string {
	if !v.all {
		return "[]"
	}
	return "[" + strings.Join(v.words, ", ") + "]"
}

// ports is a list of different ports, none by default.
type ports struct {
	to   *[]uint16
	none string // why none would be an error; empty: it is not
}

func (v ports) read(r *reader, n *yaml.Node, at string) {
	if *v.to = r.ports(n, at); v.none != "" && n.Kind == yaml.SequenceNode && len(n.Content) == 0 {
		r.failf(n, at, "%s", v.none)
	}
}
func (ports) standard() string { return "[]" }

// number is a whole number.
type number struct {
	to          *int
	least, most int
}

// wholeNumber is decimal: YAML 1.1 would read 010 as 8 and 1_0 as 10.
var wholeNumber = regexp.MustCompile(`^(0|[1-9][0-9]*)$`)

func (v number) read(r *reader, n *yaml.Node, at string) {
	if !r.is(n, at, yaml.ScalarNode, "a whole number") {
		return
	}
	got, err := strconv.Atoi(n.Value)
	if err != nil || !wholeNumber.MatchString(n.Value) || n.ShortTag() != "!!int" || got < v.least || got > v.most {
		r.failf(n, at, "%q is not a number from %d to %d; write one, in decimal and without quotes", n.Value, v.least, v.most)
		return
	}
	*v.to = got
}
func (v number) standard() string { return strconv.Itoa(*v.to) }

// span is a length of time.
type span struct {
	to          *time.Duration
	least, most time.Duration
}

// lengthOfTime is the part of time.ParseDuration's grammar that is of use here.
var lengthOfTime = regexp.MustCompile(`^([0-9]+(ms|s|m|h))+$`)

func (v span) read(r *reader, n *yaml.Node, at string) {
	if !r.is(n, at, yaml.ScalarNode, "a length of time such as "+v.standard()) {
		return
	}
	got, err := time.ParseDuration(n.Value)
	if err != nil || !lengthOfTime.MatchString(n.Value) || got < v.least || got > v.most {
		r.failf(n, at, "%q is not a length of time from %s to %s; write one such as %s", n.Value, short(v.least), short(v.most), v.standard())
		return
	}
	*v.to = got
}
func (v span) standard() string { return short(*v.to) }

// short is how a person writes it: 10m and not 10m0s.
func short(d time.Duration) string {
	s := d.String()
	if strings.HasSuffix(s, "m0s") {
		s = strings.TrimSuffix(s, "0s")
	}
	if strings.HasSuffix(s, "h0m") {
		s = strings.TrimSuffix(s, "0m")
	}
	return s
}

// mapping is a mapping of these keys.
type mapping struct{ keys []key }

func (v mapping) read(r *reader, n *yaml.Node, at string) { r.object(n, at, v.keys) }
func (mapping) standard() string                          { return "" }

// items is a list of mappings, none by default.
type items struct {
	most int
	item func() (keys []key, done func(r *reader, n *yaml.Node, at string)) // of a new item
	keys int                                                                // at least, of an item
}

func (v items) read(r *reader, n *yaml.Node, at string) {
	r.list(n, at, v.most, func(n *yaml.Node, at string) {
		keys, done := v.item()
		errs := len(r.errs)
		if r.object(n, at, keys); len(r.errs) == errs {
			done(r, n, at)
		}
	})
}
func (items) standard() string { return "[]" }

// oneOf makes the check of a list of words.
func oneOf(words []string) func(string) error {
	return func(s string) error {
		if slices.Contains(words, s) {
			return nil
		}
		return fmt.Errorf("%q is not known; write %s", s, strings.Join(words, " or "))
	}
}
