package access

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// FuzzCheck feeds any text to rules and requests: nothing panics, what New takes
// judges as the model does, and an error is one line that shows no name.
func FuzzCheck(f *testing.F) {
	for _, seed := range [][6]string{
		{"get", "", "pods", "exec", "a", "pods/*"},
		{"list", "apps", "deployments", "", "", "Deploy*ment"},
		{"get\x00", "\xff", "secrets\xe2\x84\xaa", "*", "k\u212a", "*/*"},
		{"watch", "core", "namespaces", "", "", "*a*a*a*a"},
		{"", "", "", "", "", "*"},
	} {
		f.Add(seed[0], seed[1], seed[2], seed[3], seed[4], seed[5], seed[4], true)
	}
	f.Fuzz(func(t *testing.T, verb, group, resource, sub, namespace, kind, other string, cluster bool) {
		q := Request{Verb: verb, Group: group, Version: "v1", Resource: resource, Subresource: sub, Namespace: namespace, Name: "canary-of-a-name", Kind: kind, ClusterScoped: cluster}
		rule := Rule{Kinds: []string{kind}, Namespaces: []string{other}}
		for _, c := range []Config{
			{Deny: []Rule{rule}},
			{Allow: []Rule{rule}},
			{Deny: []Rule{{Groups: []string{group}, Verbs: []string{verb}}}},
			{Allow: []Rule{{Groups: []string{other}, Kinds: []string{kind}}}},
		} {
			rules, err := New(c)
			if err != nil {
				require.True(t, rules.Empty())
				continue
			}
			err = rules.Check(q)
			if ascii(verb + group + resource + sub + namespace + kind + other) {
				require.Equal(t, modelAllows(c, q), err == nil)
			}
			if err != nil {
				require.NotContains(t, err.Error(), q.Name)
				require.False(t, strings.ContainsAny(err.Error(), "\r\n\x1b"))
			}
		}
	})
}

// ascii reports whether the model, which folds letters of all scripts, can tell.
func ascii(s string) bool {
	return !strings.ContainsFunc(s, func(c rune) bool { return c > 0x7f })
}
