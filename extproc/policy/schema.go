package policy

import (
	"bytes"
	"encoding/json"
	"strings"
)

// schema is a JSON Schema (2020-12), as far as the file needs one.
type schema struct {
	Version     string             `json:"$schema,omitempty"`
	Title       string             `json:"title,omitempty"`
	Description string             `json:"description,omitempty"`
	Type        string             `json:"type,omitempty"`
	Const       string             `json:"const,omitempty"`
	Enum        []string           `json:"enum,omitempty"`
	Pattern     string             `json:"pattern,omitempty"`
	Minimum     *int               `json:"minimum,omitempty"`
	Maximum     *int               `json:"maximum,omitempty"`
	MinItems    int                `json:"minItems,omitempty"`
	MaxItems    int                `json:"maxItems,omitempty"`
	UniqueItems bool               `json:"uniqueItems,omitempty"`
	Items       *schema            `json:"items,omitempty"`
	Properties  map[string]*schema `json:"properties,omitempty"`
	Required    []string           `json:"required,omitempty"`
	LeastKeys   int                `json:"minProperties,omitempty"`
	Additional  *bool              `json:"additionalProperties,omitempty"`
	Default     json.RawMessage    `json:"default,omitempty"`
}

// Schema is a JSON Schema (2020-12) of the policy file, for editors. It is made
// from the same table that the file is read by. The reader is stricter: a
// schema cannot say that a name is in its canonical form or that a file exists.
func Schema() []byte {
	s := object(defaults().keys())
	s.Version = "https://json-schema.org/draft/2020-12/schema"
	s.Title = "Policy of kubernetes-mcp-edge"
	var out bytes.Buffer
	enc := json.NewEncoder(&out)
	enc.SetEscapeHTML(false)
	enc.SetIndent("", "  ")
	if err := enc.Encode(s); err != nil {
		return nil // not reached: strings, numbers and maps of them always marshal
	}
	return out.Bytes()
}

// object is the schema of a mapping of these keys.
func object(keys []key) *schema {
	closed := false
	s := &schema{Type: "object", Properties: map[string]*schema{}, Additional: &closed}
	for _, k := range keys {
		property := k.value.schema()
		property.Description = k.about
		s.Properties[k.name] = property
		if k.example != "" {
			s.Required = append(s.Required, k.name)
		}
	}
	return s
}

// typeString is the type of most values.
const typeString = "string"

// quoted is a JSON string.
func quoted(s string) json.RawMessage { return json.RawMessage(`"` + s + `"`) }

func (v word) schema() *schema {
	if len(v.words) == 1 {
		return &schema{Type: typeString, Const: v.words[0]}
	}
	return &schema{Type: typeString, Enum: v.words, Default: quoted(v.words[0])}
}

func (boolean) schema() *schema { return &schema{Type: "boolean", Default: json.RawMessage("false")} }

func (v text) schema() *schema {
	s := &schema{Type: typeString, Pattern: v.pattern}
	if v.pattern == "" {
		s.Default = quoted("")
	}
	return s
}

func (v texts) schema() *schema {
	s := list(&schema{Type: typeString, Pattern: v.pattern}, v.most)
	if v.none != "" {
		s.MinItems, s.Default = 1, nil
	}
	return s
}

func (v words) schema() *schema {
	s := list(&schema{Type: typeString, Enum: v.words}, len(v.words))
	if v.all {
		s.MinItems = 1
		s.Default = json.RawMessage(`["` + strings.Join(v.words, `","`) + `"]`)
	}
	return s
}

func (v ports) schema() *schema {
	least, most := 1, 65535
	s := list(&schema{Type: "integer", Minimum: &least, Maximum: &most}, mostPorts)
	if v.none != "" {
		s.MinItems, s.Default = 1, nil
	}
	return s
}

// list is the schema of a list of different items, empty by default.
func list(item *schema, most int) *schema {
	return &schema{Type: "array", Items: item, UniqueItems: true, MaxItems: most, Default: json.RawMessage("[]")}
}

func (v number) schema() *schema {
	return &schema{Type: "integer", Minimum: &v.least, Maximum: &v.most, Default: json.RawMessage(v.standard())}
}

func (v span) schema() *schema {
	return &schema{Type: typeString, Pattern: lengthOfTime.String(), Default: quoted(v.standard())}
}

func (v mapping) schema() *schema { return object(v.keys) }

func (v items) schema() *schema {
	keys, _ := v.item()
	s := list(object(keys), v.most)
	s.UniqueItems = false
	s.Items.LeastKeys = v.keys
	return s
}
