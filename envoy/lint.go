package envoy

import (
	"cmp"
	"errors"
	"fmt"
	"slices"
	"strings"
)

// Finding is one place where a configuration breaks a rule.
type Finding struct {
	Rule    string // stable kebab-case id, a section of docs/lint.md
	Path    string // where, from the top of the document and as it is spelt there; empty for the whole
	Line    int    // of that, or of the nearest thing around it that is written; 0 if not known
	Message string // what is wrong
	Next    string // what to do
	Note    bool   // worth knowing, breaks nothing
}

// String is one line for a person.
func (f Finding) String() string {
	where := f.Path
	if f.Line > 0 {
		where = strings.TrimSpace(fmt.Sprintf("line %d %s", f.Line, f.Path))
	}
	if where != "" {
		where = " (" + where + ")"
	}
	return f.Rule + where + ": " + f.Message + ": " + f.Next
}

// ErrUnreadable is what Check returns for anything that is no configuration.
var ErrUnreadable = errors.New("neither a bootstrap nor a config_dump of Envoy, nor an EnvoyFilter of Istio")

// Check judges a bootstrap (YAML or JSON), what /config_dump of a running Envoy
// answers (JSON), or a manifest with EnvoyFilter objects (YAML), against the
// invariants that the product's promises rest on. The result is empty for a
// configuration that keeps them all, but for notes. It is stricter than Envoy
// and than its control planes: a misspelt field is a finding, where Istio drops
// it silently.
//
// The error is ErrUnreadable, or wraps it. No finding and no error holds a value
// of the configuration, but names that Envoy shows anyway: of filters, clusters,
// headers, types.
//
// version is that of the Envoy, such as 1.36.4: what came later is not asked for.
// If it is empty, that is what a config_dump says of itself, or else the newest.
//
// It cannot know what only Envoy knows (whether a regex fits its size limit,
// whether files exist): run envoy --mode validate too.
func Check(config []byte, version string) ([]Finding, error) {
	if manifest, ok := envoyFilters(config); ok {
		return checkManifest(manifest), nil
	}
	d, err := read(config)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrUnreadable, err)
	}
	root, _ := d.raw.(map[string]any)
	configs, isDump := root["configs"].([]any)
	switch {
	case isDump:
		return fromDump(d, configs).of(version).judge(), nil
	case slices.ContainsFunc([]string{"static_resources", "dynamic_resources", "admin", "node"}, func(key string) bool {
		found, _, _ := under(root, key)
		return found != nil
	}):
		return fromBootstrap(d, root).of(version).judge(), nil
	}
	return nil, ErrUnreadable
}

// Lint is Check for the newest Envoy, where what cannot be read is a finding like any other.
func Lint(config []byte) []Finding {
	found, err := Check(config, "")
	if err != nil {
		r := ruleOf(ruleParse)
		return []Finding{{Rule: r.ID, Path: "", Line: 0, Message: err.Error(), Next: r.Mend, Note: false}}
	}
	return found
}

func (w *whole) judge() []Finding {
	edges := w.edges()
	found := slices.Concat(w.found, w.validate(), check(w.document, w, wholeRules()))
	guarded := 0
	for _, e := range edges {
		if e.guarded() {
			guarded++
			found = append(found, e.judge()...)
		}
	}
	if guarded == 0 {
		found = append(found, w.noGuard(edges)...)
	}
	return slices.Concat(found, check(w.document, ways{w, edges}, wayRules()))
}

// judge applies the rules of one connection manager. Without its RBAC filter
// there is nothing to say of that, and so on.
func (e *edge) judge() []Finding {
	return check(e.document, e, edgeRules())
}

// noGuard says so at each connection manager that leads anywhere.
func (w *whole) noGuard(edges []*edge) []Finding {
	var found []Finding
	for _, e := range edges {
		if len(e.targets()) > 0 {
			found = append(found, finding(w.document, ruleOf(ruleGuard), e.at.field("http_filters"), "there is none"))
		}
	}
	if len(found) == 0 {
		found = append(found, finding(w.document, ruleOf(ruleGuard), nil, "no HTTP connection manager leads anywhere"))
	}
	return found
}

// check applies rules to their subject.
func check[T any](d *document, subject T, rules []rule[T]) []Finding {
	found := make([]Finding, 0, len(rules))
	for _, r := range rules {
		var broken []Finding
		r.look(subject, func(at *place, detail string) {
			broken = append(broken, finding(d, r.Rule, at, detail))
		})
		found = append(found, sorted(broken)...)
	}
	return found
}

// sorted makes the order of findings the same each time.
func sorted(found []Finding) []Finding {
	slices.SortStableFunc(found, func(a, b Finding) int {
		return cmp.Or(cmp.Compare(a.Line, b.Line), strings.Compare(a.Path, b.Path), strings.Compare(a.Message, b.Message))
	})
	return slices.Compact(found)
}

func finding(d *document, r Rule, at *place, detail string) Finding {
	path, line := d.spell(at)
	message := r.Wrong
	if detail != "" {
		message += " (" + detail + ")"
	}
	return Finding{Rule: r.ID, Path: path, Line: line, Message: message, Next: r.Mend, Note: false}
}

// printable makes a name from a configuration fit for a line of text.
func printable(name string) string {
	const most = 120
	name = strings.Map(func(c rune) rune {
		if c < ' ' || c > '~' {
			return '?'
		}
		return c
	}, name)
	if len(name) > most {
		name = name[:most] + "…"
	}
	return name
}
