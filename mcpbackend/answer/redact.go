package answer

import (
	"context"
	"encoding/json"
	"maps"
	"slices"
	"strings"
)

// copies are annotations in which tools keep a whole object, Secret data and
// all. They say nothing that the object does not.
var copies = []string{
	"kubectl.kubernetes.io/last-applied-configuration",
	"kapp.k14s.io/original",
	"kapp.k14s.io/original-diff",
	"objectset.rio.cattle.io/applied",
	"banzaicloud.com/last-applied",
}

// The limits of what is looked at, in bytes.
const (
	// maxRaw is how much of one text is cleaned and searched, maxRawName how much
	// of a name or a cell.
	MaxRaw     = 128 << 10
	MaxRawName = 24 << 10
	// maxCredential is more than the longest credential: what a cut may have
	// halved is not recognised, and so not shown.
	maxCredential = 16 << 10
	// maxPath bounds the path of a redacted field.
	maxPath = 256
)

// bounded shows the beginning of a text that may be as long as an answer: limit
// bytes of it are looked at.
func bounded(s string, limit int, show func(string) string) string {
	if len(s) <= limit {
		return show(s)
	}
	out := show(strings.ToValidUTF8(s[:limit], ""))
	return strings.ToValidUTF8(out[:max(0, len(out)-maxCredential)], "") + "…"
}

// Object is what of an object may be shown, and where it was changed: managed
// fields are left out, copies and the values of Secrets are redacted wherever
// they stand, and every text is clean. It stops, and says so, where YAML of it
// would be longer than objectBudget, or when ctx is done. The argument is not
// changed.
func Object(ctx context.Context, o map[string]any, scrub func(string) string, secret bool) (shown map[string]any, changed []string, cut bool) {
	return objectWithin(ctx, o, scrub, secret, ObjectBudget)
}

func objectWithin(ctx context.Context, o map[string]any, scrub func(string) string, secret bool, budget int) (shown map[string]any, changed []string, cut bool) {
	p := presenter{ctx: ctx, scrub: scrub, left: budget, sure: bootstrapObject(o)}
	shown, _ = p.mapping(o, "", secret).(map[string]any)
	return shown, p.noted(), p.cut
}

type presenter struct {
	ctx     context.Context
	scrub   func(string) string
	sure    bool // what looks like a bootstrap token is one
	left    int  // bytes: what YAML of the rest may take at least
	indent  int  // of the fields of this map, in columns
	cut     bool
	changed []string
}

// full reports whether nothing more is to be shown.
func (p *presenter) full() bool {
	if p.left <= 0 || p.ctx.Err() != nil {
		p.cut = true
	}
	return p.cut
}

func (p *presenter) value(v any, path string, secret bool) any {
	p.left -= len("- ")
	switch v := v.(type) {
	case map[string]any:
		p.indent += 2
		defer func() { p.indent -= 2 }()
		return p.mapping(v, path, secret)
	case []any:
		out := []any{}
		for i := range v {
			if p.full() {
				break
			}
			out = append(out, p.value(v[i], path, secret))
		}
		return out
	case string:
		out := p.text(v)
		if strings.Contains(out, Redacted) && out != v {
			p.note(path)
		}
		return out
	case json.Number:
		const longest = 64
		if len(v) > longest {
			return p.text(string(v)) // no number that anybody can use
		}
		p.left -= len(v)
	}
	return v
}

// text is fit to show, and paid for. What there is no budget for is cut off.
func (p *presenter) text(s string) string {
	out := p.clean(s, MaxRaw)
	if len(out) > max(0, p.left) {
		p.cut = true
		out = strings.ToValidUTF8(out[:max(0, p.left)], "") + "…"
	}
	p.left -= len(out)
	return out
}

func (p *presenter) clean(s string, limit int) string {
	return bounded(s, limit, func(s string) string { return redact(p.scrub(Clean(s)), p.sure) })
}

// key is the name of a field, fit to show. YAML's own limit for one is 1024
// characters, and JSON, from which it is made, spells some of them with six.
func (p *presenter) key(s string) string {
	const longest, surely = 1000, 1000/6 - len("…")
	out := p.clean(s, MaxRawName)
	if quoted, err := json.Marshal(out); err != nil || len(quoted) > longest {
		out = strings.ToValidUTF8(out[:min(len(out), surely)], "") + "…"
	}
	p.left -= len(out) + p.indent
	return out
}

func (p *presenter) note(path string) { p.changed = append(p.changed, path) }

// noted are the paths of what is redacted, sorted, each once.
func (p *presenter) noted() []string {
	slices.Sort(p.changed)
	return slices.Compact(p.changed)
}

// below is the path of a field.
func below(path, name string) string {
	path = strings.TrimPrefix(path+"."+name, ".")
	if len(path) > maxPath {
		return strings.ToValidUTF8(path[:maxPath], "") + "…"
	}
	return path
}

// mapping treats a map that says it is a Secret as one, inside of lists,
// templates and custom resources too.
func (p *presenter) mapping(m map[string]any, path string, secret bool) any {
	secret = secret || m["kind"] == "Secret" || m["kind"] == "SecretList"
	before := p.sure
	defer func() { p.sure = before }()
	inside := before || bootstrapObject(m) || announces(m)
	out := map[string]any{}
	for _, key := range slices.Sorted(maps.Keys(m)) {
		if p.full() {
			break
		}
		if key == "managedFields" && strings.HasSuffix("."+path, ".metadata") {
			continue
		}
		p.sure = inside
		name, value := p.key(key), m[key]
		p.sure = inside || tellsOfToken(key)
		at := below(path, name)
		switch {
		case slices.Contains(copies, key):
			out[name] = p.hide(at)
		case secret && (key == "data" || key == "stringData"):
			out[name] = p.values(value, at)
		case secret && key == "annotations":
			out[name] = p.annotations(value, at)
		default:
			out[name] = p.value(value, at, secret)
		}
	}
	return out
}

func (p *presenter) hide(path string) string {
	p.note(path)
	p.left -= len(Redacted)
	return Redacted
}

// values keeps the keys of a Secret and whether a value is empty, which is a
// frequent mistake.
func (p *presenter) values(v any, path string) any {
	m, ok := v.(map[string]any)
	if !ok {
		return p.hide(path)
	}
	out := map[string]any{}
	for _, key := range slices.Sorted(maps.Keys(m)) {
		if p.full() {
			break
		}
		name := p.key(key)
		out[name] = m[key]
		if m[key] != "" && m[key] != nil {
			out[name] = p.hide(below(path, name))
		}
	}
	return out
}

// annotations of a Secret may hold a copy under a name that nobody knows: what
// looks like an object, in JSON or YAML, or is long is not shown.
func (p *presenter) annotations(v any, path string) any {
	m, ok := v.(map[string]any)
	if !ok {
		return p.value(v, path, true)
	}
	const short = 128
	out := map[string]any{}
	for _, key := range slices.Sorted(maps.Keys(m)) {
		if p.full() {
			break
		}
		text, ok := m[key].(string)
		name := p.key(key)
		if !ok || len(text) > short || strings.ContainsAny(text, "{[\n\r") || slices.Contains(copies, key) {
			out[name] = p.hide(below(path, name))
			continue
		}
		out[name] = p.text(text)
	}
	return out
}
