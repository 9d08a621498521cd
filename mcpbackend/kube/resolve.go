package kube

import (
	"context"
	"errors"
	"iter"
	"math"
	"net/http"
	"slices"
	"strings"
	"time"
)

// Kind is one kind of object that a server serves, and how to reach it.
type Kind struct {
	Group, Version, Kind string
	Resource             string // the plural in paths
	Namespaced           bool
	// Others are the apiVersions of other groups that have a kind of this name,
	// where Resolve had to choose.
	Others   []string
	singular string
	short    []string
	verbs    verbSet
}

// APIVersion is "version" or "group/version".
func (k Kind) APIVersion() string { return apiVersion(k.Group, k.Version) }

// Can reports whether the server offers the verb for this kind at all; whether
// the caller may use it is another question.
func (k Kind) Can(verb string) bool { return k.verbs&verbsOf([]string{verb}) != 0 }

// Verbs are those that the server offers for this kind, sorted.
func (k Kind) Verbs() []string {
	var out []string
	for i, v := range verbNames {
		if k.verbs&(1<<i) != 0 {
			out = append(out, v)
		}
	}
	return out
}

// Singular is the kind's name for one object; "" if the server gives none.
func (k Kind) Singular() string { return k.singular }

// ShortNames are the kind's short names, such as "po".
func (k Kind) ShortNames() []string { return slices.Clone(k.short) }

// named reports whether name means this kind, in any case.
func (k Kind) named(name string) bool {
	return strings.EqualFold(k.Kind, name) || strings.EqualFold(k.Resource, name) || strings.EqualFold(k.singular, name) ||
		slices.ContainsFunc(k.short, func(s string) bool { return strings.EqualFold(s, name) })
}

func apiVersion(group, version string) string {
	if group == "" {
		return version
	}
	return group + "/" + version
}

// path begins a path to the kind's objects; namespace "" means all of them, or
// none if the kind has no namespaces.
func (k Kind) path(namespace string) []string {
	segments := groupPath(k.Group, k.Version)
	if k.Namespaced && namespace != "" {
		segments = append(segments, namespaces, namespace)
	}
	return append(segments, k.Resource)
}

// object is the path to one object.
func (k Kind) object(namespace, name string) ([]string, error) {
	if k.Namespaced && namespace == "" {
		return nil, &Error{Trouble: Invalid, Detail: "an object of this kind is in a namespace, and none was named"}
	}
	return append(k.path(namespace), name), nil
}

// Words of paths: the two roots of the API (the core group's, and that of all
// others), and what stands before a namespace, a kubelet and its logs.
const (
	core       = "api"
	groups     = "apis"
	namespaces = "namespaces"
	proxy      = "proxy"
	logs       = "logs"
)

func groupPath(group, version string) []string {
	if group == "" {
		return []string{core, version}
	}
	return []string{groups, group, version}
}

// group is what a server says about one group/version, or about all of them.
type group struct {
	*page

	rest []*page // for all of them: the pages after the first
	at   time.Time
}

// all yields the kinds in the server's order, the preferred version of a group
// before its others.
func (g *group) all() iter.Seq[*Kind] {
	return func(yield func(*Kind) bool) {
		for _, p := range append([]*page{g.page}, g.rest...) {
			for i := range p.kinds {
				if !yield(&p.kinds[i]) {
					return
				}
			}
		}
	}
}

// whole reports whether nothing was left out.
func (g *group) whole() bool {
	return g.complete && !slices.ContainsFunc(g.rest, func(p *page) bool { return !p.complete })
}

// weighs is about how many bytes the group takes. What others share counts in
// full: it stays if they go.
func (g *group) weighs() int {
	n := g.size
	for _, p := range g.rest {
		n += p.size
	}
	return n
}

// The limits of what an entry learns. A hostile server can offer 10^5 groups.
const (
	maxGroups    = 512
	maxResources = 5000
	// staleAfter is how old an answer may be before "no such kind" is asked again:
	// a CRD may just have been installed.
	staleAfter = 5 * time.Second
	// allFor is how long everything is good for lists and suggestions.
	allFor = time.Minute
	// resolveFor is how long it is good for a word that it explains; an API that
	// is gone is noticed at its first use.
	resolveFor = 10 * time.Minute
	// learnTimeout bounds one request of discovery; callers wait for it only as
	// long as their own deadline allows.
	learnTimeout = 10 * time.Second
)

// Resolve finds the kind by its name, plural, singular or short name, in any
// case. With a version it asks the server about that group/version at most, and
// nothing when that is known.
//
// Without one ("") a word that everybody knows, such as "deploy", is looked for
// where everybody has it. Other words cost discovery of all groups. Where several
// groups have the kind, core comes first, then the groups of Kubernetes itself,
// then the server's own order; within a group, the version that it prefers. The
// Kind says which was chosen, and which Others there are.
//
// The error is an *UnknownKindError or an *Error.
func (c *Client) Resolve(ctx context.Context, version, kind string) (Kind, error) {
	groupName, versionName, ok := splitAPIVersion(version)
	switch {
	case !ValidKind(kind), !ok && version != "":
		return Kind{}, &UnknownKindError{APIVersion: version, Kind: kind}
	case version == "":
		return c.resolveWord(ctx, kind)
	}
	k, found, err := c.lookUp(ctx, groupName, versionName, kind)
	if err != nil || found {
		return k, err
	}
	return Kind{}, &UnknownKindError{APIVersion: version, Kind: kind, Suggestions: c.suggest(ctx, kind)}
}

