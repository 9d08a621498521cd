package inspect

import (
	"encoding/json"
	"time"
)

// Objects come from a server as maps, and any field of them may be missing or of
// another type: these readers answer with the zero value then.

func dig(v any, path ...string) any {
	for _, name := range path {
		m, _ := v.(map[string]any)
		v = m[name]
	}
	return v
}

func text(v any, path ...string) string {
	s, _ := dig(v, path...).(string)
	return s
}

func flag(v any, path ...string) bool {
	b, _ := dig(v, path...).(bool)
	return b
}

func list(v any, path ...string) []any {
	l, _ := dig(v, path...).([]any)
	return l
}

// number is 0 for what is none.
func number(v any, path ...string) int64 { return numberOr(v, 0, path...) }

func numberOr(v any, otherwise int64, path ...string) int64 {
	n, ok := dig(v, path...).(json.Number)
	if !ok {
		return otherwise
	}
	i, err := n.Int64()
	if err != nil {
		return otherwise
	}
	return i
}

// moment is the zero time for what is none.
func moment(v any, path ...string) time.Time {
	t, _ := time.Parse(time.RFC3339, text(v, path...))
	return t
}

// condition is one of status.conditions.
type condition struct{ kind, status, reason, message string }

func conditions(o map[string]any) []condition {
	all := list(o, "status", "conditions")
	out := make([]condition, 0, len(all))
	for _, c := range all {
		out = append(out, condition{text(c, "type"), text(c, "status"), text(c, "reason"), text(c, "message")})
	}
	return out
}

// conditionOf is the zero condition if there is none of the type.
func conditionOf(o map[string]any, kind string) condition {
	for _, c := range conditions(o) {
		if c.kind == kind {
			return c
		}
	}
	return condition{}
}

// owner is the controller of an object, or its first owner; zero if it has none.
type owner struct{ apiVersion, kind, name, uid string }

func ownerOf(o map[string]any) owner {
	var found owner
	for i, r := range list(o, "metadata", "ownerReferences") {
		if i == 0 || flag(r, "controller") {
			found = owner{text(r, "apiVersion"), text(r, "kind"), text(r, "name"), text(r, "uid")}
		}
		if flag(r, "controller") {
			break
		}
	}
	return found
}

// older reports whether t is known and longer ago than d.
func older(now, t time.Time, d time.Duration) bool { return !t.IsZero() && now.Sub(t) > d }
