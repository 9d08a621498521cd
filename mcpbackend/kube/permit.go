package kube

import (
	"net/http"
	"slices"
	"strings"
)

// verbError is a request that this client may not send, whoever the caller is.
type verbError struct{ what string }

// Error says what was not sent.
func (e *verbError) Error() string { return e.what }

// What verbError says. Nothing of a request is repeated in it.
var (
	errSpelling   = &verbError{"a path that this program does not use"}
	errReads      = &verbError{"a write by a client that only reads"}
	errReadsExec  = &verbError{"a command by a client that may not run any"}
	errMethod     = &verbError{"a method that does not go with its path"}
	errUpgrade    = &verbError{"an upgrade of the connection where no command is run"}
	errAnotherOne = &verbError{"a header that speaks for somebody else"}
)

// permit decides from method, path and headers alone whether a request may be
// sent by a client that may do what it says, and was allowed by the operator.
func (g *guard) permit(r *http.Request, may verbs) error {
	w := readWire(r, g.prefix)
	if err := permitVerb(&w, r, may&g.allowed); err != nil {
		return err
	}
	if steers(r.Header) {
		return errAnotherOne
	}
	if w.sort == document || w.sort == review || g.access.Empty() {
		return nil
	}
	if k, ok := g.learnt(w.Group, w.Version, w.Resource); ok {
		w.Kind, w.ClusterScoped = k.Kind, !k.Namespaced
	}
	return g.access.Check(w.Request)
}

func permitVerb(w *wired, r *http.Request, may verbs) error {
	reads := r.Method == http.MethodGet || r.Method == http.MethodHead
	upgrades := len(r.Header["Upgrade"]) > 0 || slices.ContainsFunc(r.Header["Connection"], func(s string) bool {
		return strings.Contains(strings.ToLower(s), "upgrade")
	})
	switch {
	case w.sort == unknown:
		return errSpelling
	case w.sort == command:
		if may&execs == 0 {
			return errReadsExec
		}
		if !upgrades || r.Method != http.MethodGet && r.Method != http.MethodPost {
			return errMethod
		}
		return nil
	case upgrades:
		return errUpgrade
	case reads, w.sort == review:
		return nil
	case w.sort != resource, w.Verb == "":
		return errMethod
	case w.Verb == verbCreate && w.Name != "" && w.Subresource == "", w.Verb != verbCreate && w.Name == "":
		return errMethod // no tool changes or deletes what it does not name
	case may&writes == 0:
		return errReads
	}
	return nil
}

// steers reports whether a header asks the API server to act as somebody else,
// or this side's proxies to do something with the request.
func steers(h http.Header) bool {
	for name := range h {
		if len(name) > 11 && strings.EqualFold(name[:11], "Impersonate") ||
			strings.EqualFold(name, "X-Remote-User") || strings.EqualFold(name, "Proxy-Authorization") {
			return true
		}
	}
	return false
}

// Writing is the same client with leave to create, update, patch and delete. The
// leave counts only if Config.Writes is set: else its writes fail with ReadOnly.
func (c *Client) Writing() *Client { return c.with(writes) }

// Executing is the same client with leave to run commands in pods. The leave
// counts only if Config.Execs is set: else Exec fails with ReadOnly.
func (c *Client) Executing() *Client { return c.with(execs) }

func (c *Client) with(more verbs) *Client {
	other := *c
	other.said = &said{agent: c.said.agent, may: c.said.may | more}
	return &other
}

// learnt is the kind behind a plural: one of Kubernetes' own, or what this
// entry's server said of it, which could lie, to its own caller.
func (e *entry) learnt(group, version, plural string) (Kind, bool) {
	for _, known := range wellKnown {
		if known.group != group {
			continue
		}
		for _, names := range known.kinds {
			kind, rest, named := strings.Cut(names, " ")
			if !named { // the two kinds of metrics, whose plurals are core's
				rest = metered(kind)
			}
			if rest == plural || strings.HasPrefix(rest, plural+" ") {
				return Kind{Group: group, Version: version, Kind: kind, Resource: plural, Namespaced: !known.cluster}, true
			}
		}
	}
	e.mu.Lock()
	g := e.groups[apiVersion(group, version)]
	e.mu.Unlock()
	if g == nil {
		return Kind{}, false
	}
	for _, k := range g.kinds {
		if k.Resource == plural {
			return k, true
		}
	}
	return Kind{}, false
}
