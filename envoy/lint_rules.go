package envoy

import "slices"

// Rule is one invariant as people read of it; docs/lint.md lists them all.
type Rule struct {
	ID    string // stable kebab-case name
	Wrong string // what is the matter with a configuration that breaks it
	Why   string // what then happens
	Mend  string // what to do
}

// rule is an invariant over a T.
type rule[T any] struct {
	Rule

	look func(T, hit)
}

// hit reports a place that breaks the rule, with what is special about it.
type hit func(at *place, detail string)

// when reports the place if it is broken, and nothing is special about it.
func (h hit) when(broken bool, at *place) {
	if broken {
		h(at, "")
	}
}

// The rules that the reading itself finds broken, and those named elsewhere.
const (
	ruleParse    = "parse"
	ruleField    = "unknown-field"
	ruleType     = "unknown-type"
	ruleValidate = "validate"
	ruleGuard    = "one-guard"
)

func readingRules() []Rule {
	return []Rule{
		{
			ruleParse, "a value does not fit its field",
			"Envoy refuses the whole configuration, or its control plane drops the field.",
			"write a value of the field's type; keys must be unique",
		},
		{
			ruleField, "Envoy 1.40 knows no such field or value",
			"Envoy refuses it; Istio drops it with a warning and runs without, so that a misspelt allow_mode_override lets rejected requests reach the backend.",
			"mend the spelling; if a newer Envoy has it, use a newer kubemcp",
		},
		{
			ruleType, "an extension of a type that this program does not know",
			"Nobody can say here what it does. This is a note: where the order of filters or the way of a request depends on it, another rule is broken too.",
			"make sure that it neither prints request headers nor changes them after the guard",
		},
		{
			ruleValidate, "a value lies outside what Envoy's own rules allow",
			"Envoy refuses the configuration.",
			"choose a value that the field's comment in Envoy's reference allows",
		},
	}
}

// Rules are all rules, in the order in which they are applied.
func Rules() []Rule {
	out := readingRules()
	out = append(out, named(wholeRules())...)
	out = append(out, named(edgeRules())...)
	return append(out, named(wayRules())...)
}

func named[T any](rules []rule[T]) []Rule {
	out := make([]Rule, 0, len(rules))
	for _, r := range rules {
		out = append(out, r.Rule)
	}
	return out
}

// ruleOf is the rule of an id that stands in this package.
func ruleOf(id string) Rule {
	all := Rules()
	return all[slices.IndexFunc(all, func(r Rule) bool { return r.ID == id })]
}

func edgeRules() []rule[*edge] {
	return slices.Concat(
		listenerRules(), callerRules(), http2Rules(), guardRules(), guardSettingRules(), chainRules(),
		clusterRules(), transportRules(), backendRules(), routeRules(), rewriteRules(), replyRules(),
	)
}
