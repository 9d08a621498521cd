package resources

import (
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"kubernetes-mcp-edge/mcpbackend/brokenapi"
)

const rulesPath = "/apis/authorization.k8s.io/v1/selfsubjectrulesreviews"

func rulesOf(t *testing.T, rules string) (text string, out WhoAmI) {
	t.Helper()
	_, c := brokenapi.Visit(t, map[string]string{
		"/apis/authentication.k8s.io/v1/selfsubjectreviews": `{"status":{"userInfo":{"username":"alice"}}}`, rulesPath: rules,
	})
	text, out, err := whoAmI(brokenapi.Soon(t), c, whoAmIIn{Namespace: "team-a"})
	require.NoError(t, err)
	return text, out
}

// TestWhoAmIWithRules: a line each, sorted, and honest about what is missing.
func TestWhoAmIWithRules(t *testing.T) {
	text, out := rulesOf(t, `{"status":{"incomplete":true,"resourceRules":[
		{"verbs":["get","list"],"apiGroups":["","apps"],"resources":["pods","pods/log"]},
		{"verbs":["*"],"apiGroups":["*"],"resources":["*"],"resourceNames":["web"]},
		{"verbs":["*"],"apiGroups":["*"],"resources":["*"],"resourceNames":["web"]}]}}`)
	require.True(t, strings.HasSuffix(text, "May in namespace team-a (verbs: resources):\n- *: *.* (only web)\n- get list: pods pods/log pods.apps pods/log.apps\n"+
		"-- The server says that it cannot list all rules: more may be allowed. can_i asks about one. --\n"), text)
	require.Equal(t, 2, out.Rules)
	text, out = rulesOf(t, `403 {"kind":"Status","message":"no"}`)
	require.Contains(t, text, "User: alice\n")
	require.Contains(t, text, "What the caller may do in namespace team-a could not be read: The cluster's RBAC")
	require.Zero(t, out.Rules)
	_, c := brokenapi.Visit(t, nil)
	_, _, err := whoAmI(brokenapi.Soon(t), c, whoAmIIn{Namespace: "*"})
	require.ErrorContains(t, err, "the name of one namespace")
}

// TestManyRules are cut, and counted.
func TestManyRules(t *testing.T) {
	rules := make([]string, 900)
	for i := range rules {
		rules[i] = fmt.Sprintf(`{"verbs":["get"],"apiGroups":["g%d"],"resources":%s}`, i, repeated(`"widgets"`, 60))
	}
	text, out := rulesOf(t, `{"status":{"resourceRules":[`+strings.Join(rules, ",")+`]}}`)
	require.Less(t, len(text), rulesBudget+1500)
	require.Contains(t, text, fmt.Sprintf("-- %d more rules were left out to keep the answer short. can_i asks about one. --\n", 900-out.Rules))
	require.Contains(t, text, "…\n")
}
