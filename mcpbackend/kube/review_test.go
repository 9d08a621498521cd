package kube

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func TestCanI(t *testing.T) {
	for answer, want := range map[string]Allowed{
		`{"allowed":true,"reason":"RBAC: allowed"}`:           {true, "RBAC: allowed"},
		`{"allowed":false}`:                                   {false, ""},
		`{"allowed":true,"denied":true,"reason":"a webhook"}`: {false, "a webhook"},
		`{"evaluationError":"no such role"}`:                  {false, "no such role"},
		`{"allowed":false,"reason":"x\u001b[31m\u202e y"}`:    {false, "x y"},
	} {
		h := hear(t, world{"POST /apis/authorization.k8s.io/v1/selfsubjectaccessreviews": `{"status":` + answer + `}`}.ServeHTTP)
		got, err := clientOf(t, h.hostile).CanI(within(t, 5*time.Second), Review{Verb: "get", Group: "apps", Resource: "deployments", Namespace: "team-a"})
		require.NoError(t, err)
		require.Equal(t, want, got)
		require.JSONEq(t, `{"apiVersion":"authorization.k8s.io/v1","kind":"SelfSubjectAccessReview","spec":{"resourceAttributes":
			{"verb":"get","group":"apps","resource":"deployments","namespace":"team-a"}}}`, h.body(t))
		require.Len(t, h.paths(), 1)
	}
	h := hear(t, world{"POST /apis/authorization.k8s.io/v1/selfsubjectaccessreviews": `{}`}.ServeHTTP)
	_, err := clientOf(t, h.hostile).CanI(within(t, 5*time.Second), Review{Verb: "*", Resource: "pods", Subresource: "log", Name: "../x"})
	require.NoError(t, err)
	require.JSONEq(t, `{"apiVersion":"authorization.k8s.io/v1","kind":"SelfSubjectAccessReview","spec":{"resourceAttributes":
		{"verb":"*","group":"","resource":"pods","subresource":"log","name":"../x"}}}`, h.body(t), "it is no path")
}

func TestRules(t *testing.T) {
	h := hear(t, world{"POST /apis/authorization.k8s.io/v1/selfsubjectrulesreviews": `{"status":{
		"resourceRules":[{"verbs":["get","list"],"apiGroups":[""],"resources":["pods"]},{"verbs":["get"],"apiGroups":["apps"],"resources":["*"],"resourceNames":["web"]}],
		"nonResourceRules":[{"verbs":["get"],"nonResourceURLs":["/healthz"]}],"incomplete":false}}`}.ServeHTTP)
	got, err := clientOf(t, h.hostile).Rules(within(t, 5*time.Second), "team-a")
	require.NoError(t, err)
	require.Equal(t, AccessRules{
		Resource: []ResourceRule{
			{Verbs: []string{"get", "list"}, Groups: []string{""}, Resources: []string{"pods"}},
			{Verbs: []string{"get"}, Groups: []string{"apps"}, Resources: []string{"*"}, Names: []string{"web"}},
		},
		NonResource: []PathRule{{Verbs: []string{"get"}, Paths: []string{"/healthz"}}},
	}, got)
	require.JSONEq(t, `{"apiVersion":"authorization.k8s.io/v1","kind":"SelfSubjectRulesReview","spec":{"namespace":"team-a"}}`, h.body(t))
	require.Len(t, h.paths(), 1)
}

// TestRulesThatAreNotAll say so, whoever left them out.
func TestRulesThatAreNotAll(t *testing.T) {
	many := strings.TrimSuffix(strings.Repeat(`"x",`, maxColumns+1), ",")
	for name, status := range map[string]string{
		"the server":      `{"incomplete":true}`,
		"too many rules":  `{"resourceRules":` + repeated(`{"verbs":["get"]}`, maxRules+1) + `}`,
		"too many paths":  `{"nonResourceRules":` + repeated(`{"verbs":["get"]}`, maxRules+1) + `}`,
		"a long rule":     `{"resourceRules":[{"resources":[` + many + `]}]}`,
		"long path rules": `{"nonResourceRules":[{"nonResourceURLs":[` + many + `]}]}`,
	} {
		t.Run(name, func(t *testing.T) {
			h := newHostile(t, answer(fmt.Appendf(nil, `{"status":%s}`, status)))
			got, err := clientOf(t, h).Rules(within(t, 5*time.Second), "team-a")
			require.NoError(t, err)
			require.True(t, got.Incomplete)
			require.LessOrEqual(t, len(got.Resource)+len(got.NonResource), maxRules)
		})
	}
}
