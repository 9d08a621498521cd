package change

import (
	"encoding/json"
	"fmt"
	"runtime"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"sigs.k8s.io/yaml"
)

// accepted are texts that hold one object, which is what kubectl's own reader
// takes them for.
var accepted = map[string]string{
	"plain":                "apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: a\n",
	"tabs between":         "apiVersion: v1\nkind:\tConfigMap\nmetadata: {name: a}\n",
	"flow":                 "{apiVersion: v1, kind: ConfigMap, metadata: {name: a}}",
	"JSON":                 `{"apiVersion":"v1","kind":"ConfigMap","metadata":{"name":"a"},"data":{"x":"\ud83d\ude00\/\u0041"}}`,
	"JSON with tabs":       "{\n\t\"apiVersion\": \"v1\",\n\t\"kind\": \"ConfigMap\",\n\t\"metadata\": {\"name\": \"a\"}\n}",
	"JSON numbers":         `{"kind":"X","apiVersion":"v1","metadata":{"name":"a"},"n":[1,-2,3.5,1e3,12345678901234567890]}`,
	"1.1 booleans":         object("a: yes\nb: \"yes\"\nc: off\nd: 'no'\ne: !!str on\nf: n\ng: Y\n"),
	"booleans":             object("a: true\nb: False\nc: \"true\"\n"),
	"numbers":              object("a: 1\nb: -7\nc: 0x1F\nd: 0644\ne: 1_000\nf: 1.50\ng: 1e3\nh: 0b11\ni: 18446744073709551615\nj: .5\n"),
	"texts like numbers":   object("a: 1.2.3\nb: \"1\"\nc: 1m\nd: 500Mi\ne: 10:20:30\nf: 0x\ng: 1e\n"),
	"nulls":                object("a: null\nb: ~\nc:\nd: \"null\"\n"),
	"times":                object("a: 2026-01-02\nb: 2026-01-02T03:04:05Z\n"),
	"keys of other types":  object("1: a\ntrue: b\nno: c\n1.5: d\n"),
	"anchors":              object("a: &x {b: [1, 2]}\nc: *x\nd: [*x, *x]\n"),
	"merge":                object("base: &x {b: 1, c: 2}\nd:\n  <<: *x\n  c: 3\n"),
	"merge of several":     object("x: &x {b: 1}\ny: &y {b: 2, c: 3}\nd:\n  <<: [*x, *y]\n  e: 4\n"),
	"block scalars":        object("a: |\n  one\n  two\nb: >-\n  three\n  four\n"),
	"comments and a start": "# a comment\n---\n# another\n" + object("a: 1 # one\n"),
	"an end":               object("a: 1\n") + "...\n",
	"empty maps and lists": object("a: {}\nb: []\nc: \"\"\n"),
	"Windows":              strings.ReplaceAll(object("a: 1\n"), "\n", "\r\n"),
	"emoji":                object("a: \"\\U0001F600 ä\"\n"),
}

func object(fields string) string {
	return "apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: a\n  namespace: team-a\n" + fields
}

// TestReadsLikeKubectl: what a manifest means here is what it means to kubectl.
func TestReadsLikeKubectl(t *testing.T) {
	for name, text := range accepted {
		t.Run(name, func(t *testing.T) {
			got, err := parse(text)
			require.NoError(t, err)
			require.Len(t, got, 1)
			ours, err := json.Marshal(got[0].object)
			require.NoError(t, err)
			theirs := []byte(text)
			if !json.Valid(theirs) {
				theirs, err = yaml.YAMLToJSON(theirs)
				require.NoError(t, err)
			}
			require.Equal(t, canonical(t, theirs), canonical(t, ours))
		})
	}
}

func canonical(t *testing.T, text []byte) any {
	t.Helper()
	var v any
	require.NoError(t, json.Unmarshal(text, &v))
	return v
}

// TestMergedKeysCountLess than the map's own, also those that come later: so says
// YAML, and kubectl's library does not.
func TestMergedKeysCountLess(t *testing.T) {
	got, err := parse(object("x: &x {b: 1, c: 2}\nd:\n  b: 9\n  <<: *x\n"))
	require.NoError(t, err)
	require.JSONEq(t, `{"b":9,"c":2}`, string(mustJSON(t, got[0].object["d"])))
}

// TestReadingStaysSmall: the densest text that passes takes megabytes, not
// hundreds of them.
func TestReadingStaysSmall(t *testing.T) {
	for name, text := range map[string]string{
		"flow":  object("a: [" + strings.Repeat("[],", maxMarks/2-20) + "]\n"),
		"pairs": object("a: [" + strings.Repeat("a: b,", maxMarks/2-20) + "]\n"),
		"lines": object("a:\n" + strings.Repeat("- a\n", maxMarks/2-20)),
		"JSON":  `{"a":[` + strings.Repeat("0,", maxManifest/2-20) + `0]}`,
		"bomb":  bomb(),
	} {
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		_, err := parse(text)
		runtime.ReadMemStats(&after)
		require.Error(t, err)
		require.Less(t, after.TotalAlloc-before.TotalAlloc, uint64(96<<20), name)
	}
}

