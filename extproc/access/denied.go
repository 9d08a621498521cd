package access

import (
	"fmt"
	"strings"
)

// Denied is the error of a request that the rules do not let pass.
type Denied struct { //nolint:errname // reads as what became of the request: access.Denied
	// Request is what was asked, without the name of an object.
	Request Request
	// Rule is what refused it, as a key of the policy file: access.deny[0], or
	// access.allow if no rule there matched.
	Rule string
	// NameOne says that the request was over all namespaces and that it might
	// pass in one.
	NameOne bool
}

// Error says what was refused, by which rule, and what to do, in one sentence
// that a person and a model can act on. It holds no name and no part of an object.
func (d *Denied) Error() string {
	out := "the operator's access rules do not let anyone " + d.What() + " here ("
	if strings.HasSuffix(d.Rule, "]") {
		out += d.Rule + " in the policy file)"
	} else {
		out += "no rule under " + d.Rule + " in the policy file matches)"
	}
	if d.NameOne {
		out += "; name one namespace"
	}
	return out
}

// What is the request in words: get secrets in namespace team-a, list
// deployments.apps in all namespaces.
func (d *Denied) What() string {
	if d.NameOne {
		return d.Request.What() + " in all namespaces"
	}
	return d.Request.What()
}

// What is the request in words, without the name of an object.
func (q Request) What() string {
	what := word(q.Verb) + " " + word(q.Resource)
	if q.Group != "" {
		what += "." + word(q.Group)
	}
	if q.Subresource != "" {
		what += "/" + word(q.Subresource)
	}
	if q.Namespace != "" {
		what += " in namespace " + word(q.Namespace)
	}
	return what
}

// word is a part of a request in a form that no log line and no terminal can
// stumble over: requests are made of names, and anything else is not shown.
func word(s string) string {
	if len(s) > maxPattern {
		return "(a long text)"
	}
	for i := range len(s) {
		if c := s[i]; c >= 0x7f || c <= ' ' {
			return fmt.Sprintf("%.40q", s)
		}
	}
	return s
}
