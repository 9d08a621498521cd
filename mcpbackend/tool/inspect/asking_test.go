package inspect

import (
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"kubernetes-mcp-edge/mcpbackend/brokenapi"
	"kubernetes-mcp-edge/mcpbackend/kube"
)

const accessReviews = "/apis/authorization.k8s.io/v1/selfsubjectaccessreviews"

// TestCanI: one sentence, and the question as it was asked.
func TestCanI(t *testing.T) {
	for _, test := range []struct {
		in           canIIn
		answer, text string
		out          CanI
		asked        string
	}{
		{
			canIIn{Verb: "Get", Kind: "deploy", Namespace: "team-a", Name: "web"}, `{"status":{"allowed":true,"reason":"RBAC: allowed by RoleBinding.\u001b[2J"}}`,
			"Yes: the caller may get deployments.apps web in namespace team-a. The server says: RBAC: allowed by RoleBinding.\n",
			CanI{true, "get", "deployments.apps", "team-a", "web"}, `"group":"apps","name":"web","namespace":"team-a","resource":"deployments","verb":"get"`,
		},
		{
			canIIn{Verb: "create", Kind: "pods/exec", Namespace: "*"}, `{"status":{"allowed":false}}`,
			"No: the caller may not create pods/exec in all namespaces.\n", CanI{false, "create", "pods/exec", "", ""}, `"group":"","resource":"pods","subresource":"exec","verb":"create"`,
		},
		{
			canIIn{Verb: "*", Kind: "*"}, `{"status":{"allowed":true,"denied":true}}`,
			"No: the caller may not do everything with every resource in all namespaces.\n", CanI{false, "*", "*", "", ""}, `"group":"*","resource":"*","verb":"*"`,
		},
		{
			canIIn{Verb: "delete", Kind: "Node", Namespace: "team-a"}, `{"status":{"allowed":true}}`,
			"Yes: the caller may delete nodes in the cluster (this kind has no namespaces: the argument was not used). But this cluster's API offers only get, list for Node.\n",
			CanI{true, "delete", "nodes", "", ""}, `"group":"","resource":"nodes","verb":"delete"`,
		},
		{
			canIIn{Verb: "impersonate", Kind: "no"}, `{"status":{"allowed":true}}`,
			"Yes: the caller may impersonate nodes in the cluster.\n", CanI{true, "impersonate", "nodes", "", ""}, `"group":"","resource":"nodes","verb":"impersonate"`,
		},
	} {
		h, c := visit(t, map[string]string{accessReviews: test.answer})
		text, out, err := canI(brokenapi.Soon(t), c, test.in)
		require.NoError(t, err)
		require.Equal(t, test.text, text)
		require.Equal(t, test.out, out)
		sent := h.Requests()
		require.Contains(t, sent[len(sent)-1].Body, `{`+test.asked+`}`)
		require.LessOrEqual(t, len(sent), 2)
	}
}

// TestMistakesOfAQuestion cost no request.
func TestMistakesOfAQuestion(t *testing.T) {
	h, c := visit(t, nil)
	for want, in := range map[string]canIIn{
		"verb is one word":      {Verb: "get,list", Kind: "Pod"},
		"subresource is one":    {Verb: "get", Kind: "Pod", Subresource: "a/b"},
		"name is not the name":  {Verb: "get", Kind: "Pod", Name: ".."},
		"kind must be one word": {Verb: "get", Kind: "a b"},
		"apiVersion must read":  {Verb: "get", Kind: "Pod", APIVersion: "a/b/c"},
	} {
		_, _, err := canI(brokenapi.Soon(t), c, in)
		require.ErrorContains(t, err, want)
	}
	require.Empty(t, h.Asked())
}

const everything = `{"kind":"APIGroupDiscoveryList","apiVersion":"apidiscovery.k8s.io/v2","items":[`

