package kube

import (
	"cmp"
	"context"
	"encoding/json"
	"net/http"
	"slices"
	"strings"
	"time"
)

// Aggregated discovery (KEP-3352): one answer describes every group. A server
// that does not know it answers with bare group names, and then there are no
// suggestions.
const aggregatedType = "application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList," +
	"application/json;g=apidiscovery.k8s.io;v=v2beta1;as=APIGroupDiscoveryList,application/json"

// maxSuggestions is how many near kinds an UnknownKindError names.
const maxSuggestions = 5

// allKey holds everything a server offers beside the single groups; no
// apiVersion reads like it.
const allKey = "*"

// allFor is how long the list of everything is good for suggestions.
const allFor = time.Minute

// suggest names kinds that come near, best first. It never fails: a hint that
// cannot be had is left out.
func (c *Client) suggest(ctx context.Context, kind string) []string {
	all, err := c.everything(ctx)
	if err != nil {
		return nil
	}
	return nearest(all, kind)
}

func nearest(all []Kind, kind string) []string {
	type candidate struct {
		text     string
		distance int
	}
	var near []candidate
	wanted := strings.ToLower(kind)
	for _, k := range all {
		best := len(wanted)
		for _, n := range k.names {
			best = min(best, distance(wanted, n))
		}
		if best <= max(1, len(wanted)/3) {
			near = append(near, candidate{k.APIVersion() + " " + k.Kind, best})
		}
	}
	slices.SortStableFunc(near, func(a, b candidate) int { return cmp.Compare(a.distance, b.distance) })
	var out []string
	for _, n := range near {
		if len(out) < maxSuggestions && !slices.Contains(out, n.text) {
			out = append(out, n.text)
		}
	}
	return out
}

// everything asks for both roots, or remembers.
func (c *Client) everything(ctx context.Context) ([]Kind, error) {
	e := c.entry
	e.mu.Lock()
	known := e.groups[allKey]
	e.mu.Unlock()
	if known != nil && e.now().Sub(known.at) < allFor {
		return known.kinds, nil
	}
	learnt, err := c.once(ctx, allKey, func(ctx context.Context) (any, error) {
		all := &group{at: e.now()}
		for _, root := range []string{core, groups} {
			body, err := e.do(ctx, call{method: http.MethodGet, segments: []string{root}, accept: aggregatedType})
			if err != nil {
				return nil, err
			}
			if err := all.readAggregated(body); err != nil {
				return nil, err
			}
			all.size += len(body)
		}
		e.keepGroup(allKey, all)
		return all, nil
	})
	if err != nil {
		return nil, err
	}
	all, _ := learnt.(*group)
	return all.kinds, nil
}

// sentGroup is one APIGroupDiscovery.
type sentGroup struct {
	Metadata struct {
		Name string `json:"name"`
	} `json:"metadata"`
	Versions capped[struct {
		Version   string          `json:"version"`
		Resources json.RawMessage `json:"resources"`
	}] `json:"versions"`
}

// discovered is one APIResourceDiscovery.
type discovered struct {
	Resource     string `json:"resource"`
	ResponseKind struct {
		Kind string `json:"kind"`
	} `json:"responseKind"`
	Singular   string         `json:"singularResource"`
	ShortNames capped[string] `json:"shortNames"`
}

// readAggregated adds the kinds of an apidiscovery.k8s.io APIGroupDiscoveryList.
func (g *group) readAggregated(body []byte) error {
	tooLarge := &Error{Trouble: TooLarge, Detail: "the server lists more resources than any API has"}
	var list struct {
		Items capped[sentGroup] `json:"items"`
	}
	list.Items.limit = maxGroups
	if err := decodeList(body, &list); err != nil {
		return err
	}
	if list.Items.more > 0 {
		return tooLarge
	}
	versions, seen := 0, 0
	for _, item := range list.Items.items {
		if item.Metadata.Name != "" && !validSubdomain(item.Metadata.Name) {
			continue
		}
		for _, v := range item.Versions.items {
			resources := capped[discovered]{limit: maxResources}
			if len(v.Resources) > 0 {
				if err := json.Unmarshal(v.Resources, &resources); err != nil {
					return garbled()
				}
			}
			versions, seen = versions+1, seen+len(resources.items)
			if versions > maxGroups || seen > maxResources || resources.more > 0 {
				return tooLarge
			}
			g.addDiscovered(item.Metadata.Name, v.Version, resources.items)
		}
	}
	return nil
}

// addDiscovered leaves out names that are none: they would become paths.
func (g *group) addDiscovered(groupName, version string, resources []discovered) {
	if !validLabel(version) {
		return
	}
	for _, r := range resources {
		if validLabel(r.Resource) && ValidKind(r.ResponseKind.Kind) {
			g.kinds = append(g.kinds, Kind{
				Group: groupName, Version: version, Kind: r.ResponseKind.Kind, Resource: r.Resource,
				names: lowerNames(r.ResponseKind.Kind, r.Resource, r.Singular, r.ShortNames.items),
			})
		}
	}
}

// distance is Levenshtein's, over bytes. Both strings are at most 63 long.
func distance(a, b string) int {
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		diagonal := row[0]
		row[0] = i + 1
		for j := range len(b) {
			above := row[j+1]
			change := diagonal
			if a[i] != b[j] {
				change++
			}
			row[j+1] = min(change, above+1, row[j]+1)
			diagonal = above
		}
	}
	return row[len(b)]
}