// TestRefusedManifests: each mistake has a sentence that says where, and none
// repeats a value.
func TestRefusedManifests(t *testing.T) {
	deep := strings.Repeat("[", maxDepth+1) + "CANARY" + strings.Repeat("]", maxDepth+1)
	for name, test := range map[string]struct{ text, want string }{
		"nothing":                 {"", "resource holds no object"},
		"only comments":           {"# CANARY\n---\n---\n", "resource holds no object"},
		"a text":                  {"CANARY", "document 1 is no object"},
		"a list":                  {`["CANARY"]`, "document 1 is no object"},
		"second is no object":     {object("") + "---\n- CANARY\n", "document 2 is no object"},
		"broken YAML":             {"a: b: CANARY\n", "resource is not valid YAML: mapping values are not allowed in this context."},
		"broken YAML later":       {object("") + "---\n" + "a: [CANARY\n", "resource is not valid YAML: line "},
		"unknown anchor":          {"a: *CANARY\n", "resource is not valid YAML: unknown anchor … referenced."},
		"broken JSON":             {`{"kind":"CANARY",,}`, "resource is not valid JSON after byte 17."},
		"cut JSON":                {`{"kind":"CANARY"`, "resource is not valid JSON after byte 16."},
		"key twice":               {object("a: CANARY\nb: 1\na: 2\n"), "line 8 repeats the key a"},
		"key twice deep":          {object("a:\n- b: {c: CANARY, c: 1}\n"), "line 7 repeats the key c"},
		"key twice by meaning":    {object("1: CANARY\n\"1\": b\n"), "line 7 repeats the key 1"},
		"JSON key twice":          {`{"kind":"A","kind":"CANARY"}`, "the key kind twice"},
		"JSON key twice deep":     {`{"kind":"A","x":[{"y":"CANARY","y":1}]}`, "the key y twice"},
		"binary":                  {object("a: !!binary Q0FOQVJZ\n"), "line 6 has a tag"},
		"tag":                     {object("a: !CANARY b\n"), "line 6 has a tag"},
		"tag of a map":            {object("a: !CANARY {}\n"), "line 6 has a tag"},
		"tag that does not fit":   {object("a: !!int CANARY\n"), "line 6 has a tag"},
		"infinity":                {object("a: .inf\n"), "line 6 is a number that JSON does not know"},
		"not a number":            {object("a: .nan\n"), "line 6 is a number that JSON does not know"},
		"map as key":              {object("? {CANARY: 1}\n: b\n"), "line 6 has a key that is no text"},
		"null as key":             {object("~: CANARY\n"), "line 6 has a key that is no text"},
		"merge of a text":         {object("a:\n  <<: CANARY\n"), "line 7 merges what is no map"},
		"deep YAML":               {object("a: " + deep + "\n"), "nested deeper than 60 levels"},
		"deep JSON":               {`{"a":` + strings.ReplaceAll(deep, "CANARY", `"CANARY"`) + `}`, "nested deeper than 60 levels"},
		"an alias of itself":      {object("a: &x\n  b: *x\n"), "nested deeper than 60 levels"},
		"an alias bomb":           {bomb(), "more than 50000 values"},
		"a merge bomb":            {strings.ReplaceAll(bomb(), "[", "[{}, "), "more than 50000 values"},
		"aliases of a long text":  {object("a: &x " + strings.Repeat("x", 300<<10) + "\nb: [" + strings.Repeat("*x ,", 20_000) + "1]\n"), "more than 2 MiB of text"},
		"many values":             {object("a: [" + strings.Repeat("1,", maxValues) + "]\n"), "more than 50000 values"},
		"many values in JSON":     {`{"a":[` + strings.Repeat("1,", maxValues) + `1]}`, "more than 50000 values"},
		"many separators":         {object("a: [" + strings.Repeat("[],", maxMarks/2) + "]\n"), "more than 200000 values, lines or separators"},
		"long":                    {object("a: " + strings.Repeat("x", maxManifest)), "longer than 512 KiB"},
		"many documents":          {strings.Repeat(object("")+"---\n", maxDocuments+1), "more than 100"},
		"many JSON documents":     {strings.Repeat(`{"kind":"A","apiVersion":"v1","metadata":{"name":"a"}}`, maxDocuments+1), "more than 100"},
		"many items":              {"kind: List\nitems:\n" + strings.Repeat("- {kind: A, apiVersion: v1, metadata: {name: a}}\n", maxDocuments+1), "more than 100 objects"},
		"lists in lists":          {strings.Repeat(`{"kind":"List","items":[`, 6) + strings.Repeat(`]}`, 6), "Lists stand within Lists"},
		"item is no object":       {"kind: List\nitems: [1]\n", "document 1, item 1 is no object"},
		"no kind":                 {"metadata: {name: CANARY}\n", "document 1 has no kind"},
		"kind is a number":        {"kind: 7\n", "document 1: kind has to be text"},
		"name is a number":        {"kind: A\nmetadata: {name: 7}\n", "document 1: metadata.name has to be text; put it in quotes"},
		"no name":                 {"kind: A\nmetadata: {}\n", "document 1 (A) has no metadata.name"},
		"no metadata":             {"kind: A\n", "document 1 (A) has no metadata.name"},
		"metadata is a text":      {"kind: A\nmetadata: CANARY\n", "document 1: metadata has to be a map"},
		"a kind that is none":     {"kind: ../CANARY\n", "document 1: kind must be one word"},
		"a version that is none":  {"kind: A\napiVersion: CANARY/../x\nmetadata: {name: a}\n", "document 1 (A): apiVersion must read"},
		"a name that is a path":   {"kind: A\nmetadata: {name: ../CANARY}\n", "document 1 (A): metadata.name is not the name of an object"},
		"a generated path":        {"kind: A\nmetadata: {generateName: CANARY/}\n", "document 1 (A): metadata.name is not the name of an object"},
		"a namespace as path":     {"kind: A\nmetadata: {name: a, namespace: ../CANARY}\n", "document 1 (A): metadata.namespace is not"},
		"what stands for a value": {object("data:\n  password: \"[redacted]\"\n"), "data.password holds [redacted]"},
		"part of a value":         {object("data:\n  conf.yaml: \"CANARY\\ntoken: [redacted]\\n\"\n"), "holds [redacted], which stands for a value that this server does not show"},
	} {
		t.Run(name, func(t *testing.T) {
			got, err := parse(test.text)
			require.Error(t, err)
			require.Nil(t, got)
			require.Contains(t, err.Error(), test.want)
			require.NotContains(t, err.Error(), "CANARY")
			require.Less(t, len(err.Error()), 600)
		})
	}
}

