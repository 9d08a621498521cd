package access

import (
	"slices"
	"strings"
)

// pattern is a text with stars, cut at the stars: one part has none.
type pattern []string

func compile(s string) pattern { return strings.Split(lower(s), "*") }

// match reports whether the text is the parts in this order, with anything
// between them. Each part is taken where it comes first, which is right
// because only the last has to end somewhere: the time is linear in the text.
func (p pattern) match(s string) bool {
	last := len(p) - 1
	if last == 0 {
		return s == p[0]
	}
	s, begins := strings.CutPrefix(s, p[0])
	if !begins {
		return false
	}
	for _, part := range p[1:last] {
		i := strings.Index(s, part)
		if i < 0 {
			return false
		}
		s = s[i+len(part):]
	}
	return strings.HasSuffix(s, p[last])
}

// patterns is one list of a rule; nil matches anything.
type patterns []pattern

func compileList(list []string) patterns {
	if len(list) == 0 {
		return nil
	}
	out := make(patterns, len(list))
	for i, s := range list {
		out[i] = compile(s)
	}
	return out
}

// match reports whether one pattern matches one of the texts.
func (ps patterns) match(texts ...string) bool {
	return ps == nil || slices.ContainsFunc(ps, func(p pattern) bool { return slices.ContainsFunc(texts, p.match) })
}

// lists reports whether the list is there and has no * alone.
func (ps patterns) lists() bool { return ps != nil && !ps.all() }

// all reports whether the list has a * alone.
func (ps patterns) all() bool {
	return slices.ContainsFunc(ps, func(p pattern) bool { return len(p) == 2 && p[0] == "" && p[1] == "" })
}

// plurals are what the plural of a kind may be: that of Kubernetes' guess, and
// for a y behind a vowel that of English. The kind may be a pattern.
func plurals(kind string) []string {
	switch {
	case strings.HasSuffix(kind, "*") || kind == "" || strings.HasSuffix(kind, "endpoints"):
		return []string{kind}
	case strings.HasSuffix(kind, "s"):
		return []string{kind + "es"}
	case strings.HasSuffix(kind, "y"):
		stem := strings.TrimSuffix(kind, "y")
		if stem != "" && strings.ContainsRune("aeou", rune(stem[len(stem)-1])) {
			return []string{stem + "ies", kind + "s"}
		}
		return []string{stem + "ies"}
	}
	return []string{kind + "s"}
}

// everyPlural are the regular plurals of English, whether they fit or not.
func everyPlural(kind string) []string {
	if strings.HasSuffix(kind, "*") || kind == "" {
		return nil
	}
	out := []string{kind + "s", kind + "es"}
	if stem, y := strings.CutSuffix(kind, "y"); y {
		out = append(out, stem+"ies")
	}
	return out
}

// kinds is one item of the kinds of a rule.
type kinds struct {
	names       patterns // the item itself and its plurals
	subresource pattern  // nil: none is written
	all         bool     // * alone
}

// compileKind reads an item; a deny takes more plurals.
func compileKind(s string, deny bool) kinds {
	name, sub, slash := strings.Cut(lower(s), "/")
	k := kinds{all: s == "*", names: patterns{compile(name)}}
	more := plurals(name)
	if deny {
		more = append(more, everyPlural(name)...)
	}
	for _, plural := range more {
		k.names = append(k.names, compile(plural))
	}
	if slash {
		k.subresource = compile(sub)
	}
	return k
}

// denies reports whether the item is about the request, in a deny.
func (k *kinds) denies(a *asked) bool {
	if !k.names.match(a.names...) {
		return false
	}
	return k.subresource == nil || a.subresource != "" && k.subresource.match(a.subresource)
}

// allows reports whether the item is about the request, in an allow.
func (k *kinds) allows(a *asked) bool {
	switch {
	case k.all:
		return true
	case !k.names.match(a.resource):
		return false
	case k.subresource == nil:
		return a.subresource == ""
	}
	return a.subresource != "" && k.subresource.match(a.subresource)
}
