package access

import (
	"fmt"
	"slices"
	"strings"
)

// ways are the verbs by which what another verb does can be done as well.
func ways(verb string) []string {
	switch verb {
	case get:
		return []string{list, watch} // both hand out whole objects
	case list:
		return []string{watch} // which begins with them all
	case update:
		return []string{patch}
	case patch:
		return []string{update}
	case del:
		return []string{deleteCollection}
	}
	return nil
}

// warnings says which denies leave a way around them.
func warnings(deny []Rule) []string {
	denied := map[string][]string{} // verbs, by all else of a rule
	for i := range deny {
		denied[deny[i].rest()] = append(denied[deny[i].rest()], deny[i].verbs()...)
	}
	var out []string
	for i := range deny {
		r := &deny[i]
		if len(r.Versions) > 0 && !slices.Contains(r.Versions, "*") {
			out = append(out, fmt.Sprintf("access.deny[%d] denies some versions, and an API server hands out the same objects in every version that it serves: remove versions", i))
		}
		var missing []string
		for _, verb := range r.verbs() {
			for _, way := range ways(verb) {
				if !slices.Contains(denied[r.rest()], way) && !slices.Contains(missing, way) {
					missing = append(missing, way)
				}
			}
		}
		if len(missing) > 0 {
			out = append(out, fmt.Sprintf("access.deny[%d] leaves another way to do what it denies: add %s to its verbs", i, strings.Join(missing, " and ")))
		}
	}
	return out
}

// verbs are the verbs that the rule names, all if it names none.
func (r *Rule) verbs() []string {
	var out []string
	list := compileList(r.Verbs)
	for _, verb := range Verbs() {
		if list.match(verb) {
			out = append(out, verb)
		}
	}
	return out
}

// rest is all of the rule but its verbs, as one text.
func (r *Rule) rest() string {
	return fmt.Sprintf("%q%q%q%q", r.Groups, r.Versions, r.Kinds, r.Namespaces)
}
