package kube

import (
	"context"
	"iter"
	"math"
	"net/http"
	"slices"
	"time"
)

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
