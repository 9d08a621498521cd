// Package access holds an operator's rules about what may be asked of API
// servers: by group, version, kind, namespace and verb, whatever the caller's
// own rights are. The rules are judged on what is on the wire, one request at a
// time, so that they hold for every tool and every library behind them.
//
//	allow: []  # empty: everything; else only what a rule matches
//	deny: []   # wins over allow
//
// A rule has lists of patterns, and matches a request that every list matches. A
// list that is left out matches anything. In a pattern * stands for any text,
// the empty one included, anywhere and at most four times. Case does not count.
//
//   - groups: "apps", "*.example.com"; "" and "core" are the core group.
//   - versions: "v1", "v*beta*". A deny of some versions is weak: an API server
//     hands out the same objects in each version that it serves.
//   - kinds: a kind or plural, "Secret" or "secrets", with a subresource
//     behind a slash where one is meant: "pods/exec", "nodes/*", "*/scale".
//   - namespaces: "team-a", "kube-*".
//   - verbs: those of RBAC, as they are on the wire: get, list, watch, create,
//     update, patch, delete, deletecollection. Server-side apply is patch.
//
// Requests name plurals, so the plural of a kind is guessed as Kubernetes' own
// meta.UnsafeGuessKindToResource does (box: boxs; policy: policies, class:
// classes), and a kind in -ay, -ey, -oy and -uy takes an s as well (gateway:
// gateways). Write an irregular plural as a plural. Short names are no kinds.
//
// # Deny fails closed, allow says what it means
//
// What a deny is meant to stop must not come out by another door, and what an
// allow does not name stays shut:
//
//   - A deny of a kind covers all of its subresources, an allow none of them but
//     those it names; kinds: ["*"] covers everything in both.
//   - A deny looks at the plural, at every plural that the kind could have by
//     English rules, and at the kind where the request knows it. An allow looks at the
//     plural alone: an API server may say of any plural that its kind is Pod.
//   - A deny of a group covers the groups that serve the same objects under
//     another name: events of the core group and of events.k8s.io are one.
//   - The verb of pods/exec, pods/attach and pods/portforward is create, also
//     where a WebSocket begins with a GET. A deny of get stops that as well.
//   - A deny that lists verbs stops a verb that RBAC does not know.
//   - A request over all namespaces meets every deny that lists namespaces, and
//     an allow only where namespaces are left out or "*". Name one namespace.
//   - The object namespaces/NAME is in the namespace NAME. Any other object
//     without a namespace is in none: no rule that lists namespaces is about it.
//     So is the list of namespaces itself, unless a deny names both its kind and
//     namespaces, when it would show what that denies.
//
// The rules bound requests, not knowledge: whoever may exec into a pod reads
// the secrets mounted there, and nodes/proxy reads what runs on a node.
package access

import (
	"errors"
	"fmt"
	"slices"
)

// Config is the rules as an operator writes them.
type Config struct {
	Allow []Rule // none: everything is allowed
	Deny  []Rule // wins over Allow
}

// Rule is one rule. A list without items matches anything.
type Rule struct {
	Groups     []string
	Versions   []string
	Kinds      []string
	Namespaces []string
	Verbs      []string
}

// Request is what one request asks of an API server, as its method and path say.
type Request struct {
	Verb        string // of RBAC
	Group       string // "" is the core group
	Version     string
	Resource    string // plural
	Subresource string // "" for the object itself; of a/b the whole
	Namespace   string // "" for all namespaces, or an object in none
	Name        string // "" for a list
	// Kind is the kind of Resource where it is known; only denies look at it.
	Kind string
	// ClusterScoped says that the resource is known to be in no namespace. One
	// object without a namespace is taken for such in any case.
	ClusterScoped bool
}

// Rules are rules that were read. They do not change and are safe for concurrent
// use. The zero Rules allow everything.
type Rules struct {
	allow, deny []rule
	warnings    []string
}

// New reads rules. Its errors name the place as Denied does, such as
// access.deny[0].kinds[1], what is wrong, and the next step; the first is returned.
func New(c Config) (Rules, error) {
	allow, err := compileAll(allowList, c.Allow, false)
	if err != nil {
		return Rules{}, err
	}
	deny, err := compileAll(denyList, c.Deny, true)
	if err != nil {
		return Rules{}, err
	}
	return Rules{allow: allow, deny: deny, warnings: warnings(c.Deny)}, nil
}

// Empty reports whether the rules allow everything.
func (r Rules) Empty() bool { return len(r.allow) == 0 && len(r.deny) == 0 }

// Warnings says, one sentence each, which denies leave a way to what they deny.
func (r Rules) Warnings() []string { return slices.Clone(r.warnings) }

// Check returns nil if the rules let the request pass, else a *Denied.
func (r Rules) Check(q Request) error {
	_, err := r.decide(q)
	return err
}

// Decide is Check, and says which rule decides, as a key of the policy file:
// access.deny[0], access.allow[1], or access.allow if no rule there matches or there is none.
func (r Rules) Decide(q Request) (rule string, err error) {
	i, err := r.decide(q)
	var denied *Denied
	switch {
	case errors.As(err, &denied):
		return denied.Rule, err
	case i < 0:
		return allowList, nil
	}
	return place(allowList, i), nil
}

// The lists, as keys of the policy file.
const (
	allowList = "access.allow"
	denyList  = "access.deny"
)

// decide is Check, and gives the place of the rule that allowed; -1 for none.
func (r Rules) decide(q Request) (int, error) {
	if r.Empty() {
		return -1, nil
	}
	a := ask(q)
	for i := range r.deny {
		if d := &r.deny[i]; d.refuses(&a) {
			return -1, &Denied{Request: shown(q), Rule: place(denyList, i), NameOne: a.where == everywhere && d.namespaces.lists()}
		}
	}
	if len(r.allow) == 0 {
		return -1, nil
	}
	nearly := false
	for i := range r.allow {
		if !r.allow[i].admits(&a) {
			continue
		}
		if r.allow[i].holds(&a) {
			return i, nil
		}
		nearly = nearly || a.where == everywhere
	}
	return -1, &Denied{Request: shown(q), Rule: allowList, NameOne: nearly}
}

// place is the name of a rule.
func place(list string, i int) string { return fmt.Sprintf("%s[%d]", list, i) }

// shown is the request without what no message repeats.
func shown(q Request) Request {
	q.Name = ""
	return q
}
