package inspect

import (
	"bytes"
	"encoding/json"
	"slices"
	"strings"
)

// The limits of reading a schema: how many references in a row are followed, and
// how many fields of one type are looked at.
const (
	maxHops   = 16
	maxFields = 2000
)

// document is an OpenAPI v3 document, whose schemas are read when they are
// needed. Everything in it is a server's word, references in circles included.
type document struct {
	Components struct {
		Schemas map[string]json.RawMessage `json:"schemas"`
	} `json:"components"`
}

// schema is as much of a schema as is explained. Odd parts of it, such as a
// boolean where an object should be, are as if they were not there.
type schema struct {
	Ref         string
	Type        string
	Format      string
	Description string
	Enum        []string
	Default     string
	Required    []string
	Properties  map[string]json.RawMessage
	Items       json.RawMessage
	Values      json.RawMessage // additionalProperties, where it is a schema
	AllOf       []json.RawMessage

	IntOrString, Anything bool
	name                  string // of the component that it is, such as io.k8s.api.core.v1.PodSpec
}

const (
	refPrefix = "#/components/schemas/"
	gvkField  = "x-kubernetes-group-version-kind"
)

// readSchema reads one level of a schema.
func readSchema(raw json.RawMessage) schema {
	var fields map[string]json.RawMessage
	if json.Unmarshal(raw, &fields) != nil {
		return schema{}
	}
	var s schema
	read(fields["$ref"], &s.Ref)
	read(fields["type"], &s.Type)
	read(fields["format"], &s.Format)
	read(fields["description"], &s.Description)
	read(fields["required"], &s.Required)
	read(fields["properties"], &s.Properties)
	read(fields["allOf"], &s.AllOf)
	read(fields["x-kubernetes-int-or-string"], &s.IntOrString)
	read(fields["x-kubernetes-preserve-unknown-fields"], &s.Anything)
	var values []json.RawMessage
	read(fields["enum"], &values)
	for _, v := range values {
		s.Enum = append(s.Enum, strings.Trim(string(v), `"`))
	}
	s.Items = objectOnly(fields["items"])
	s.Values = objectOnly(fields["additionalProperties"])
	if d := fields["default"]; len(d) > 0 && !slices.Contains([]string{"{}", `""`, "null"}, string(d)) {
		s.Default = string(d)
	}
	return s
}

// read fills in what has the right type, and leaves the rest.
func read[T any](raw json.RawMessage, into *T) {
	var v T
	if len(raw) > 0 && json.Unmarshal(raw, &v) == nil {
		*into = v
	}
}

func objectOnly(raw json.RawMessage) json.RawMessage {
	if len(raw) > 0 && raw[0] == '{' {
		return raw
	}
	return nil
}

// follow is the schema behind references. What stands beside a reference, or
// beside the allOf around one (kube-openapi writes descriptions and defaults
// there), counts more than what it refers to.
func (d *document) follow(raw json.RawMessage) schema {
	s := readSchema(raw)
	for range maxHops {
		next := s.Ref
		if next == "" && len(s.Properties) == 0 && len(s.AllOf) == 1 {
			next = readSchema(s.AllOf[0]).Ref
		}
		name, ok := strings.CutPrefix(next, refPrefix)
		target, there := d.Components.Schemas[name]
		if !ok || !there {
			break
		}
		behind := readSchema(target)
		if s.Description != "" {
			behind.Description = s.Description
		}
		if s.Default != "" {
			behind.Default = s.Default
		}
		behind.name = name
		s = behind
	}
	return s
}

// kind refers to the schema of a kind of the document's group/version.
func (d *document) kind(group, version, kind string) (json.RawMessage, bool) {
	names := make([]string, 0, len(d.Components.Schemas))
	for name := range d.Components.Schemas {
		names = append(names, name)
	}
	slices.Sort(names)
	for _, name := range names {
		raw := d.Components.Schemas[name]
		if !bytes.Contains(raw, []byte(gvkField)) {
			continue
		}
		var s struct {
			Kinds []struct {
				Group   string `json:"group"`
				Version string `json:"version"`
				Kind    string `json:"kind"`
			} `json:"x-kubernetes-group-version-kind"`
		}
		if json.Unmarshal(raw, &s) != nil {
			continue
		}
		// One type serves all kinds, such as DeleteOptions.
		for _, k := range s.Kinds {
			if k.Group == group && k.Version == version && k.Kind == kind {
				ref, err := json.Marshal(map[string]string{"$ref": refPrefix + name})
				return ref, err == nil
			}
		}
	}
	return nil, false
}

// inside is what a path goes on in: the elements of an array, the values of a
// map, or the schema itself; marks are [] and map for how it was reached.
func (d *document) inside(raw json.RawMessage) (s schema, marks string) {
	for range maxHops {
		s = d.follow(raw)
		switch {
		case len(s.Properties) > 0:
			return s, marks
		case s.Items != nil:
			raw, marks = s.Items, marks+"[]"
		case s.Values != nil:
			raw, marks = s.Values, marks+"map[string]"
		default:
			return s, marks
		}
	}
	return s, marks
}

// fields are the names of a schema's properties, sorted, of which so many are
// looked at.
func (s *schema) fields() []string {
	names := make([]string, 0, len(s.Properties))
	for name := range s.Properties {
		names = append(names, name)
	}
	slices.Sort(names)
	return names[:min(len(names), maxFields)]
}

// typeName is how a type is spelt, as kubectl explain does: <[]Container>,
// <map[string]string>, <PodSpec>.
func (d *document) typeName(raw json.RawMessage) string {
	s, marks := d.inside(raw)
	switch {
	case s.name != "":
		return marks + s.name[strings.LastIndexByte(s.name, '.')+1:]
	case s.IntOrString, s.Format == "int-or-string":
		return marks + "int or string"
	case len(s.Properties) > 0, s.Type == "" || s.Type == "object":
		return marks + "Object"
	case s.Format == "date-time", s.Format == "byte":
		return marks + s.Format
	}
	return marks + s.Type
}
