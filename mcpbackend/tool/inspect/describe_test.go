package inspect

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"kubernetes-mcp-edge/mcpbackend/brokenapi"
	"kubernetes-mcp-edge/mcpbackend/kube"
)

func configMap(data string) string {
	return `{"kind":"ConfigMap","apiVersion":"v1","metadata":{"name":"a","namespace":"team-a"},"data":{"a":"` + data + `"}}`
}

// TestDescribe: what it is and where, kubectl's text, and what is missing.
func TestDescribe(t *testing.T) {
	h, c := visit(t, map[string]string{core + "configmaps/a": configMap(`x`), core + "events": forbidden})
	text, out, err := describeOne(brokenapi.Soon(t), c, resourcesDescribeIn{Kind: "cm", Name: "a", Namespace: "team-a"})
	require.NoError(t, err)
	require.True(t, strings.HasPrefix(text, "# ConfigMap a (v1) in namespace team-a\nName:         a\nNamespace:    team-a\n"), text)
	require.Contains(t, text, "\na:\n----\nx\n")
	require.Contains(t, text, "# -- incomplete, because this could not be read: events (forbidden) --\n")
	require.Equal(t, Described{APIVersion: "v1", Kind: "ConfigMap", Namespace: "team-a", Name: "a", Unread: []string{"events (forbidden)"}}, out)
	require.LessOrEqual(t, len(h.Asked()), 4)
}

// TestLongDescriptionsKeepTheirEnds: the events are the last of it.
func TestLongDescriptionsKeepTheirEnds(t *testing.T) {
	_, c := visit(t, map[string]string{
		core + "configmaps/a": configMap(strings.Repeat(`line\n`, 12_000)),
		core + "events":       items(strings.Repeat(`{"reason":"Again","message":"`+strings.Repeat("m", 900)+`"},`, 20) + `{"reason":"Last"}`),
	})
	text, out, err := describeOne(brokenapi.Soon(t), c, resourcesDescribeIn{Kind: "ConfigMap", Name: "a", Namespace: "team-a"})
	require.NoError(t, err)
	require.Less(t, len(text), 66<<10)
	require.Regexp(t, `# -- \d+ bytes left out here --\n`, text)
	require.Regexp(t, `Last`, text[len(text)-300:])
	require.True(t, out.Truncated)
}

// TestMistakesOfADescription say what to do.
func TestMistakesOfADescription(t *testing.T) {
	_, c := visit(t, nil)
	for want, in := range map[string]resourcesDescribeIn{
		"call again with namespace": {Kind: "Pod", Name: "a"},
		"name is not the name":      {Kind: "Pod", Name: "a/../b", Namespace: "team-a"},
		"namespace is not the name": {Kind: "Pod", Name: "a", Namespace: "a/b"},
		"kind must be one word":     {Kind: "../nodes", Name: "a"},
	} {
		_, _, err := describeOne(brokenapi.Soon(t), c, in)
		require.ErrorContains(t, err, want)
	}
	_, _, err := describeOne(brokenapi.Soon(t), c, resourcesDescribeIn{Kind: "Pod", Name: "a", Namespace: "team-a"})
	var e *kube.Error
	require.ErrorAs(t, err, &e)
	h, c := visit(t, nil)
	h.Answer("/api/v1", `{"resources":[{"name":"bindings","kind":"Binding","namespaced":true,"verbs":["create"]}]}`)
	_, _, err = describeOne(brokenapi.Soon(t), c, resourcesDescribeIn{Kind: "Binding", APIVersion: "v1", Name: "a", Namespace: "team-a"})
	require.ErrorContains(t, err, "cannot be read by name")
}

func TestEnds(t *testing.T) {
	for _, test := range []struct {
		text, want string
		cut        bool
	}{
		{"short\n", "short\n", false},
		{"0123456\n89\n", "0123456\n89\n", false}, // just the budget
		{"01\n3456789\nabcd\nef\n", "01\n# -- 13 bytes left out here --\nef\n", true},
		{"01\n34567890123456789", "01\n# -- 13 bytes left out here --\n6789", true}, // no line to begin with
	} {
		got, cut := ends(test.text, 11, 4)
		require.Equal(t, test.want, got)
		require.Equal(t, test.cut, cut)
	}
}
