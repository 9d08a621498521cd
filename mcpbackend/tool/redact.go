package tool

import (
	"regexp"
	"slices"
	"strings"
)

// redacted stands for a value that is not shown. It tells nothing of its size.
const redacted = "[redacted]"

// secrets are shapes that are credentials wherever they stand: JSON Web Tokens
// (also those of service accounts), private keys in PEM, and bootstrap tokens
// (https://kubernetes.io/docs/reference/access-authn-authz/bootstrap-tokens/).
var secrets = regexp.MustCompile(`eyJ[A-Za-z0-9_-]{8,}\.eyJ[A-Za-z0-9_-]{8,}\.[A-Za-z0-9_-]*` +
	`|-----BEGIN [A-Z0-9 ]*PRIVATE KEY-----[\s\S]*?(?:-----END [A-Z0-9 ]*PRIVATE KEY-----|$)` +
	`|\b[a-z0-9]{6}\.[a-z0-9]{16}\b`)

// encodedKey is how a private key in PEM begins in base64, at each of the three
// offsets that base64 has; kubeconfigs hold them.
var encodedKey = regexp.MustCompile(`(?:LS0tLS1CRUdJTi[A-Za-z0-9+/]*(?:UFJJVkFURSBLRVk|BSSVZBVEUgS0VZ|QUklWQVRFIEtFW)[A-Za-z0-9+/=]*)`)

// redactText takes credentials out of text.
func redactText(s string) string {
	return encodedKey.ReplaceAllString(secrets.ReplaceAllString(s, redacted), redacted)
}

// copies are annotations in which tools keep a whole object, Secret data and
// all. They say nothing that the object does not.
var copies = []string{
	"kubectl.kubernetes.io/last-applied-configuration",
	"kapp.k14s.io/original",
	"kapp.k14s.io/original-diff",
	"objectset.rio.cattle.io/applied",
	"banzaicloud.com/last-applied",
}

// object is what of an object may be shown, and where it was changed: managed
// fields are left out, copies and the values of Secrets are redacted wherever
// they stand, and every text is clean. The argument is not changed.
func object(o map[string]any, scrub func(string) string, secret bool) (shown map[string]any, changed []string) {
	p := presenter{scrub: scrub}
	shown, _ = p.value(o, "", secret).(map[string]any)
	slices.Sort(p.changed)
	return shown, slices.Compact(p.changed)
}

type presenter struct {
	scrub   func(string) string
	changed []string
}

func (p *presenter) value(v any, path string, secret bool) any {
	switch v := v.(type) {
	case map[string]any:
		return p.mapping(v, path, secret)
	case []any:
		out := make([]any, len(v))
		for i := range v {
			out[i] = p.value(v[i], path, secret)
		}
		return out
	case string:
		out := p.text(v)
		if strings.Contains(out, redacted) && out != v {
			p.note(path)
		}
		return out
	}
	return v
}

func (p *presenter) text(s string) string { return redactText(p.scrub(clean(s))) }

func (p *presenter) note(path string) { p.changed = append(p.changed, path) }

// mapping treats a map that says it is a Secret as one, inside of lists,
// templates and custom resources too.
func (p *presenter) mapping(m map[string]any, path string, secret bool) any {
	secret = secret || m["kind"] == "Secret" || m["kind"] == "SecretList"
	out := make(map[string]any, len(m))
	for key, value := range m {
		name := p.text(key)
		at := strings.TrimPrefix(path+"."+name, ".")
		switch {
		case key == "managedFields" && strings.HasSuffix("."+path, ".metadata"):
		case slices.Contains(copies, key):
			out[name] = redacted
			p.note(at)
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

// values keeps the keys of a Secret and whether a value is empty, which is a
// frequent mistake.
func (p *presenter) values(v any, path string) any {
	m, ok := v.(map[string]any)
	if !ok {
		p.note(path)
		return redacted
	}
	out := make(map[string]any, len(m))
	for key, value := range m {
		out[p.text(key)] = value
		if value != "" && value != nil {
			out[p.text(key)] = redacted
			p.note(path + "." + p.text(key))
		}
	}
	return out
}

// annotations of a Secret may hold a copy under a name that nobody knows: what
// looks like an object or is long is not shown.
func (p *presenter) annotations(v any, path string) any {
	m, ok := v.(map[string]any)
	if !ok {
		return p.value(v, path, true)
	}
	const short = 128
	out := make(map[string]any, len(m))
	for key, value := range m {
		text, ok := value.(string)
		name := p.text(key)
		if !ok || len(text) > short || strings.ContainsAny(text, "{[") || slices.Contains(copies, key) {
			out[name] = redacted
			p.note(path + "." + name)
			continue
		}
		out[name] = p.text(text)
	}
	return out
}
