package envoy

import (
	"strconv"
	"strings"
)

// place is where something stands in a configuration: a step down from another
// place. The nil place is the whole document. Fields have the names of Envoy's
// protobuf files, whatever spelling the document uses.
type place struct {
	up    *place
	name  string // of a field, or the key of a map's entry
	index int    // in a list, if name is empty
	key   bool   // name is a key, to be taken literally
}

// field is a place below p, as many steps down as there are names.
func (p *place) field(names ...string) *place {
	for _, name := range names {
		p = &place{up: p, name: name, index: 0, key: false}
	}
	return p
}

// entry is the value of a map's key.
func (p *place) entry(key string) *place { return &place{up: p, name: key, index: 0, key: true} }

// item is an element of a list.
func (p *place) item(index int) *place { return &place{up: p, name: "", index: index, key: false} }

// steps are the way down from the whole document.
func (p *place) steps() []*place {
	if p == nil {
		return nil
	}
	return append(p.up.steps(), p)
}

// String is the way as people write it: a.b[0].c, a key with dots and the like in quotes.
func (p *place) String() string {
	var out strings.Builder
	for _, s := range p.steps() {
		s.write(&out, s.name)
	}
	return out.String()
}

func (p *place) write(out *strings.Builder, name string) {
	switch {
	case name == "" && !p.key:
		_, _ = out.WriteString("[" + strconv.Itoa(p.index) + "]")
	case name == "" || strings.ContainsFunc(name, func(c rune) bool {
		return (c < 'a' || c > 'z') && (c < 'A' || c > 'Z') && (c < '0' || c > '9') && c != '_' && c != '-' && c != '@'
	}):
		_, _ = out.WriteString("[" + strconv.QuoteToASCII(name) + "]")
	default:
		if out.Len() > 0 {
			_, _ = out.WriteString(".")
		}
		_, _ = out.WriteString(name)
	}
}

// below finds what stands one step down in JSON. It knows both spellings of a
// field, and that a TypedStruct hides its fields behind "value".
func (p *place) below(v any) (found any, name string, ok bool) {
	switch v := v.(type) {
	case []any:
		if p.name == "" && !p.key && p.index < len(v) {
			return v[p.index], "", true
		}
	case map[string]any:
		if p.key {
			found, ok = v[p.name]
			return found, p.name, ok
		}
		return under(v, p.name)
	}
	return nil, p.name, false
}

// under finds a field of a JSON object, which may be spelt in two ways, and says
// how it is.
func under(object map[string]any, field string) (found any, name string, ok bool) {
	for _, name := range []string{field, camel(field)} {
		if found, ok := object[name]; ok {
			return found, name, true
		}
	}
	return nil, field, false
}

// objectUnder is the object that a field holds, nil if it holds none.
func objectUnder(object map[string]any, field string) map[string]any {
	found, _, _ := under(object, field)
	m, _ := found.(map[string]any)
	return m
}

// camel spells a field as JSON does by default.
func camel(name string) string {
	var out strings.Builder
	up := false
	for _, c := range name {
		switch {
		case c == '_':
			up = true
			continue
		case up && 'a' <= c && c <= 'z':
			c -= 'a' - 'A'
		}
		up = false
		_, _ = out.WriteRune(c)
	}
	return out.String()
}

// snake spells a field as the protobuf files do; JSON allows camelCase too.
func snake(key string) string {
	var out strings.Builder
	for _, c := range key {
		if 'A' <= c && c <= 'Z' {
			_, _ = out.WriteString("_")
			c += 'a' - 'A'
		}
		_, _ = out.WriteRune(c)
	}
	return out.String()
}
