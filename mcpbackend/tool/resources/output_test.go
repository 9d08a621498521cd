package resources

import (
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"kubernetes-mcp-edge/mcpbackend/answer"
	"kubernetes-mcp-edge/mcpbackend/brokenapi"
	"kubernetes-mcp-edge/mcpbackend/kube"
)

func listed(t *testing.T, c *kube.Client, s Selection) (text string, out answer.Listed, err error) {
	t.Helper()
	return List(brokenapi.Soon(t), c, "v1", "Pod", "team-a", s)
}

const podsPath = "/api/v1/namespaces/team-a/pods"

// podList is a PodList of n, as a server sends it.
func podList(n int, meta, inside string) string {
	items := make([]string, 0, n)
	for i := range n {
		items = append(items, fmt.Sprintf(`{"metadata":{"name":"web-%d","namespace":"team-a"},"spec":{"containers":[{"image":"one:%d"},{"image":"two"}]%s},"status":{"phase":"Running"}}`, i, i, inside))
	}
	return `{"kind":"PodList","metadata":{` + meta + `},"items":[` + strings.Join(items, ",") + `]}`
}

// TestNames: one a line, and not a second time in the structured part.
func TestNames(t *testing.T) {
	h, c := brokenapi.Visit(t, map[string]string{podsPath: printedTable(3, "next", []string{"Name:string"}, func(int, int) string { return `"x"` })})
	text, out, err := listed(t, c, Selection{Output: "names", Limit: 3})
	require.NoError(t, err)
	require.Equal(t, "3 Pod (v1) in namespace team-a\nweb-0\nweb-1\nweb-2\n-- There are more. Call again with the same arguments and continue \"next\". --\n", text)
	require.Equal(t, answer.Listed{APIVersion: "v1", Kind: "Pod", Namespace: "team-a", Count: 3, Continue: "next"}, out)
	require.Contains(t, h.Asked(), podsPath+"?includeObject=None&limit=3")
}

// TestYAML of several objects: redacted, in the budget, with the way on.
func TestYAML(t *testing.T) {
	h, c := brokenapi.Visit(t, map[string]string{podsPath: podList(2, `"continue":"next","remainingItemCount":7`, "")})
	text, out, err := listed(t, c, Selection{Output: "yaml"})
	require.NoError(t, err)
	require.Contains(t, h.Asked(), podsPath+"?limit=20")
	require.True(t, strings.HasPrefix(text, "2 Pod (v1) in namespace team-a\n---\napiVersion: v1\nkind: Pod\nmetadata:\n  name: web-0\n"), text)
	require.Contains(t, text, "-- There are 7 more. Call again with the same arguments and continue \"next\". --\n")
	require.Equal(t, []string{"web-0", "web-1"}, out.Names)
	require.Equal(t, int64(7), *out.Remaining)

	h.Answer(podsPath, podList(20, `"continue":"next"`, `,"pad":"`+strings.Repeat("x", 10_000)+`"`))
	text, out, err = listed(t, c, Selection{Output: "yaml"})
	require.NoError(t, err)
	require.Less(t, len(text), answer.ObjectBudget+1000)
	require.Equal(t, 6, out.Count)
	require.Empty(t, out.Continue)
	require.Contains(t, text, "-- 14 more objects were left out to keep the answer short. To go on after the last object, call again with the same arguments but limit 6:")

	h.Answer(podsPath, podList(1, "", `,"pad":"`+strings.Repeat("x", 100_000)+`"`))
	text, _, err = listed(t, c, Selection{Output: "yaml"})
	require.NoError(t, err)
	require.Contains(t, text, "# -- cut: this object is longer than what one answer shows. Ask for its parts with fields. --\n")
}

// TestCount asks for one object where the server tells how many remain.
func TestCount(t *testing.T) {
	h, c := brokenapi.Visit(t, map[string]string{podsPath: podList(1, `"continue":"x","remainingItemCount":41`, "")})
	text, out, err := listed(t, c, Selection{Output: "count", Limit: 7, Continue: "y"})
	require.NoError(t, err)
	require.Equal(t, "42 Pod (v1) in namespace team-a\n", text)
	require.Equal(t, 42, out.Count)
	require.Contains(t, h.Asked(), podsPath+"?limit=1")
	h.Answer(podsPath, podList(2, `"continue":"x"`, ""))
	text, out, err = listed(t, c, Selection{Output: "count"})
	require.NoError(t, err)
	require.Equal(t, "More than 40 Pod (v1) in namespace team-a: counting stopped there.\n", text)
	require.True(t, out.Truncated)
}

// TestFieldsOfAList are columns, or short documents.
func TestFieldsOfAList(t *testing.T) {
	_, c := brokenapi.Visit(t, map[string]string{podsPath: podList(2, "", "")})
	text, out, err := listed(t, c, Selection{Fields: []string{"status.phase", "spec.containers[*].image"}})
	require.NoError(t, err)
	require.Equal(t, "2 Pod (v1) in namespace team-a\nNAME   STATUS.PHASE  SPEC.CONTAINERS[*].IMAGE\nweb-0  Running       one:0,two\nweb-1  Running       one:1,two\n", text)
	require.Equal(t, []string{"web-0", "web-1"}, out.Names)
	text, _, err = listed(t, c, Selection{Output: "yaml", Fields: []string{"status.phase"}})
	require.NoError(t, err)
	require.Equal(t, "2 Pod (v1) in namespace team-a\n---\nmetadata.name: web-0\nstatus.phase: Running\n---\nmetadata.name: web-1\nstatus.phase: Running\n", text)
	_, _, err = listed(t, c, Selection{Output: "names", Fields: []string{"status.phase"}})
	require.EqualError(t, err, "fields go with output table or yaml.")
	_, _, err = listed(t, c, Selection{Fields: []string{"{.a}"}})
	require.ErrorContains(t, err, "is no path")
}

// TestKindAlone finds the apiVersion, and says what else is called so.
func TestKindAlone(t *testing.T) {
	h, c := brokenapi.Visit(t, map[string]string{podsPath: podList(1, "", "")})
	for _, kind := range []string{"Pod", "pods", "PO", "pod"} {
		text, _, err := List(brokenapi.Soon(t), c, "", kind, "team-a", Selection{Output: "names"})
		require.NoError(t, err, kind)
		require.Equal(t, "1 Pod (v1) in namespace team-a\nweb-0\n", text)
	}
	require.Equal(t, " (a kind of this name is also in: example.com/v1; pass apiVersion for it)", chosen(c, "", kube.Kind{Others: []string{"example.com/v1"}}))
	require.Empty(t, chosen(c, "v1", kube.Kind{Others: []string{"example.com/v1"}}))
	require.Empty(t, chosen(c, "", kube.Kind{}))
	require.LessOrEqual(t, len(h.Asked()), 4+3)
}
