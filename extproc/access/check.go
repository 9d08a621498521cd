package access

import (
	"errors"
	"fmt"
	"strings"
)

// How much an operator may write, so that judging a request takes a bounded
// time: BenchmarkCheck shows a few milliseconds for the longest lists, which
// nobody writes, and a tenth of a microsecond for a few rules.
const (
	MaxRules    = 200 // of each list of rules
	MaxPatterns = 100 // of each list of a rule
	maxPattern  = 253 // bytes, which is the longest group
	maxStars    = 4
)

// check says what is wrong with the rule at this place.
func (r *Rule) check(at string) error {
	if len(r.Groups)+len(r.Versions)+len(r.Kinds)+len(r.Namespaces)+len(r.Verbs) == 0 {
		return fmt.Errorf("%s: %w", at, ErrEmptyRule)
	}
	for _, list := range []struct {
		name  string
		items []string
		check func(string) error
	}{
		{"groups", r.Groups, CheckGroup},
		{"versions", r.Versions, CheckVersion},
		{"kinds", r.Kinds, CheckKind},
		{"namespaces", r.Namespaces, CheckNamespace},
		{"verbs", r.Verbs, CheckVerb},
	} {
		if len(list.items) > MaxPatterns {
			return fmt.Errorf("%s.%s: the list has %d items; write at most %d", at, list.name, len(list.items), MaxPatterns)
		}
		for i, item := range list.items {
			if err := list.check(item); err != nil {
				return fmt.Errorf("%s: %w", place(at+"."+list.name, i), err)
			}
		}
	}
	return nil
}

// ErrEmptyRule is the error of a rule without any list.
var ErrEmptyRule = errors.New(`the rule has no list, so it would match every request; write kinds: ["*"] if that is meant`)

// CheckGroup says what is wrong with an item of groups. The empty text is right.
func CheckGroup(s string) error {
	if strings.Contains(s, "/") {
		return fmt.Errorf("%q holds a slash; write the group alone, and the version under versions", s)
	}
	return characters(s, "a group", "apps", "abcdefghijklmnopqrstuvwxyz0123456789-.")
}

// CheckVersion says what is wrong with an item of versions.
func CheckVersion(s string) error {
	if s == "" {
		return errors.New("the text is empty; write a version such as v1")
	}
	return characters(s, "a version", "v1", "abcdefghijklmnopqrstuvwxyz0123456789-")
}

// CheckNamespace says what is wrong with an item of namespaces.
func CheckNamespace(s string) error {
	if s == "" {
		return errors.New(`the text is empty; write a namespace such as team-a, or leave namespaces out for requests that are in none as well`)
	}
	return characters(s, "a namespace", "team-a", "abcdefghijklmnopqrstuvwxyz0123456789-")
}

// CheckKind says what is wrong with an item of kinds.
func CheckKind(s string) error {
	name, sub, slash := strings.Cut(s, "/")
	switch {
	case name == "":
		return fmt.Errorf("%q names no kind; write one such as Secret, pods/exec or \"*\"", s)
	case slash && sub == "":
		return fmt.Errorf("%q ends in a slash; write %q for its subresources or %q for itself", s, s+"*", name)
	case strings.Contains(sub, "/"):
		return fmt.Errorf("%q holds two slashes; write one subresource", s)
	case strings.Contains(name, "."):
		kind, group, _ := strings.Cut(name, ".")
		return fmt.Errorf("%q holds a dot; write %q here and %q under groups", s, kind+s[len(name):], group)
	}
	if long := longName(lower(name)); long != "" {
		return fmt.Errorf("%q is a short name, which no request holds; write %s", s, long+s[len(name):])
	}
	const letters = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-"
	return characters(s, "a kind", "Secret, pods/exec", letters+"/")
}

// characters says what is wrong with a pattern beyond its meaning.
func characters(s, what, example, legal string) error {
	switch {
	case len(s) > maxPattern:
		return fmt.Errorf("the text has %d bytes; write at most %d", len(s), maxPattern)
	case strings.Contains(s, "**"):
		return fmt.Errorf("%q holds two stars in a row; write one", s)
	case strings.Count(s, "*") > maxStars:
		return fmt.Errorf("%q holds more than %d stars; write fewer", s, maxStars)
	}
	if i := strings.IndexFunc(s, func(c rune) bool { return c != '*' && !strings.ContainsRune(legal, c) }); i >= 0 {
		return fmt.Errorf("%q is no pattern of %s; write one such as %s", s, what, example)
	}
	return nil
}
