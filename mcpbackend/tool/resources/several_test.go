package resources

import (
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"kubernetes-mcp-edge/mcpbackend/answer"
	"kubernetes-mcp-edge/mcpbackend/brokenapi"
)

func several(names ...string) Objects {
	return Objects{APIVersion: "v1", Kind: "Pod", Namespace: "team-a", Names: names}
}

const absent = `404 {"kind":"Status","message":"pods \"b\" not found","details":{"name":"b"}}`

// TestSeveral: those that can be read are shown, in order, and the others are
// said to be missing.
func TestSeveral(t *testing.T) {
	_, c := brokenapi.Visit(t, map[string]string{
		podsPath + "/a": `{"kind":"Pod","spec":{"nodeName":"one"}}`, podsPath + "/b": absent,
		podsPath + "/c": `{"kind":"Secret","data":{"p":"CANARY"}}`, podsPath + "/d": `403 {"kind":"Status","message":"no"}`,
	})
	text, out, err := Get(brokenapi.Soon(t), c, several("c", "b", "a", "d"))
	require.NoError(t, err)
	require.Equal(t, "# 2 of 4 Pod (v1) in namespace team-a\n"+
		"# b: There is no such object. List what exists with resources_list. The server said: pods \"b\" not found\n"+
		"# d: The cluster's RBAC does not allow this to the caller. Use a namespace that the caller may read, or call whoami to see who that is. The server said: no\n"+
		"---\n# c\ndata:\n  p: '[redacted]'\nkind: Secret\n---\n# a\nkind: Pod\nspec:\n  nodeName: one\n", text)
	require.Equal(t, Got{
		APIVersion: "v1", Kind: "Pod", Namespace: "team-a", Names: []string{"c", "a"}, Failed: []string{"b", "d"}, Redacted: []string{"c: data.p"},
	}, out)
	_, _, err = Get(brokenapi.Soon(t), c, several("b", "d"))
	require.ErrorContains(t, err, "Nothing could be read.\n# b: There is no such object.")
	require.Equal(t, "not-found", answer.Word(err))
}

// TestSeveralShareABudget, and what does not fit is named.
func TestSeveralShareABudget(t *testing.T) {
	answers, names := map[string]string{}, make([]string, 0, maxNames)
	for i := range maxNames {
		names = append(names, fmt.Sprint("p", i))
		answers[podsPath+"/"+names[i]] = `{"a":"` + strings.Repeat("x", 10_000) + `"}`
	}
	_, c := brokenapi.Visit(t, answers)
	text, out, err := Get(brokenapi.Soon(t), c, several(names...))
	require.NoError(t, err)
	require.Less(t, len(text), answer.ObjectBudget+4096)
	require.Len(t, out.Names, 6)
	require.Len(t, out.Failed, maxNames-6)
	require.True(t, out.Truncated)
	require.Contains(t, text, "# p6: left out to keep the answer short.")
}

// TestNamesThatAreNone are refused before anything is asked.
func TestNamesThatAreNone(t *testing.T) {
	h, c := brokenapi.Visit(t, nil)
	for want, o := range map[string]Objects{
		"not both":               {Kind: "Pod", Name: "a", Names: []string{"b"}},
		"name is missing":        {Kind: "Pod"},
		"more than 20":           {Kind: "Pod", Names: make([]string, 21)},
		"pass several as":        {Kind: "Pod", Name: "a,b"},
		"name is not the name":   {Kind: "Pod", Names: []string{"a", "../b"}},
		"kind must be one word":  {Kind: "Pod/a", Name: "a"},
		"apiVersion must read":   {APIVersion: "v1/a/b", Kind: "Pod", Name: "a"},
		`"a[?]" is no path`:      {Kind: "Pod", Name: "a", Fields: []string{"a[?]"}},
		"call again with namesp": {Kind: "Pod", APIVersion: "v1", Name: "a"},
	} {
		_, _, err := Get(brokenapi.Soon(t), c, o)
		require.ErrorContains(t, err, want)
		require.Equal(t, "arguments", answer.Word(err))
	}
	for _, path := range h.Asked() {
		require.Equal(t, "/api/v1", path)
	}
}

// TestFieldsOfAnObject are the only ones that are shown.
func TestFieldsOfAnObject(t *testing.T) {
	_, c := brokenapi.Visit(t, map[string]string{podsPath + "/a": `{"kind":"Pod","metadata":{"uid":"u"},"spec":{"nodeName":"one","x":"y"}}`})
	o := Objects{Kind: "po", Namespace: "team-a", Name: "a", Fields: []string{"spec.nodeName", "status"}}
	text, out, err := Get(brokenapi.Soon(t), c, o)
	require.NoError(t, err)
	require.Equal(t, "# Pod a (v1) in namespace team-a\nspec.nodeName: one\nstatus: null\n", text)
	require.Equal(t, "u", out.UID)
}
