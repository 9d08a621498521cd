package tool

import (
	"slices"

	"github.com/google/jsonschema-go/jsonschema"
)

// Output is a short schema for the structured part of a tool's answer: the
// types of these properties of T, or of all if none is named. It promises no
// more: an answer may have other properties, and lack some. Every conversation
// pays for the schemas of all tools before it has begun.
func Output[T any](properties ...string) *jsonschema.Schema {
	whole, err := jsonschema.For[T](nil)
	if err != nil {
		return nil // go-sdk makes its own, and says what is wrong
	}
	out := &jsonschema.Schema{Type: "object", Properties: map[string]*jsonschema.Schema{}}
	for name, p := range whole.Properties {
		if len(properties) > 0 && !slices.Contains(properties, name) {
			continue
		}
		short := &jsonschema.Schema{Type: plain(p).Type}
		if p.Items != nil && p.Items.Type != "object" {
			short.Items = &jsonschema.Schema{Type: p.Items.Type}
		}
		out.Properties[name] = short
	}
	return out
}

// plain takes null out of what a schema lets a value be, and its parts. A Go
// value that is nil is left out of an answer, or never comes to be there; strict
// clients warn of a value that may be of two types.
func plain(s *jsonschema.Schema) *jsonschema.Schema {
	if s == nil {
		return nil
	}
	if types := slices.DeleteFunc(slices.Clone(s.Types), func(word string) bool { return word == "null" }); len(types) == 1 {
		s.Type, s.Types = types[0], nil
	}
	plain(s.Items)
	for _, p := range s.Properties {
		plain(p)
	}
	return s
}
