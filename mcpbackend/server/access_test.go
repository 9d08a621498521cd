package server

import (
	"testing"

	"github.com/stretchr/testify/require"
)

// TestAccessRulesTighten: the operator's rules hold from the next call on, for a
// caller whose client is warm and for one who comes new; his cluster hears
// nothing of what they refuse, and the rest of his calls goes on.
func TestAccessRulesTighten(t *testing.T) {
	api := newBrokenAPI(t)
	w := newWorld(t, api)
	api.objects["/api/v1/pods"] = table(2, "")
	api.objects["/api/v1/namespaces/team-a/pods"] = table(2, "")
	api.objects["/api/v1/namespaces/team-a/secrets/db"] = map[string]any{"apiVersion": "v1", "kind": "Secret", "metadata": map[string]any{"name": "db"}}
	s := w.session(t, api.headers("alice-token"))
	secret := map[string]any{"apiVersion": "v1", "kind": "Secret", "namespace": "team-a", "name": "db"}
	pods := func(namespace string) map[string]any {
		return map[string]any{"apiVersion": "v1", "kind": "Pod", "namespace": namespace}
	}
	ok(t, s, "resources_get", secret)
	ok(t, s, "resources_list", pods("*"))

	w.rewrite(t, policyFor(api)+"access:\n  deny:\n    - kinds: [Secret]\n    - namespaces: [kube-*]\n")
	for _, caller := range []string{"alice-token", "bob-token"} {
		s := w.session(t, api.headers(caller))
		asked := len(api.asked())
		require.Contains(t, fails(t, s, "resources_get", secret), "get secrets in namespace team-a here (access.deny[0] in the policy file)")
		require.Contains(t, fails(t, s, "resources_list", pods("*")), "list pods in all namespaces here (access.deny[1] in the policy file); name one namespace")
		require.Contains(t, fails(t, s, "resources_list", pods("kube-system")), "(access.deny[1] in the policy file)")
		for _, path := range api.asked()[asked:] {
			require.NotContains(t, path, "secrets")
			require.NotContains(t, path, "pods")
		}
		ok(t, s, "resources_list", pods("team-a"))
	}

	w.rewrite(t, policyFor(api))
	ok(t, s, "resources_get", secret)
	ok(t, s, "resources_list", pods("*"))
}

// TestAccessRulesAllow: with a rule under allow nothing else passes; who the
// caller is may be asked in any case.
func TestAccessRulesAllow(t *testing.T) {
	api := newBrokenAPI(t)
	w := newWorld(t, api)
	w.rewrite(t, policyFor(api)+"access:\n  allow:\n    - kinds: [Pod]\n      namespaces: [team-a]\n      verbs: [get, list]\n")
	api.objects["/api/v1/namespaces/team-a/pods"] = table(2, "")
	s := w.session(t, api.headers("alice-token"))
	ok(t, s, "resources_list", map[string]any{"apiVersion": "v1", "kind": "Pod", "namespace": "team-a"})
	require.Contains(t, fails(t, s, "resources_list", map[string]any{"apiVersion": "v1", "kind": "Pod"}), "no rule under access.allow in the policy file matches); name one namespace")
	require.Contains(t, fails(t, s, "resources_list", map[string]any{"apiVersion": "v1", "kind": "ConfigMap", "namespace": "team-a"}), "no rule under access.allow in the policy file matches")
	require.Contains(t, w.whoami(t, api.headers("alice-token")), "User: alice")
}
