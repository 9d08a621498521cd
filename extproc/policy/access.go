package policy

import (
	"strings"

	"go.yaml.in/yaml/v3"

	"kubernetes-mcp-edge/extproc/access"
)

// Patterns of what the lists of a rule take. Short names and the like only the
// reader knows.
const (
	groupPattern     = `^[a-z0-9.*-]*$`
	labelPattern     = `^[a-z0-9*-]+$`
	accessKind       = `^[A-Za-z0-9*-]+(/[A-Za-z0-9*-]+)?$`
	patternOfAnyVerb = `[a-z]*\*[a-z*]*`
)

// verbPattern is a verb, or what has a star.
func verbPattern() string {
	return "^(" + strings.Join(access.Verbs(), "|") + "|" + patternOfAnyVerb + ")$"
}

// accessKeys are the keys below access.
func (d *draft) accessKeys() []key {
	return []key{
		{name: allow, value: items{access.MaxRules, rule(&d.access.Allow), 1},
			about: "If there is a rule here, only what one of them matches is allowed. A kind stands for itself, its subresources are named: pods, pods/log; kinds: [\"*\"] stands for everything. Default: none, everything is allowed."},
		{name: "deny", value: items{access.MaxRules, rule(&d.access.Deny), 1},
			about: "What is refused even where a rule above allows it. A kind stands for itself and its subresources. Default: none."},
	}
}

// rule makes one item of a list of rules.
func rule(to *[]access.Rule) func() (keys []key, done func(r *reader, n *yaml.Node, at string)) {
	return func() ([]key, func(r *reader, n *yaml.Node, at string)) {
		item := new(access.Rule)
		return ruleKeys(item), func(r *reader, n *yaml.Node, at string) {
			if len(n.Content) == 0 {
				r.failf(n, at, "%w", access.ErrEmptyRule)
				return
			}
			*to = append(*to, *item)
		}
	}
}

// ruleKeys are the keys of an item of either list.
func ruleKeys(item *access.Rule) []key {
	list := func(to *[]string, check func(string) error, pattern string) value {
		return texts{to: to, check: check, most: access.MaxPatterns, pattern: pattern,
			none: "the list is empty, which could mean all or none; remove the key if the rule is about all, and the rule if it is about none"}
	}
	return []key{
		{name: "groups", value: list(&item.Groups, access.CheckGroup, groupPattern),
			about: "API groups, such as apps or *.example.com; \"\" and core are the core group. Left out: any."},
		{name: "versions", value: list(&item.Versions, access.CheckVersion, labelPattern),
			about: "Versions, such as v1 or v*beta*. In deny a version alone stops little: the same objects come in every version that the API server has. Left out: any."},
		{name: "kinds", value: list(&item.Kinds, access.CheckKind, accessKind),
			about: "Kinds or plurals in any case, such as Secret, secrets, pods/exec, nodes/*. The plural of a kind is guessed; write an irregular one itself. Left out: any, subresources too."},
		{name: "namespaces", value: list(&item.Namespaces, access.CheckNamespace, labelPattern),
			about: "Namespaces, such as team-a or kube-*; Namespace objects are in their own. A request over all namespaces meets every deny that has this list, and no allow but that of \"*\"; what has no namespace, such as a node, meets neither. Left out: any, and what has none."},
		{name: "verbs", value: list(&item.Verbs, access.CheckVerb, verbPattern()),
			about: "Verbs of RBAC: " + sentenceOf(access.Verbs()) + "; server-side apply is patch. Left out: any."},
	}
}

// ExplainAccess says which rule of access decides about a request, and on which
// line it stands.
func (p *Policy) ExplainAccess(q access.Request) Step {
	rule, err := p.Access.Decide(q)
	s := Step{Asked: q.What(), Outcome: Allows, Key: rule, Line: p.Line(rule)}
	if err != nil {
		s.Outcome = Rejects
	}
	return s
}
