package envoy

import (
	"net/netip"
	"regexp"
	"slices"
	"strings"

	bootstrapv3 "github.com/envoyproxy/go-control-plane/envoy/config/bootstrap/v3"
	corev3 "github.com/envoyproxy/go-control-plane/envoy/config/core/v3"
	listenerv3 "github.com/envoyproxy/go-control-plane/envoy/config/listener/v3"
	hcmv3 "github.com/envoyproxy/go-control-plane/envoy/extensions/filters/network/http_connection_manager/v3"
)

func loopback(a *corev3.Address) bool {
	if a.GetPipe() != nil {
		return true
	}
	ip, err := netip.ParseAddr(a.GetSocketAddress().GetAddress())
	return err == nil && ip.IsLoopback()
}

func wholeRules() []rule[*whole] {
	return []rule[*whole]{
		{"admin-loopback", "give admin a loopback address: whoever reaches it controls Envoy", func(w *whole) bool {
			return w.bootstrap.GetAdmin() == nil || loopback(w.bootstrap.GetAdmin().GetAddress())
		}},
		{"admin-paths", "list as allow_paths exactly /ready, /server_info, /clusters, /listeners, /config_dump and the prefix /stats, or fewer: others change the process, and /logging can turn header printing on", func(w *whole) bool {
			return adminReads(w.bootstrap.GetAdmin())
		}},
		{"connection-limit", "bound the connections by overload_manager: one caller must not take them all", func(w *whole) bool {
			return len(w.bootstrap.GetOverloadManager().GetResourceMonitors()) > 0
		}},
		{"static-only", "drop dynamic_resources: listeners and clusters from elsewhere cannot be checked here", func(w *whole) bool {
			return w.bootstrap.GetDynamicResources() == nil
		}},
		{"every-listener-guarded", "put one HTTP connection manager, and no other network filter, into every filter chain: bytes that pass otherwise are never checked", everyListener},
		{"no-header-printed", "take kubernetes-*, the proof and authorization out of every format, tag and list of headers to log, wherever it stands", func(w *whole) bool {
			return !prints("", w.raw)
		}},
	}
}

func adminReads(a *bootstrapv3.Admin) bool {
	for _, p := range a.GetAllowPaths() {
		if p.GetIgnoreCase() {
			return false
		}
		if !slices.Contains([]string{"/ready", "/server_info", "/clusters", "/listeners", "/config_dump"}, p.GetExact()) && p.GetPrefix() != "/stats" {
			return false
		}
	}
	return a == nil || len(a.GetAllowPaths()) > 0
}

// chains are all filter chains of a listener.
func chains(l *listenerv3.Listener) []*listenerv3.FilterChain {
	out := slices.Clone(l.GetFilterChains())
	if l.GetDefaultFilterChain() != nil {
		out = append(out, l.GetDefaultFilterChain())
	}
	return out
}

func everyListener(w *whole) bool {
	for _, l := range w.bootstrap.GetStaticResources().GetListeners() {
		for _, c := range chains(l) {
			if len(c.GetFilters()) != 1 || !c.GetFilters()[0].GetTypedConfig().MessageIs(&hcmv3.HttpConnectionManager{}) {
				return false
			}
		}
	}
	return true
}

// operator is a command operator of Envoy's formats, with its arguments.
var operator = regexp.MustCompile(`%[A-Z][A-Z0-9_]*(\([^%]*\))?(:[0-9]+)?%`)

// listing are the fields whose strings are names of headers to log or to tag with.
var listing = []string{"request_headers_for_tags", "additional_request_headers_to_log", "custom_tags"}

// prints looks at every string in a configuration as it was written: a format
// can stand in any of its hundred messages.
func prints(key string, v any) bool {
	switch v := v.(type) {
	case []any:
		return slices.ContainsFunc(v, func(item any) bool { return prints(key, item) })
	case map[string]any:
		for k, item := range v {
			below := snake(k)
			if slices.Contains(listing, key) {
				below = key
			}
			if prints(below, item) {
				return true
			}
		}
	case string:
		return slices.Contains(listing, key) && secret(v) || slices.ContainsFunc(operator.FindAllString(v, -1), func(op string) bool {
			return secret(op) || strings.Contains(op, "request.headers")
		})
	}
	return false
}

// secret reports whether a text names a header that may hold a credential.
func secret(text string) bool {
	text = strings.ToLower(text)
	return slices.ContainsFunc([]string{"kubernetes", "signature", "authorization", "cookie"}, func(name string) bool {
		return strings.Contains(text, name)
	})
}

// snake spells a field as the protobuf files do; JSON allows camelCase too.
func snake(key string) string {
	var out strings.Builder
	for _, c := range key {
		if 'A' <= c && c <= 'Z' {
			_, _ = out.WriteString("_")
			c += 'a' - 'A'
		}
		_, _ = out.WriteRune(c)
	}
	return out.String()
}