// bomb is a few lines that stand for a billion values.
func bomb() string {
	var b strings.Builder
	b.WriteString(object("a0: &a0 [" + strings.Repeat("x, ", 9) + "x]\n"))
	for i := 1; i < 10; i++ {
		fmt.Fprintf(&b, "a%d: &a%d [%s]\n", i, i, strings.TrimSuffix(strings.Repeat(fmt.Sprintf("*a%d, ", i-1), 10), ", "))
	}
	return b.String()
}

// TestListsAreExpanded, those of one kind too, whose items the API server sends
// without saying what they are.
func TestListsAreExpanded(t *testing.T) {
	got, err := parse(`
apiVersion: v1
kind: List
items:
- {apiVersion: v1, kind: ConfigMap, metadata: {name: a}}
- apiVersion: v1
  kind: SecretList
  items:
  - {metadata: {name: b}}
  - {apiVersion: v2, kind: Other, metadata: {name: c}}
---
{"apiVersion": "example.com/v1", "kind": "AllowList", "metadata": {"name": "d"}, "spec": {"items": []}}
`)
	require.NoError(t, err)
	seen := make([]string, 0, len(got))
	for _, d := range got {
		seen = append(seen, strings.Join([]string{d.where, d.apiVersion, d.kind, d.name}, " | "))
	}
	require.Equal(t, []string{
		"document 1, item 1 | v1 | ConfigMap | a", "document 1, item 2, item 1 | v1 | Secret | b",
		"document 1, item 2, item 2 | v2 | Other | c", "document 2 | example.com/v1 | AllowList | d",
	}, seen)
}

// TestDocumentsInARow of both languages.
func TestDocumentsInARow(t *testing.T) {
	for name, text := range map[string]string{
		"YAML":           object("") + "---\n" + object(""),
		"empty between":  "---\n" + object("") + "---\n---\n# nothing\n---\n" + object(""),
		"JSON":           `{"kind":"A","metadata":{"name":"a"}} {"kind":"B","metadata":{"name":"b"}}`,
		"JSON and YAML":  `{"kind":"A","metadata":{"name":"a"}}` + "\n---\n" + object(""),
		"JSON with null": `{"kind":"A","metadata":{"name":"a"}} null {"kind":"B","metadata":{"name":"b"}}`,
	} {
		got, err := parse(text)
		require.NoError(t, err, name)
		require.Len(t, got, 2, name)
	}
}
