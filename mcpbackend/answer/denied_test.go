package answer_test

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"kubernetes-mcp-edge/extproc/access"
	"kubernetes-mcp-edge/mcpbackend/answer"
	"kubernetes-mcp-edge/mcpbackend/brokenapi"
	"kubernetes-mcp-edge/mcpbackend/kube"
)

// TestDeniedAgreesWithItsRule: who may not ask over all namespaces and might in
// one is told to name one; who may not at all is told to stop, and nothing else.
func TestDeniedAgreesWithItsRule(t *testing.T) {
	const stop, narrow = "Do not retry", "call again with the namespace"
	pods := kube.Kind{Version: "v1", Kind: "Pod", Resource: "pods", Namespaced: true}
	for name, test := range map[string]struct {
		rules           access.Config
		namespace       string
		says, saysNever string
	}{
		"allowed in one namespace":    {access.Config{Allow: []access.Rule{{Namespaces: []string{"team-a"}}}}, "", narrow, stop},
		"denied in one namespace":     {access.Config{Deny: []access.Rule{{Kinds: []string{"pods"}, Namespaces: []string{"team-a"}}}}, "", narrow, stop},
		"this is the namespace":       {access.Config{Deny: []access.Rule{{Kinds: []string{"pods"}, Namespaces: []string{"team-a"}}}}, "team-a", stop, narrow},
		"denied in every namespace":   {access.Config{Deny: []access.Rule{{Kinds: []string{"pods"}}}}, "", stop, narrow},
		"another namespace's allowed": {access.Config{Allow: []access.Rule{{Namespaces: []string{"team-b"}}}}, "team-a", stop, narrow},
	} {
		rules, err := access.New(test.rules)
		require.NoError(t, err)
		_, client := brokenapi.VisitUnder(t, rules, nil)
		_, err = client.List(brokenapi.Soon(t), pods, kube.ListOptions{Namespace: test.namespace})
		require.Equal(t, "denied", answer.Word(err), name)
		text := answer.Advise(err).Error()
		require.Contains(t, text, test.says, name)
		require.NotContains(t, text, test.saysNever, name)
		require.Contains(t, text, "the operator's access rules do not let anyone list pods", name)
		require.Equal(t, test.says == narrow, strings.Contains(text, "; name one namespace"), "%s: the rule's own advice, %s", name, text)
	}
}
