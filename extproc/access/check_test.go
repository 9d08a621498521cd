package access

import (
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestBadRules(t *testing.T) {
	one := func(r Rule) Config { return Config{Deny: []Rule{{Kinds: []string{"Pod"}}, r}} }
	for _, c := range []struct {
		config Config
		want   string
	}{
		{one(Rule{}), `access.deny[1]: the rule has no list, so it would match every request; write kinds: ["*"] if that is meant`},
		{Config{Allow: []Rule{{Kinds: []string{"", "x"}}}}, `access.allow[0].kinds[0]: "" names no kind; write one such as Secret, pods/exec or "*"`},
		{one(Rule{Kinds: []string{"/exec"}}), `access.deny[1].kinds[0]: "/exec" names no kind; write one such as Secret, pods/exec or "*"`},
		{one(Rule{Kinds: []string{"pods/"}}), `access.deny[1].kinds[0]: "pods/" ends in a slash; write "pods/*" for its subresources or "pods" for itself`},
		{one(Rule{Kinds: []string{"Pod", "deployments.apps"}}), `access.deny[1].kinds[1]: "deployments.apps" holds a dot; write "deployments" here and "apps" under groups`},
		{one(Rule{Kinds: []string{"deployments.apps/scale"}}), `access.deny[1].kinds[0]: "deployments.apps/scale" holds a dot; write "deployments/scale" here and "apps" under groups`},
		{one(Rule{Kinds: []string{"SVC"}}), `access.deny[1].kinds[0]: "SVC" is a short name, which no request holds; write Service`},
		{one(Rule{Kinds: []string{"po/exec"}}), `access.deny[1].kinds[0]: "po/exec" is a short name, which no request holds; write Pod/exec`},
		{one(Rule{Kinds: []string{"pöds"}}), `access.deny[1].kinds[0]: "pöds" is no pattern of a kind; write one such as Secret, pods/exec`},
		{one(Rule{Kinds: []string{"pods/exec/x"}}), `access.deny[1].kinds[0]: "pods/exec/x" holds two slashes; write one subresource`},
		{one(Rule{Kinds: []string{"a**"}}), `access.deny[1].kinds[0]: "a**" holds two stars in a row; write one`},
		{one(Rule{Kinds: []string{"*a*a*a*a*"}}), `access.deny[1].kinds[0]: "*a*a*a*a*" holds more than 4 stars; write fewer`},
		{one(Rule{Kinds: []string{strings.Repeat("x", 254)}}), `access.deny[1].kinds[0]: the text has 254 bytes; write at most 253`},
		{one(Rule{Groups: []string{"apps/v1"}}), `access.deny[1].groups[0]: "apps/v1" holds a slash; write the group alone, and the version under versions`},
		{one(Rule{Groups: []string{"Apps"}}), `access.deny[1].groups[0]: "Apps" is no pattern of a group; write one such as apps`},
		{one(Rule{Versions: []string{""}}), `access.deny[1].versions[0]: the text is empty; write a version such as v1`},
		{one(Rule{Versions: []string{"v1.2"}}), `access.deny[1].versions[0]: "v1.2" is no pattern of a version; write one such as v1`},
		{one(Rule{Namespaces: []string{""}}), `access.deny[1].namespaces[0]: the text is empty; write a namespace such as team-a, or leave namespaces out for requests that are in none as well`},
		{one(Rule{Namespaces: []string{"Team"}}), `access.deny[1].namespaces[0]: "Team" is no pattern of a namespace; write one such as team-a`},
		{one(Rule{Verbs: []string{"Get"}}), `access.deny[1].verbs[0]: "Get" is no verb; write get`},
		{one(Rule{Verbs: []string{"get", "lst"}}), `access.deny[1].verbs[1]: "lst" is no verb; write list`},
		{one(Rule{Verbs: []string{"read"}}), `access.deny[1].verbs[0]: "read" is no verb; write get, list, watch`},
		{one(Rule{Verbs: []string{"write"}}), `access.deny[1].verbs[0]: "write" is no verb; write create, update, patch, delete, deletecollection`},
		{one(Rule{Verbs: []string{"apply"}}), `access.deny[1].verbs[0]: "apply" is no verb; write patch, create, update`},
		{one(Rule{Verbs: []string{"exec"}}), `access.deny[1].verbs[0]: "exec" is no verb; write "*/exec" under kinds`},
		{one(Rule{Verbs: []string{"logs"}}), `access.deny[1].verbs[0]: "logs" is no verb; write "*/log" under kinds`},
		{one(Rule{Verbs: []string{"impersonate"}}), `access.deny[1].verbs[0]: "impersonate" is no verb; write some of get, list, watch, create, update, patch, delete, deletecollection`},
		{one(Rule{Verbs: []string{""}}), `access.deny[1].verbs[0]: "" is no verb; write some of get, list, watch, create, update, patch, delete, deletecollection`},
		{one(Rule{Verbs: []string{"x*"}}), `access.deny[1].verbs[0]: "x*" is no verb; write some of get, list, watch, create, update, patch, delete, deletecollection`},
		{one(Rule{Verbs: []string{"g**t"}}), `access.deny[1].verbs[0]: "g**t" holds two stars in a row; write one`},
		{Config{Deny: slices.Repeat([]Rule{{Verbs: []string{"get"}}}, 201)}, `access.deny: the list has 201 rules; write at most 200`},
		{Config{Allow: slices.Repeat([]Rule{{Verbs: []string{"get"}}}, 201)}, `access.allow: the list has 201 rules; write at most 200`},
		{one(Rule{Verbs: slices.Repeat([]string{"get"}, 101)}), `access.deny[1].verbs: the list has 101 items; write at most 100`},
	} {
		rules, err := New(c.config)
		require.EqualError(t, err, c.want)
		require.Equal(t, Rules{}, rules, "no half read rules")
	}
}

func TestVerbsMeantForOthers(t *testing.T) {
	for s, want := range map[string]string{
		"view": "get, list, watch", "edit": "create, update, patch, delete, deletecollection", "post": "create", "put": "update", "replace": "update",
		"remove": "delete, deletecollection", "deletecolection": "deletecollection", "pach": "patch", "watches": "watch",
	} {
		require.EqualError(t, CheckVerb(s), `"`+s+`" is no verb; write `+want)
	}
}

func TestEveryVerbIsGood(t *testing.T) {
	require.Len(t, Verbs(), 8)
	for _, verb := range append(Verbs(), "*", "delete*", "*t*") {
		require.NoError(t, CheckVerb(verb))
	}
	Verbs()[0] = "changed"
	require.Equal(t, "get", Verbs()[0])
}

func TestWarnings(t *testing.T) {
	for _, c := range []struct {
		deny []Rule
		want []string
	}{
		{[]Rule{{Kinds: []string{"Secret"}}, {Verbs: []string{"*"}}, {Verbs: []string{"get", "list", "watch"}}, {Verbs: []string{"watch", "create"}}, {Versions: []string{"*"}}}, nil},
		{[]Rule{{Versions: []string{"v1"}}}, []string{"access.deny[0] denies some versions, and an API server hands out the same objects in every version that it serves: remove versions"}},
		{[]Rule{{Verbs: []string{"get"}}}, []string{"access.deny[0] leaves another way to do what it denies: add list and watch to its verbs"}},
		{[]Rule{{Verbs: []string{"create"}}, {Verbs: []string{"list", "delete", "update"}}}, []string{"access.deny[1] leaves another way to do what it denies: add watch and patch and deletecollection to its verbs"}},
		{[]Rule{{Verbs: []string{"patch"}}}, []string{"access.deny[0] leaves another way to do what it denies: add update to its verbs"}},
		// What one rule leaves another may take.
		{[]Rule{{Kinds: []string{"Secret"}, Verbs: []string{"get"}}, {Kinds: []string{"Secret"}, Verbs: []string{"list", "watch"}}}, nil},
	} {
		rules, err := New(Config{Deny: c.deny})
		require.NoError(t, err)
		require.Equal(t, c.want, rules.Warnings())
		allowed, err := New(Config{Allow: c.deny})
		require.NoError(t, err)
		require.Empty(t, allowed.Warnings(), "an allow leaves nothing open")
	}
}
