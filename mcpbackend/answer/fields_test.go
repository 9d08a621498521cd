package answer

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"kubernetes-mcp-edge/mcpbackend/brokenapi"
	"kubernetes-mcp-edge/mcpbackend/kube"
)

func read(t *testing.T, text string) map[string]any {
	t.Helper()
	var o map[string]any
	dec := json.NewDecoder(strings.NewReader(text))
	dec.UseNumber()
	require.NoError(t, dec.Decode(&o))
	return o
}

const deployed = `{"kind":"Deployment","metadata":{"name":"web","labels":{"example.com/team":"a","app":"web"}},
	"spec":{"replicas":2,"paused":false,"containers":[{"name":"app","image":"one","ports":[{"n":1},{"n":2}]},{"name":"side","image":"two"}]},"status":{}}`

// TestFields: each path, and what it finds.
func TestFields(t *testing.T) {
	for path, want := range map[string]string{
		"metadata.name":                        "web",
		".metadata.name":                       "web",
		"metadata['name']":                     "web",
		`metadata.labels["example.com/team"]`:  "a",
		"metadata.labels['example.com/team']":  "a",
		"spec.replicas":                        "2",
		"spec.paused":                          "false",
		"spec.containers[*].image":             "one,two",
		"spec.containers.image":                "one,two",
		"spec.containers[1].image":             "two",
		"spec.containers[0].ports[1].n":        "2",
		"spec.containers[*].ports[*].n":        "1,2",
		"spec.containers[7].image":             "<none>",
		"spec.containers[0]":                   `{"image":"one","name":"app","ports":[{"n":1},{"n":2}]}`,
		"status":                               "{}",
		"status.phase":                         "<none>",
		"metadata.name.more":                   "<none>",
		"metadata[0]":                          "<none>",
		"spec.containers[*].ports[0].n.deeper": "<none>",
	} {
		fields, err := ParseFields([]string{path})
		require.NoError(t, err, path)
		picked := fields.Pick(t.Context(), read(t, deployed), same, false, ObjectBudget)
		require.Equal(t, []string{want}, picked.Cells(), path)
	}
}

// TestFieldsThatAreNone say how a path is written.
func TestFieldsThatAreNone(t *testing.T) {
	for _, path := range []string{
		"", ".", "a..b", "a.", "[", "a[", "a[x]", "a[-1]", "a[?(@.b)]", "{.a}", "$.a", "a['']", "a['b'", "a b", "a[1:2]", "a..*", "*", "a.b]", "a[0]b",
		"a[99999999]", "a\u202eb", strings.Repeat("a", 300), strings.Repeat("a.", 20) + "a",
	} {
		_, err := ParseFields([]string{path})
		require.ErrorContains(t, err, "is no path. Write paths such as metadata.name", path)
		require.Equal(t, "arguments", Word(err))
	}
	_, err := ParseFields(make([]string, 21))
	require.ErrorContains(t, err, "more than 20 paths")
}

// TestFieldsInOrder of the question, each once, lists as lists.
func TestFieldsInOrder(t *testing.T) {
	fields, err := ParseFields([]string{"status.phase", "spec.containers[*].image", "metadata.name", "metadata.name"})
	require.NoError(t, err)
	text, err := fields.Pick(t.Context(), read(t, deployed), same, false, ObjectBudget).YAML()
	require.NoError(t, err)
	require.Equal(t, "status.phase: null\nspec.containers[*].image:\n- one\n- two\nmetadata.name: web\n", text)
}

// TestFieldsAreRedacted as the whole object is: a path is no way around.
func TestFieldsAreRedacted(t *testing.T) {
	const copied = "kubectl.kubernetes.io/last-applied-configuration"
	secret := `{"kind":"Secret","type":"bootstrap.kubernetes.io/token","data":{"p":"CANARY","token":"abcdef.abcdefghijklmnop"},"stringData":{"p":"CANARY"},
		"metadata":{"annotations":{"` + copied + `":"CANARY","own":"{CANARY}"},"name":"abcdef.abcdefghijklmnop"}}`
	wrapped := `{"kind":"Wrapper","spec":{"items":[` + secret + `],"env":[{"name":"JOIN_TOKEN","value":"abcdef.abcdefghijklmnop"}],"text":"kind: Secret\ndata:\n  p: CANARY"}}`
	for _, path := range []string{
		"data", "data.p", "data['p']", "stringData.p", "metadata.annotations", "metadata.annotations['" + copied + "']", "metadata.annotations.own", "metadata.name",
		"spec", "spec.items", "spec.items[*].data", "spec.items.data.p", "spec.items[0].data.p", "spec.items[0].stringData", "spec.items[*].metadata.annotations.own", "spec.env.value", "spec.env[0]", "spec.text",
	} {
		fields, err := ParseFields([]string{path})
		require.NoError(t, err)
		for _, test := range []struct {
			object string
			secret bool
		}{{secret, true}, {strings.Replace(secret, `"kind":"Secret",`, "", 1), true}, {secret, false}, {wrapped, false}} {
			picked := fields.Pick(t.Context(), read(t, test.object), same, test.secret, ObjectBudget)
			text, err := picked.YAML()
			require.NoError(t, err)
			for _, out := range append(picked.Cells(), text) {
				require.NotContains(t, out, "CANARY", path)
				require.NotContains(t, out, "abcdefghijklmnop", path)
			}
		}
	}
}

// TestFieldsHaveABudget, and say where it ended.
func TestFieldsHaveABudget(t *testing.T) {
	fields, err := ParseFields([]string{"spec.text"})
	require.NoError(t, err)
	object := map[string]any{"spec": map[string]any{"text": strings.Repeat("x", 100_000)}}
	picked := fields.Pick(t.Context(), object, same, false, 1000)
	require.True(t, picked.Cut)
	require.Less(t, len(picked.Cells()[0]), 1100)
	_, c := brokenapi.Visit(t, nil)
	table, view, short := FieldTable(t.Context(), c, kube.Kind{}, kube.Objects{Items: []map[string]any{object}, More: 3, Continue: "x"}, fields)
	require.True(t, short)
	require.Equal(t, []int{0, 1}, view.columns)
	require.Equal(t, 3, table.MoreRows)
	require.Equal(t, "x", table.Continue)
}
