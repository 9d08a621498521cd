package access

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestDeniedSaysWhatAndWhy(t *testing.T) {
	rules, err := New(Config{
		Allow: []Rule{{Kinds: []string{"Pod"}, Namespaces: []string{"team-*"}}, {Groups: []string{"apps"}}},
		Deny:  []Rule{{Kinds: []string{"Secret"}}, {Groups: []string{"apps"}, Namespaces: []string{"kube-system"}}},
	})
	require.NoError(t, err)
	for line, want := range map[string]string{
		"get secrets ns=team-a name=db-password": "the operator's access rules do not let anyone get secrets in namespace team-a here (access.deny[0] in the policy file)",
		"list secrets":                           "the operator's access rules do not let anyone list secrets here (access.deny[0] in the policy file)",
		"list deployments.apps":                  "the operator's access rules do not let anyone list deployments.apps in all namespaces here (access.deny[1] in the policy file); name one namespace",
		"get deployments.apps ns=kube-system":    "the operator's access rules do not let anyone get deployments.apps in namespace kube-system here (access.deny[1] in the policy file)",
		"create pods/exec ns=team-a":             "the operator's access rules do not let anyone create pods/exec in namespace team-a here (no rule under access.allow in the policy file matches)",
		"list pods":                              "the operator's access rules do not let anyone list pods in all namespaces here (no rule under access.allow in the policy file matches); name one namespace",
		"list nodes cluster":                     "the operator's access rules do not let anyone list nodes here (no rule under access.allow in the policy file matches)",
		"get pods cluster name=x":                "the operator's access rules do not let anyone get pods here (no rule under access.allow in the policy file matches)",
	} {
		require.EqualError(t, rules.Check(parse(t, line)), want)
	}
}

func TestDeniedHoldsNoNameAndNothingThatAterminalReads(t *testing.T) {
	rules, err := New(Config{Deny: []Rule{{Kinds: []string{"*"}}}})
	require.NoError(t, err)
	q := Request{Verb: "get\x1b[31m", Group: "a\nb", Resource: "pods\u202e", Subresource: strings.Repeat("x", 300), Namespace: "a b", Name: "canary", Kind: "canary"}
	var d *Denied
	require.ErrorAs(t, rules.Check(q), &d)
	require.Empty(t, d.Request.Name)
	require.NotContains(t, d.Error(), "canary")
	require.Equal(t, `"get\x1b[31m" "pods\u202e"."a\nb"/(a long text) in namespace "a b"`, d.What())
}
