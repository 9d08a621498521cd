package resources

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"kubernetes-mcp-edge/mcpbackend/answer"
	"kubernetes-mcp-edge/mcpbackend/brokenapi"
)

// TestKindsThatCannot be listed or read say so, before anything is asked, and
// nothing that was learnt is forgotten over it.
func TestKindsThatCannot(t *testing.T) {
	h, c := brokenapi.Visit(t, map[string]string{
		"/api/v1/pods": printedTable(1, "", []string{"Name:string"}, func(int, int) string { return `"web-0"` }),
		"/api/v1": `{"resources":[{"name":"pods","kind":"Pod","namespaced":true,"verbs":["get","list"]},
			{"name":"bindings","kind":"Binding","namespaced":true,"verbs":["create"]},
			{"name":"componentstatuses","kind":"ComponentStatus","verbs":["list"]}]}`,
	})
	_, _, err := list(brokenapi.Soon(t), c, resourcesListIn{APIVersion: "v1", Kind: "Binding"})
	require.EqualError(t, err, "Binding (v1) cannot be listed: this cluster's API does not offer that for this kind, whoever asks. Do not retry.")
	require.Equal(t, "unsupported", answer.Word(err))
	_, _, err = get(brokenapi.Soon(t), c, resourcesGetIn{APIVersion: "v1", Kind: "Binding", Name: "a", Namespace: "team-a"})
	require.EqualError(t, err, "Binding (v1) cannot be read by name: this cluster's API does not offer that for this kind, whoever asks. Do not retry.")
	_, _, err = get(brokenapi.Soon(t), c, resourcesGetIn{APIVersion: "v1", Kind: "ComponentStatus", Name: "a"})
	require.ErrorContains(t, err, "Do not retry. resources_list can show it.")
	_, _, err = listPods(t, c, 0)
	require.NoError(t, err)
	require.Equal(t, []string{"/api/v1", "/api/v1/pods?limit=100"}, h.Asked())
}

// TestMethodNotAllowed is no reason to try again: discovery may promise more
// than there is.
func TestMethodNotAllowed(t *testing.T) {
	_, c := brokenapi.Visit(t, map[string]string{"/api/v1/pods": `405 {"kind":"Status","message":"the server does not allow this method"}`})
	_, _, err := listPods(t, c, 0)
	text := answer.Advise(err).Error()
	require.Contains(t, text, "Do not retry")
	require.NotContains(t, text, "once more")
}

// TestWhoAmIOnOldServers: before Kubernetes 1.28 there was no way to ask.
func TestWhoAmIOnOldServers(t *testing.T) {
	_, c := brokenapi.Visit(t, nil)
	_, _, err := whoAmI(brokenapi.Soon(t), c, whoAmIIn{})
	require.ErrorContains(t, err, "SelfSubjectReview came with Kubernetes 1.28")
	require.Equal(t, "no-such-api", answer.Word(err))
	_, c = brokenapi.Visit(t, map[string]string{"/apis/authentication.k8s.io/v1/selfsubjectreviews": `403 {"kind":"Status"}`})
	_, _, err = whoAmI(brokenapi.Soon(t), c, whoAmIIn{})
	require.Equal(t, "forbidden", answer.Word(err))
	require.NotContains(t, answer.Advise(err).Error(), "1.28")
}

// TestWhoAmIShowsAHundredGroups, and says how many there are more.
func TestWhoAmIShowsAHundredGroups(t *testing.T) {
	for n, more := range map[int]string{maxGroups: "", maxGroups + 7: "-- 7 more groups were left out --\n"} {
		_, c := brokenapi.Visit(t, map[string]string{"/apis/authentication.k8s.io/v1/selfsubjectreviews": `{"status":{"userInfo":{"username":"alice","groups":` + repeated(`"g"`, n) + `}}}`})
		text, out, err := whoAmI(brokenapi.Soon(t), c, whoAmIIn{})
		require.NoError(t, err)
		require.Len(t, out.Groups, maxGroups)
		require.Equal(t, more != "", strings.Contains(text, "left out"))
		require.Contains(t, text, more)
	}
}
