package kube

import (
	"context"
	"errors"
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
	names                []string // lower-case: kind, plural, singular, short names
	verbs                []string
}

// APIVersion is "version" or "group/version".
func (k Kind) APIVersion() string { return apiVersion(k.Group, k.Version) }

// Can reports whether the server offers the verb for this kind at all; whether
// the caller may use it is another question.
func (k Kind) Can(verb string) bool { return slices.Contains(k.verbs, verb) }

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
		segments = append(segments, "namespaces", namespace)
	}
	return append(segments, k.Resource)
}

// The two roots of the API: the core group's, and that of all others.
const (
	core   = "api"
	groups = "apis"
)

func groupPath(group, version string) []string {
	if group == "" {
		return []string{core, version}
	}
	return []string{groups, group, version}
}

// group is what a server says about one group/version.
type group struct {
	kinds []Kind
	at    time.Time
	size  int // of the answer, in bytes
}

// The limits of what an entry learns. A hostile server can offer 10^5 groups.
const (
	maxGroups    = 512
	maxResources = 5000
	// staleAfter is how old an answer may be before "no such kind" is asked again:
	// a CRD may just have been installed.
	staleAfter = 5 * time.Second
	// learnTimeout bounds one request of discovery; callers wait for it only as
	// long as their own deadline allows.
	learnTimeout = 10 * time.Second
)

// Resolve finds the kind by its name, plural, singular or short name, in any
// case. It asks the server about one group/version at most, and nothing when
// that is known. The error is an *UnknownKindError or an *Error.
func (c *Client) Resolve(ctx context.Context, version, kind string) (Kind, error) {
	groupName, versionName, ok := splitAPIVersion(version)
	if !ok || !ValidKind(kind) {
		return Kind{}, &UnknownKindError{APIVersion: version, Kind: kind}
	}
	g, fresh, err := c.group(ctx, groupName, versionName)
	if err == nil {
		if k, ok := g.find(kind); ok {
			return k, nil
		}
		if !fresh && c.entry.now().Sub(g.at) > staleAfter {
			c.entry.forgetGroup(version)
			return c.Resolve(ctx, version, kind)
		}
	} else if !noSuchAPI(err) {
		return Kind{}, err
	}
	return Kind{}, &UnknownKindError{APIVersion: version, Kind: kind, Suggestions: c.suggest(ctx, kind)}
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
	name = strings.ToLower(name)
	for _, k := range g.kinds {
		if slices.Contains(k.names, name) {
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
		g, err := readGroup(body, groupName, version)
		if err != nil {
			return nil, err
		}
		g.at = e.now()
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
		detached, cancel := context.WithTimeout(withDecision(context.Background(), c.decision), learnTimeout)
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
		size += known.size
	}
	e.learned.Store(uint32(min(size, math.MaxUint32/2)))
	e.mu.Unlock()
	e.weighed()
}

func (e *entry) forgetGroup(key string) {
	e.mu.Lock()
	defer e.mu.Unlock()
	delete(e.groups, key)
}

// sentResource is a metav1.APIResource.
type sentResource struct {
	Name       string         `json:"name"`
	Singular   string         `json:"singularName"`
	Kind       string         `json:"kind"`
	Namespaced bool           `json:"namespaced"`
	ShortNames capped[string] `json:"shortNames"`
	Verbs      capped[string] `json:"verbs"`
}

// readGroup reads a metav1.APIResourceList. Subresources and names that are no
// DNS labels are left out: they would become paths.
func readGroup(body []byte, groupName, version string) (*group, error) {
	var list struct {
		Resources capped[sentResource] `json:"resources"`
	}
	list.Resources.limit = maxResources
	if err := decodeList(body, &list); err != nil {
		return nil, err
	}
	if list.Resources.more > 0 {
		return nil, &Error{Trouble: TooLarge, Detail: "the server lists more resources than any API has"}
	}
	g := &group{size: len(body)}
	for _, r := range list.Resources.items {
		if !validLabel(r.Name) || !ValidKind(r.Kind) {
			continue
		}
		g.kinds = append(g.kinds, Kind{
			Group: groupName, Version: version, Kind: r.Kind, Resource: r.Name, Namespaced: r.Namespaced,
			names: lowerNames(r.Kind, r.Name, r.Singular, r.ShortNames.items), verbs: r.Verbs.items,
		})
	}
	return g, nil
}

func lowerNames(kind, plural, singular string, short []string) []string {
	names := []string{strings.ToLower(kind), plural}
	for _, n := range append([]string{singular}, short...) {
		if validLabel(n) {
			names = append(names, n)
		}
	}
	return names
}