func (c *Client) resolveWord(ctx context.Context, word string) (Kind, error) {
	if w, ok := wellKnownKind(word); ok {
		k, found, err := c.lookUp(ctx, w.Group, w.Version, w.Kind)
		if found {
			return k, nil
		}
		var e *Error
		if errors.As(err, &e) && e.Trouble == Forbidden { // of discovery: the kind itself is another question
			return w, nil
		}
		if err != nil {
			return Kind{}, err
		}
	}
	incomplete := false
	for _, old := range []time.Duration{resolveFor, staleAfter} {
		all, err := c.everything(ctx, old)
		if err != nil {
			return Kind{}, err
		}
		if k, ok := all.choose(word); ok {
			c.entry.keepPart(all, k)
			return k, nil
		}
		incomplete = !all.whole()
	}
	return Kind{}, &UnknownKindError{Kind: word, Suggestions: c.suggest(ctx, word), Incomplete: incomplete}
}

// choose is the kind that a word means, by the order that Resolve promises.
func (g *group) choose(word string) (Kind, bool) {
	var best *Kind
	var found []*Kind
	for k := range g.all() {
		if !k.named(word) {
			continue
		}
		found = append(found, k)
		if best == nil || rank(k.Group) < rank(best.Group) {
			best = k
		}
	}
	if best == nil {
		return Kind{}, false
	}
	chosen := *best
	for _, k := range found {
		if k.Group != best.Group && !slices.Contains(chosen.Others, k.APIVersion()) && len(chosen.Others) < maxSuggestions {
			chosen.Others = append(chosen.Others, k.APIVersion())
		}
	}
	return chosen, true
}

func rank(group string) int {
	switch {
	case group == "":
		return 0
	case builtInGroup(group):
		return 1
	}
	return 2
}

// lookUp finds a kind in a group/version; an API that is not there has none. What
// is missing is asked for again, for it may just have been installed.
func (c *Client) lookUp(ctx context.Context, groupName, version, kind string) (k Kind, found bool, err error) {
	for {
		g, fresh, err := c.group(ctx, groupName, version)
		if noSuchAPI(err) {
			return Kind{}, false, nil
		}
		if err != nil {
			return Kind{}, false, err
		}
		if k, ok := g.find(kind); ok {
			return k, true, nil
		}
		if fresh || c.entry.now().Sub(g.at) <= staleAfter {
			return Kind{}, false, nil
		}
		c.entry.forgetGroup(apiVersion(groupName, version))
	}
}

func noSuchAPI(err error) bool {
	var e *Error
	return errors.As(err, &e) && e.Trouble == NoSuchAPI
}

// find prefers the exact kind; other names match in any case.
func (g *group) find(name string) (Kind, bool) {
	for _, k := range g.kinds {
		if k.Kind == name {
			return k, true
		}
	}
	for _, k := range g.kinds {
		if k.named(name) {
			return k, true
		}
	}
	return Kind{}, false
}

// group returns what is known of a group/version, or asks. One request serves
// all who wait; it is nobody's in particular and so ends with its own deadline,
// not with the first caller's.
func (c *Client) group(ctx context.Context, groupName, version string) (g *group, fresh bool, err error) {
	e, key := c.entry, apiVersion(groupName, version)
	e.mu.Lock()
	g = e.groups[key]
	e.mu.Unlock()
	if g != nil {
		return g, false, nil
	}
	learnt, err := c.once(ctx, "group "+key, func(ctx context.Context) (any, error) {
		body, err := e.do(ctx, call{method: http.MethodGet, segments: groupPath(groupName, version), accept: jsonType})
		if err != nil {
			return nil, err
		}
		p, err := e.shelf.page("group "+key, body, func() (*page, error) { return readGroup(body, groupName, version) })
		if err != nil {
			return nil, err
		}
		g := &group{page: p, at: e.now()}
		e.keepGroup(key, g)
		return g, nil
	})
	if err != nil {
		return nil, false, err
	}
	g, _ = learnt.(*group)
	return g, true, nil
}

// once runs learn detached from the caller, at most once at a time per name.
func (c *Client) once(ctx context.Context, name string, learn func(context.Context) (any, error)) (any, error) {
	//nolint:contextcheck // detached on purpose: it serves all who wait
	done := c.entry.flights.DoChan(name, func() (result any, err error) {
		// A panic here would end the process: it is on no caller's goroutine.
		defer func() {
			if recover() != nil {
				result, err = nil, &Error{Trouble: Garbled, Detail: "the answer could not be read"}
			}
		}()
		detached, cancel := context.WithTimeout(saying(context.Background(), c.said), learnTimeout)
		defer cancel()
		return learn(detached)
	})
	select {
	case <-ctx.Done():
		return nil, networkError(ctx.Err())
	case r := <-done:
		return r.Val, r.Err
	}
}

func (e *entry) keepGroup(key string, g *group) {
	e.mu.Lock()
	if len(e.groups) >= maxGroups {
		clear(e.groups)
	}
	e.groups[key] = g
	size := 0
	for _, known := range e.groups {
		size += known.weighs()
	}
	e.learned.Store(uint32(min(size, math.MaxUint32/2)))
	e.mu.Unlock()
	e.weighed()
}

// keepPart remembers of everything the group/version of one kind, so that what
// was chosen is known by its apiVersion too.
func (e *entry) keepPart(all *group, k Kind) {
	e.mu.Lock()
	_, known := e.groups[k.APIVersion()]
	e.mu.Unlock()
	if known {
		return
	}
	part := &page{complete: true}
	for other := range all.all() {
		if other.Group == k.Group && other.Version == k.Version {
			part.add(*other)
		}
	}
	e.keepGroup(k.APIVersion(), &group{page: part, at: all.at})
}

// forgetGroup forgets a group/version, and everything, which holds it too.
func (e *entry) forgetGroup(key string) {
	e.mu.Lock()
	defer e.mu.Unlock()
	delete(e.groups, key)
	delete(e.groups, allKey)
}
