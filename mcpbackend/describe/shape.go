package describe

import (
	"context"
	"encoding/base64"
	"maps"
	"slices"
	"strings"

	"kubernetes-mcp-edge/mcpbackend/answer"
)

// shaper makes an object safe to lay out and to show: redacted as everywhere,
// without the tabs that would become columns, and short.
type shaper struct {
	ctx       context.Context
	scrub     func(string) string
	shortened bool
}

// The limits of an object. Together they bound what aligning it may cost, which
// is the widest cell times the lines beside it.
const (
	maxText    = 4 << 10 // bytes of a text
	maxListed  = 1 << 10 // the same in an object of a list
	maxArray   = 256     // elements; of a map, four times as many
	tokenKey   = "token"
	tokenType  = "kubernetes.io/service-account-token" //nolint:gosec // a type of Secret
	secretKind = "Secret"
	dataField  = "data"
)

// whole shapes each top-level field of an object on its own, so that a long one
// takes nothing from the others.
func (s *shaper) whole(o map[string]any, secret bool, limit int) map[string]any {
	secret = secret || o["kind"] == secretKind
	out := map[string]any{}
	for key, value := range o {
		switch {
		case key == dataField && secret, key == "binaryData" && !secret:
			out[key] = s.sizes(value, secret && o["type"] == tokenType)
		case key == dataField && o["kind"] == "ConfigMap":
			out[key] = s.configuration(value)
		default:
			shown, _, cut := answer.Object(s.ctx, map[string]any{key: value}, s.scrub, secret)
			s.shortened = s.shortened || cut
			for k, v := range shown {
				out[k] = s.value(v, limit)
			}
		}
	}
	return out
}

// configuration leaves the texts of a ConfigMap long: no cell holds them.
func (s *shaper) configuration(v any) any {
	shown, _, cut := answer.Object(s.ctx, map[string]any{dataField: v}, s.scrub, false)
	s.shortened = s.shortened || cut
	return s.value(shown[dataField], answer.ObjectBudget)
}

// sizes keeps how long values are, which is all that kubectl prints of them, but
// for one: the token of a service account, which it prints.
func (s *shaper) sizes(v any, token bool) map[string]any {
	out := map[string]any{}
	values, _ := v.(map[string]any)
	for _, key := range slices.Sorted(maps.Keys(values)) {
		if len(out) == 4*maxArray {
			s.shortened = true
			break
		}
		text, _ := values[key].(string)
		shown := blank(text)
		if token && key == tokenKey {
			shown = base64.StdEncoding.EncodeToString([]byte(answer.Redacted))
		}
		out[s.text(answer.Clean(key), maxListed)] = shown
	}
	return out
}

// blank is base64 of as many zeros as the base64 in s has bytes.
func blank(s string) string {
	n := len(s) / 4 * 3
	n -= strings.Count(s[max(0, len(s)-2):], "=")
	return base64.StdEncoding.EncodeToString(make([]byte, max(0, n)))
}

func (s *shaper) value(v any, limit int) any {
	switch v := v.(type) {
	case string:
		return s.text(v, limit)
	case []any:
		if len(v) > maxArray {
			v, s.shortened = v[:maxArray], true
		}
		for i := range v {
			v[i] = s.value(v[i], limit)
		}
		return v
	case map[string]any:
		out := map[string]any{}
		for _, key := range slices.Sorted(maps.Keys(v)) {
			if len(out) == 4*maxArray {
				s.shortened = true
				break
			}
			out[s.text(key, maxListed)] = s.value(v[key], limit)
		}
		return out
	}
	return v
}

func (s *shaper) text(text string, limit int) string {
	text = strings.ReplaceAll(text, "\t", "    ")
	if len(text) > limit {
		s.shortened = true
		text = strings.ToValidUTF8(text[:limit], "") + "…"
	}
	return text
}
