package kube

import (
	"cmp"
	"context"
	"slices"
	"strings"
)

// maxSuggestions is how many near kinds an UnknownKindError names.
const maxSuggestions = 5

// suggest names kinds that come near, best first. It never fails: a hint that
// cannot be had is left out.
func (c *Client) suggest(ctx context.Context, kind string) []string {
	all, err := c.everything(ctx, allFor)
	if err != nil {
		return nil
	}
	near := nearest(all, kind)
	for i := range near {
		near[i] = c.entry.safeDetail(near[i])
	}
	return near
}

func nearest(all *group, kind string) []string {
	type candidate struct {
		text     string
		distance int
	}
	var near []candidate
	wanted := strings.ToLower(kind)
	enough := max(1, len(wanted)/3)
	for k := range all.all() {
		if d := k.distance(wanted); d <= enough {
			near = append(near, candidate{k.APIVersion() + " " + k.Kind, d})
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

// distance is how far the nearest of the kind's names is from a lower-case word.
// A word of which the kind's name is made ("prometheus") is as near as one with
// every third letter wrong.
func (k Kind) distance(wanted string) int {
	best := len(wanted)
	kind := strings.ToLower(k.Kind)
	for _, n := range append([]string{kind, k.Resource, k.singular}, k.short...) {
		best = min(best, distance(wanted, n))
	}
	if len(wanted) >= 4 && strings.Contains(kind, wanted) {
		best = min(best, len(wanted)/3)
	}
	return best
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
