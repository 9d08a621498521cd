package resources

import (
	"github.com/google/jsonschema-go/jsonschema"

	"kubernetes-mcp-edge/mcpbackend/answer"
	"kubernetes-mcp-edge/mcpbackend/tool"
)

// The limits of a list that names none, in objects.
const (
	defaultLimit = 100
	defaultYAML  = 20
)

// The outputs of a list.
const (
	outputTable = "table"
	outputYAML  = "yaml"
	outputNames = "names"
	outputCount = "count"
)

// Selection is which objects of a kind are listed, and how they are shown.
type Selection struct {
	LabelSelector string   `json:"labelSelector,omitempty" jsonschema:"e.g. app=web,tier!=cache"`
	FieldSelector string   `json:"fieldSelector,omitempty" jsonschema:"e.g. metadata.name=web or status.phase=Running"`
	Output        string   `json:"output,omitempty" jsonschema:"default table"`
	Fields        []string `json:"fields,omitempty" jsonschema:"show only these paths, e.g. spec.containers[*].image"`
	Limit         int      `json:"limit,omitempty" jsonschema:"default 100, for yaml 20"`
	Continue      string   `json:"continue,omitempty" jsonschema:"from the last answer"`
}

// Bounds writes the bounds of a Selection into the schema, which is enforced.
func Bounds(properties map[string]*jsonschema.Schema) {
	least, most := 1.0, float64(answer.MaxLimit)
	properties["limit"].Minimum, properties["limit"].Maximum = &least, &most
	properties["output"].Enum = []any{outputTable, outputYAML, outputNames, outputCount}
	array(properties["fields"])
}

// Listed is the schema of what a list answers.
func Listed() *jsonschema.Schema {
	return tool.Output[answer.Listed]("count", "names", "continue", "truncated")
}

// Shown is the schema of what an answer with objects is.
func Shown() *jsonschema.Schema {
	return tool.Output[Got]("name", "names", "failed", "resourceVersion", "redacted", "truncated")
}

// Again is Bounds without the explanations that resources_list gives already.
func Again(properties map[string]*jsonschema.Schema) {
	Bounds(properties)
	for _, name := range []string{"labelSelector", "fieldSelector", "output", "continue"} {
		properties[name].Description = ""
	}
	properties["fields"].Description = "paths, e.g. metadata.name"
}

// array says only what it is: null is no array that anybody sends.
func array(s *jsonschema.Schema) { s.Type, s.Types = "array", nil }

// check refuses what no server could take, and fills in what was left out.
func (s *Selection) check() (answer.Fields, error) {
	if err := tool.CheckSelectors(s.LabelSelector, s.FieldSelector, s.Continue); err != nil {
		return nil, err
	}
	if s.Output == "" {
		s.Output = outputTable
	}
	if s.Limit == 0 {
		s.Limit = defaultLimit
		if s.Output == outputYAML {
			s.Limit = defaultYAML
		}
	}
	s.Limit = min(s.Limit, answer.MaxLimit)
	if len(s.Fields) == 0 {
		return nil, nil
	}
	if s.Output == outputNames || s.Output == outputCount {
		return nil, answer.Mistake("fields go with output table or yaml.")
	}
	return answer.ParseFields(s.Fields)
}
