package access

import (
	"fmt"
	"slices"
)

// rule is a Rule made ready for matching.
type rule struct {
	groups, versions, namespaces, verbs patterns
	kinds                               []kinds // nil matches anything
}

// compileAll reads one of the lists.
func compileAll(list string, from []Rule, deny bool) ([]rule, error) {
	if len(from) > MaxRules {
		return nil, fmt.Errorf("%s: the list has %d rules; write at most %d", list, len(from), MaxRules)
	}
	var out []rule // nil for none, as in the zero Rules
	for i := range from {
		r := &from[i]
		if err := r.check(place(list, i)); err != nil {
			return nil, err
		}
		c := rule{
			groups: compileGroups(r.Groups), versions: compileList(r.Versions),
			namespaces: compileList(r.Namespaces), verbs: compileList(r.Verbs),
		}
		for _, k := range r.Kinds {
			c.kinds = append(c.kinds, compileKind(k, deny))
		}
		out = append(out, c)
	}
	return out, nil
}

// compileGroups knows both spellings of the core group.
func compileGroups(list []string) patterns {
	out := compileList(list)
	for i, p := range out {
		if len(p) == 1 {
			out[i] = pattern{coreGroup(p[0])}
		}
	}
	return out
}

// refuses reports whether the rule, as a deny, matches.
func (r *rule) refuses(a *asked) bool {
	verb := r.verbs.match(a.verb) || !known(a.verb) || a.connects && r.verbs.match(create, get)
	if !verb || !r.versions.match(a.version) {
		return false
	}
	if !r.groups.match(a.groups...) {
		return false
	}
	if r.kinds != nil && !slices.ContainsFunc(r.kinds, func(k kinds) bool { return k.denies(a) }) {
		return false
	}
	if r.namespaces == nil {
		return true
	}
	switch a.where {
	case inOne:
		return r.namespaces.match(a.namespace)
	case everywhere:
		return true
	case inNone:
	}
	return a.namespaces && r.namesKind()
}

// namesKind reports whether the rule says which kinds it is about.
func (r *rule) namesKind() bool {
	return r.kinds != nil && !slices.ContainsFunc(r.kinds, func(k kinds) bool { return k.all })
}

// admits reports whether the rule, as an allow, matches but for namespaces.
func (r *rule) admits(a *asked) bool {
	verb := a.verb
	if a.connects {
		verb = create
	}
	return r.verbs.match(verb) && r.groups.match(a.group) && r.versions.match(a.version) &&
		(r.kinds == nil || slices.ContainsFunc(r.kinds, func(k kinds) bool { return k.allows(a) }))
}

// holds reports whether the rule, as an allow, is about the request's namespaces.
func (r *rule) holds(a *asked) bool {
	switch {
	case r.namespaces == nil:
		return true
	case a.where == inOne:
		return r.namespaces.match(a.namespace)
	}
	return a.where == everywhere && r.namespaces.all()
}
