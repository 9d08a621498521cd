package kube

import (
	"context"
	"errors"
	"net/http"
	"time"

	"golang.org/x/sync/errgroup"
)

// allKey holds everything a server offers beside the single groups; no
// apiVersion reads like it.
const allKey = "*"

// The limits of discovery without aggregation: so many requests, so many at once.
const (
	maxAsked   = 64
	askedAtOne = 8
)

// Kinds are all the kinds that the server offers, in its order; of a group with
// several versions the preferred one comes first. It costs two requests, or up to
// 66 where the server has no aggregated discovery (before Kubernetes 1.26), and
// none for a minute. complete is false where a part of the API does not answer,
// or where there are more than 512 group/versions or 5000 kinds.
func (c *Client) Kinds(ctx context.Context) (kinds []Kind, complete bool, err error) {
	all, err := c.everything(ctx, allFor)
	if err != nil {
		return nil, false, err
	}
	for k := range all.all() { // a copy: others read the same page
		kinds = append(kinds, *k)
	}
	return kinds, all.whole(), nil
}

// everything asks for both roots, or remembers what they said no longer ago than
// old.
func (c *Client) everything(ctx context.Context, old time.Duration) (*group, error) {
	e := c.entry
	e.mu.Lock()
	known := e.groups[allKey]
	e.mu.Unlock()
	if known != nil && !known.whole() {
		old = min(old, allFor)
	}
	if known != nil && e.now().Sub(known.at) <= old {
		return known, nil
	}
	learnt, err := c.once(ctx, allKey, func(ctx context.Context) (any, error) {
		all, left := &group{at: e.now()}, maxAsked
		for _, root := range []string{core, groups} {
			pages, err := c.root(ctx, root, &left)
			if err != nil {
				return nil, err
			}
			all.rest = append(all.rest, pages...)
		}
		all.limit()
		e.keepGroup(allKey, all)
		return all, nil
	})
	if err != nil {
		return nil, err
	}
	all, _ := learnt.(*group)
	return all, nil
}

// limit cuts the pages where there are too many kinds, and makes the first of
// them the group's own.
func (g *group) limit() {
	left := maxResources
	for i, p := range g.rest {
		if len(p.kinds) > left {
			g.rest = append(g.rest[:i:i], &page{kinds: p.kinds[:left], size: p.size})
			break
		}
		left -= len(p.kinds)
	}
	g.page, g.rest = g.rest[0], g.rest[1:]
}

// root asks for one of the two roots of the API. A server that answers with bare
// names is asked about each; left is how often that may still be done.
func (c *Client) root(ctx context.Context, root string, left *int) ([]*page, error) {
	e := c.entry
	body, err := e.do(ctx, call{method: http.MethodGet, segments: []string{root}, accept: aggregatedType})
	if err != nil {
		return nil, err
	}
	if names, complete, legacy := readRoot(body); legacy {
		if len(names) > *left {
			names, complete = names[:*left], false
		}
		*left -= len(names)
		return c.each(ctx, names, complete)
	}
	p, err := e.shelf.page("root "+root, body, func() (*page, error) { return readAggregated(body) })
	if err != nil {
		return nil, err
	}
	return []*page{p}, nil
}

// each asks about every group/version, a few at a time. One that does not answer
// is left out: an API service that is down takes no other with it.
func (c *Client) each(ctx context.Context, names []groupVersion, complete bool) ([]*page, error) {
	pages := make([]*page, len(names)+1)
	pages[len(names)] = &page{complete: complete}
	var asked errgroup.Group
	asked.SetLimit(askedAtOne)
	for i, n := range names {
		asked.Go(func() error {
			g, _, err := c.group(ctx, n.group, n.version)
			var e *Error
			switch {
			case err == nil:
				pages[i] = g.page
			case errors.As(err, &e) && (e.Trouble == Unauthorized || e.Trouble == Untrusted):
				return err
			default:
				pages[i] = &page{}
			}
			return nil
		})
	}
	if err := asked.Wait(); err != nil {
		return nil, err
	}
	return pages, ctx.Err()
}
