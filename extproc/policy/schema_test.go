package policy

import (
	"encoding/json"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/jsonschema-go/jsonschema"
	"github.com/rogpeppe/go-internal/txtar"
	"github.com/stretchr/testify/require"
	"go.yaml.in/yaml/v3"
)

func TestSchemaFile(t *testing.T) { upToDate(t, "../../docs/policy.schema.json", Schema()) }

// validator is the schema in the hands of a library that knows JSON Schema, as
// an editor's does.
func validator(tb testing.TB) func(file []byte) error {
	tb.Helper()
	var s jsonschema.Schema
	require.NoError(tb, json.Unmarshal(Schema(), &s))
	resolved, err := s.Resolve(nil)
	require.NoError(tb, err)
	return func(file []byte) error {
		var doc, plain any
		if err := yaml.Unmarshal(file, &doc); err != nil {
			return err
		}
		text, err := json.Marshal(doc)
		if err != nil {
			return err
		}
		if err := json.Unmarshal(text, &plain); err != nil {
			return err
		}
		return resolved.Validate(plain)
	}
}

func TestSchemaAcceptsWhatTheReaderDoes(t *testing.T) {
	validate := validator(t)
	require.NoError(t, validate(Defaults()))
	for _, path := range []string{"../../docs/policy.yaml", "../../docs/policy.defaults.yaml"} {
		file, err := os.ReadFile(path)
		require.NoError(t, err)
		require.NoError(t, validate(file), path)
	}
	for _, body := range []string{
		"", "hosts: {exact: [api.example.com, 10.0.0.9, \"::1\", kind-control-plane], suffixes: [.a.example.com], anyPublic: true}\n",
		"networks: [{cidr: \"fd00::/8\", ports: [1, 65535]}]\npathPrefixes: [/, /k8s/c-1, /a.b~_, /..., /.well-known]\n",
		"credentials: optional\ncredentialKinds: [token]\nreport: [host-not-allowed]\nlogs: {hosts: hashed}\n",
		"access: {allow: [{groups: [\"\", \"*.example.com\"], kinds: [\"*\", Pod/exec]}], deny: [{versions: [v1], namespaces: [kube-*], verbs: [\"*\", delete*, get]}]}\n",
		"limits: {guard: {bodyTimeout: 59s500ms, drain: 500ms}, backend: {calls: 65536, clientAge: 24h}}\n",
	} {
		mustParse(t, body)
		require.NoError(t, validate([]byte(head+body)), body)
	}
}

// beyondSchema are the bad files whose faults a schema cannot see: what a YAML
// parser has taken away before (anchors, merge keys, a second document), what
// only another file shows, and what is known of kinds, names and addresses.
func beyondSchema() []string {
	return []string{
		"access-short-name", "alias", "anchor", "broken-second", "cidr-host-bits", "cidr-loopback", "cidr-metadata", "merge-key",
		"roots-empty-file", "suffix-inside-cluster", "two-documents",
	}
}

// TestSchemaRejectsBadFiles: an editor shows the faults of every bad file of the
// corpus, except of those that no schema could.
func TestSchemaRejectsBadFiles(t *testing.T) {
	validate := validator(t)
	archives, err := filepath.Glob("testdata/*.txtar")
	require.NoError(t, err)
	var passed []string
	for _, archive := range archives {
		a, err := txtar.ParseFile(archive)
		require.NoError(t, err)
		for _, f := range a.Files {
			name, isCase := strings.CutSuffix(f.Name, ".yaml")
			if isCase && validate(f.Data) == nil {
				passed = append(passed, name)
			}
		}
	}
	slices.Sort(passed)
	require.Equal(t, beyondSchema(), passed)
}

// TestSchemaHasTheKeysOfTheReader walks both: every key that the reader knows is
// in the schema with its words, and nothing else is.
func TestSchemaHasTheKeysOfTheReader(t *testing.T) {
	var s map[string]any
	require.NoError(t, json.Unmarshal(Schema(), &s))
	sameKeys(t, "", s, defaults().keys())
}

func sameKeys(t *testing.T, at string, s map[string]any, keys []key) {
	t.Helper()
	require.Equal(t, "object", s["type"], at)
	require.Equal(t, false, s["additionalProperties"], at)
	properties, ok := s["properties"].(map[string]any)
	require.True(t, ok, at)
	require.Len(t, properties, len(keys), at)
	var required []any
	for _, k := range keys {
		property, ok := properties[k.name].(map[string]any)
		require.True(t, ok, "%s.%s is not in the schema", at, k.name)
		require.Equal(t, k.about, property["description"], k.name)
		require.NotEmpty(t, k.about, k.name)
		if k.example != "" {
			required = append(required, k.name)
		}
		switch v := k.value.(type) {
		case mapping:
			sameKeys(t, at+"."+k.name, property, v.keys)
		case items:
			item, ok := property["items"].(map[string]any)
			require.True(t, ok, k.name)
			below, _ := v.item()
			sameKeys(t, at+"."+k.name+"[]", item, below)
		}
		// The reader really knows it: the key alone is not an unknown one.
		if at == "" {
			_, err := Parse([]byte(head + k.name + ": {nonsense: 1}\n"))
			require.Error(t, err)
			require.NotContains(t, err.Error(), ": "+k.name+": unknown key")
		}
	}
	if required == nil {
		require.Nil(t, s["required"], at)
		return
	}
	require.Equal(t, required, s["required"], at)
}

// TestSchemaDefaults: what the schema calls the default is the default.
func TestSchemaDefaults(t *testing.T) {
	var s map[string]any
	require.NoError(t, json.Unmarshal(Schema(), &s))
	var doc map[string]any
	require.NoError(t, yaml.Unmarshal(Defaults(), &doc))
	sameDefaults(t, "", s, doc)
}

func sameDefaults(t *testing.T, at string, s, doc map[string]any) {
	t.Helper()
	properties, ok := s["properties"].(map[string]any)
	require.True(t, ok, at)
	for name, value := range doc {
		property, ok := properties[name].(map[string]any)
		require.True(t, ok, name)
		if below, nested := value.(map[string]any); nested {
			sameDefaults(t, at+"."+name, property, below)
			continue
		}
		if constant, fixed := property["const"]; fixed {
			require.Equal(t, value, constant)
			continue
		}
		want, err := json.Marshal(value)
		require.NoError(t, err)
		got, err := json.Marshal(property["default"])
		require.NoError(t, err)
		require.JSONEq(t, string(want), string(got), "%s.%s", at, name)
	}
}
