package kube

import (
	"context"
	"errors"
	"slices"
	"time"
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