// TestAPIResources: searched by every name, other versions of a kind in its row.
func TestAPIResources(t *testing.T) {
	one := func(kind, plural, scope, short, verbs string) string {
		return fmt.Sprintf(`{"resource":%q,"responseKind":{"kind":%q},"scope":%q,"shortNames":[%s],"verbs":[%s]}`, plural, kind, scope, short, verbs)
	}
	_, c := visit(t, map[string]string{
		"/api": everything + `{"metadata":{"name":""},"versions":[{"version":"v1","resources":[` + one("Pod", "pods", "Namespaced", `"po"`, `"get","list"`) + `,` + one("Node", "nodes", "Cluster", `"no"`, `"get"`) + `]}]}]}`,
		"/apis": everything + `{"metadata":{"name":"example.com"},"versions":[{"version":"v1","resources":[` + one("Backup", "backups", "Namespaced", `"bk"`, `"get","list"`) + `]},
			{"version":"v1beta1","resources":[` + one("Backup", "backups", "Namespaced", `"bk"`, `"get","list"`) + `]}]},{"metadata":{"name":"old.example.org"},"versions":[{"version":"v1","freshness":"Stale","resources":[]}]}]}`,
	})
	yes := true
	for want, in := range map[string]apiResourcesIn{
		"3 kinds\nNAME     SHORT  APIVERSION                         NAMESPACED  KIND\npods     po     v1                                 true        Pod\nnodes    no     v1                                 false       Node\nbackups  bk     example.com/v1 (also v1beta1)      true        Backup\n": {},
		"1 kinds that match \"BK\"\n": {Search: "BK"}, "1 kinds that match \"example.c\"\n": {Search: "example.c"},
		"2 kinds that live in namespaces and offer list\n": {Namespaced: &yes, Verbs: []string{"list"}},
		"0 kinds that match \"zebra\"\n--":                 {Search: "zebra"},
	} {
		text, out, err := listKinds(brokenapi.Soon(t), c, in)
		require.NoError(t, err)
		require.Contains(t, squeezed(text), squeezed(want))
		require.Contains(t, text, "-- incomplete")
		require.False(t, out.Complete)
		require.Equal(t, out.Total, out.Count)
	}
	_, _, err := listKinds(brokenapi.Soon(t), c, apiResourcesIn{Search: strings.Repeat("x", 300)})
	require.ErrorContains(t, err, "at most")
}

func squeezed(s string) string {
	for strings.Contains(s, "  ") {
		s = strings.ReplaceAll(s, "  ", " ")
	}
	return s
}

// TestManyKindsAreCut, and hostile ones do not make every line wide.
func TestManyKindsAreCut(t *testing.T) {
	var b strings.Builder
	for i := range 3000 {
		fmt.Fprintf(&b, `{"resource":"r%d","responseKind":{"kind":"K%d"},"scope":"Cluster","shortNames":["%s"]},`, i, i, strings.Repeat("s", 60))
	}
	_, c := visit(t, map[string]string{
		"/api":  everything + `]}`,
		"/apis": everything + `{"metadata":{"name":"` + strings.Repeat("g", 60) + `.example.com"},"versions":[{"version":"v1","resources":[` + strings.TrimSuffix(b.String(), ",") + `]}]}]}`,
	})
	text, out, err := listKinds(brokenapi.Soon(t), c, apiResourcesIn{})
	require.NoError(t, err)
	require.True(t, out.Truncated)
	require.Equal(t, 3000, out.Total)
	require.Contains(t, text, fmt.Sprintf("-- %d more were left out", out.Total-out.Count))
	require.Less(t, len(text), 34<<10)
	require.Equal(t, out.Count, strings.Count(text, " false "))
}

// TestForbiddenDiscovery is an error of its own.
func TestForbiddenDiscovery(t *testing.T) {
	_, c := visit(t, map[string]string{"/api": forbidden, "/apis": forbidden})
	_, _, err := listKinds(brokenapi.Soon(t), c, apiResourcesIn{})
	var e *kube.Error
	require.ErrorAs(t, err, &e)
	require.Equal(t, kube.Forbidden, e.Trouble)
}

// TestWhatWasNotSeenIsNotHealthy: more of a list than is read, and what the
// operator's rules deny, which is a part of the answer and not its end.
func TestWhatWasNotSeenIsNotHealthy(t *testing.T) {
	_, c := visit(t, map[string]string{core + "pods": `{"metadata":{"continue":"x"},"items":[]}`, "/api/v1/namespaces/team-a": `{"metadata":{"name":"team-a"}}`})
	_, out, err := diagnose(brokenapi.Soon(t), c, diagnoseIn{Namespace: "team-a"})
	require.NoError(t, err)
	require.Empty(t, out.Findings)
	require.Empty(t, out.Unread)
	require.True(t, out.Truncated)
	require.False(t, out.Healthy)

	s := newSurvey(t.Context(), c)
	require.False(t, s.could("pods", &kube.Error{Trouble: kube.Denied}))
	require.NoError(t, s.broken)
	require.Equal(t, []string{"pods (denied)"}, s.unread)
}
