package policy

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"kubernetes-mcp-edge/extproc/access"
)

func TestAccessTakesEffect(t *testing.T) {
	secret := access.Request{Verb: "get", Version: "v1", Resource: "secrets", Namespace: "team-a", Name: "db"}
	require.True(t, mustParse(t, "").Access.Empty())
	require.True(t, mustParse(t, "access: {}\n").Access.Empty())
	require.True(t, mustParse(t, "access: {allow: [], deny: []}\n").Access.Empty())

	for rule, denied := range map[string]bool{
		"kinds: [Secret]": true, "kinds: [Pod]": false,
		"groups: [\"\"]": true, "groups: [core]": true, "groups: [apps]": false,
		"versions: [v1]": true, "versions: [v2]": false,
		"namespaces: [team-*]": true, "namespaces: [team-b]": false,
		"verbs: [get, list]": true, "verbs: [list]": false,
		"kinds: [Secret], namespaces: [team-a]": true, "kinds: [Secret], namespaces: [team-b]": false,
	} {
		deny := mustParse(t, "access: {deny: [{"+rule+"}]}\n")
		require.Equal(t, denied, deny.Access.Check(secret) != nil, rule)
		allow := mustParse(t, "access: {allow: [{"+rule+"}]}\n")
		require.Equal(t, denied, allow.Access.Check(secret) == nil, rule)
		require.NotEqual(t, deny.Digest, allow.Digest)
	}
}

func TestAccessIsExplained(t *testing.T) {
	p := mustParse(t, "access:\n  allow:\n    - kinds: [Pod]\n    - kinds: [Secret]\n  deny:\n    - namespaces: [b]\n")
	for _, c := range []struct {
		q    access.Request
		want Step
	}{
		{access.Request{Verb: "get", Resource: "secrets", Namespace: "a"}, Step{Asked: "get secrets in namespace a", Outcome: Allows, Key: "access.allow[1]", Line: 6}},
		{access.Request{Verb: "get", Resource: "secrets", Namespace: "b"}, Step{Asked: "get secrets in namespace b", Outcome: Rejects, Key: "access.deny[0]", Line: 8}},
		{access.Request{Verb: "get", Resource: "nodes", Name: "x"}, Step{Asked: "get nodes", Outcome: Rejects, Key: "access.allow", Line: 4}},
	} {
		require.Equal(t, c.want, p.ExplainAccess(c.q))
	}
	require.Equal(t, Step{Asked: "get nodes", Outcome: Allows, Key: "access.allow"}, mustParse(t, "").ExplainAccess(access.Request{Verb: "get", Resource: "nodes"}))
}

func TestAccessWarnings(t *testing.T) {
	p := mustParse(t, "hosts: {exact: [api.example.com]}\naccess: {deny: [{versions: [v1]}, {verbs: [delete]}]}\n")
	require.Len(t, p.Warnings(), 2)
	require.Contains(t, p.Warnings()[0], "access.deny[0] denies some versions")
	require.Contains(t, p.Warnings()[1], "access.deny[1] leaves another way")
}

func TestAccessIsBounded(t *testing.T) {
	rules := func(n int) string { return "access: {deny: [" + strings.Repeat("{verbs: [get]}, ", n) + "]}\n" }
	_, err := Parse([]byte(head + rules(access.MaxRules)))
	require.NoError(t, err)
	_, err = Parse([]byte(head + rules(access.MaxRules+1)))
	require.EqualError(t, err, "policy:3: access.deny: the list has 201 items; write at most 200")
	items := func(n int) string {
		return "access: {allow: [{namespaces: [a" + further(n) + "]}]}\n"
	}
	_, err = Parse([]byte(head + items(access.MaxPatterns-1)))
	require.NoError(t, err)
	_, err = Parse([]byte(head + items(access.MaxPatterns)))
	require.EqualError(t, err, "policy:3: access.allow[0].namespaces: the list has 101 items; write at most 100")
}

// further are that many different items behind another.
func further(n int) string {
	var out strings.Builder
	for i := range n {
		out.WriteString(", b" + strings.Repeat("b", i))
	}
	return out.String()
}
