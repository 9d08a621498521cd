package envoy

import (
	"regexp"
	"slices"
	"strings"

	overloadv3 "github.com/envoyproxy/go-control-plane/envoy/config/overload/v3"
	downstreamv3 "github.com/envoyproxy/go-control-plane/envoy/extensions/resource_monitors/downstream_connections/v3"
)

func wholeRules() []rule[*whole] {
	return []rule[*whole]{
		{Rule{
			"admin-loopback", "the admin interface lies beyond loopback",
			"Whoever reaches it controls Envoy and reads its configuration.",
			"give admin a loopback address or a Unix socket",
		}, func(w *whole, hit hit) {
			if admin := w.bootstrap.message.GetAdmin(); admin != nil && !loopback(admin.GetAddress()) {
				hit(w.bootstrap.at.field("admin", "address"), "")
			}
		}},
		{Rule{
			"admin-paths", "the admin interface can change the process",
			"/logging can turn the printing of request headers on, credentials included; others stop or drain Envoy. Before 1.37 Envoy has no allow_paths: keep everybody from the port.",
			"list as allow_paths exactly /ready, /server_info, /clusters, /listeners, /config_dump and the prefix /stats, or fewer",
		}, adminReads},
		{Rule{
			"connection-limit", "no bound on the number of connections",
			"One caller can take them all.",
			"add the resource monitor downstream_connections to overload_manager, and drop ignore_global_conn_limit and bypass_overload_manager from listeners",
		}, connectionLimit},
		{Rule{
			"static-only", "listeners or clusters that come from elsewhere",
			"They cannot be judged here.",
			"drop dynamic_resources, or lint the /config_dump of the Envoy that got them",
		}, func(w *whole, hit hit) {
			hit.when(!w.live && w.bootstrap.message.GetDynamicResources() != nil, w.bootstrap.at.field("dynamic_resources"))
		}},
		{Rule{
			"update-refused", "Envoy refused an update",
			"What runs is not what was meant to run.",
			"read details in error_state, and mend what the control plane sends",
		}, func(w *whole, hit hit) {
			for _, at := range w.failed {
				hit(at, "")
			}
		}},
		{Rule{
			"no-header-printed", "a credential can be printed",
			"Logs and traces outlive requests, and more people read them.",
			"take kubernetes-*, the proof, authorization and cookies out of every format, tag and list of headers to log",
		}, func(w *whole, hit hit) { prints(w.raw, nil, "", hit) }},
	}
}

func adminReads(w *whole, hit hit) {
	admin, at := w.bootstrap.message.GetAdmin(), w.bootstrap.at.field("admin", "allow_paths")
	for i, p := range admin.GetAllowPaths() {
		reads := slices.Contains([]string{"/ready", "/server_info", "/clusters", "/listeners", "/config_dump", "/config_dump?include_eds"}, p.GetExact()) || p.GetPrefix() == "/stats"
		if p.GetIgnoreCase() || !reads {
			hit(at.item(i), "")
		}
	}
	if admin != nil && len(admin.GetAllowPaths()) == 0 && w.since(sinceAdminPaths) {
		hit(at, "all are allowed")
	}
}

func connectionLimit(w *whole, hit hit) {
	if w.bootstrap.message == nil {
		return // part of a dump
	}
	if !slices.ContainsFunc(w.bootstrap.message.GetOverloadManager().GetResourceMonitors(), bounds) {
		hit(w.bootstrap.at.field("overload_manager", "resource_monitors"), "")
	}
	for _, l := range w.listeners {
		hit.when(l.message.GetIgnoreGlobalConnLimit(), l.at.field("ignore_global_conn_limit"))
		hit.when(l.message.GetBypassOverloadManager(), l.at.field("bypass_overload_manager"))
	}
}

// operator is a command operator of Envoy's formats, with its arguments.
var operator = regexp.MustCompile(`%[A-Z][A-Z0-9_]*(\([^%]*\))?(:[0-9]+)?%`)

// listing are the fields whose strings are names of headers to log or to tag with.
var listing = []string{"request_headers_for_tags", "additional_request_headers_to_log", "custom_tags"}

// prints looks at every string in a configuration as it was written: a format
// can stand in any of its hundred messages. A header mutation prints nothing.
func prints(v any, at *place, field string, hit hit) {
	switch v := v.(type) {
	case []any:
		for i, item := range v {
			prints(item, at.item(i), field, hit)
		}
	case map[string]any:
		for k, item := range v {
			below := snake(k)
			switch {
			case slices.Contains([]string{"mutations", "request_mutations", "request_headers_to_add"}, below):
				continue
			case slices.Contains(listing, field):
				below = field
			}
			prints(item, at.entry(k), below, hit)
		}
	case string:
		if slices.Contains(listing, field) && secret(v) || slices.ContainsFunc(operator.FindAllString(v, -1), func(op string) bool {
			return secret(op) || strings.Contains(op, "request.headers")
		}) {
			hit(at, "")
		}
	}
}

// secret reports whether a text names a header that may hold a credential.
func secret(text string) bool {
	text = strings.ToLower(text)
	return slices.ContainsFunc([]string{"kubernetes", "signature", "authorization", "cookie"}, func(name string) bool {
		return strings.Contains(text, name)
	})
}

// bounds reports whether a resource monitor limits connections.
func bounds(m *overloadv3.ResourceMonitor) bool {
	opened, _ := open(m.GetTypedConfig())
	limit, ok := opened.(*downstreamv3.DownstreamConnectionsConfig)
	return ok && limit.GetMaxActiveDownstreamConnections() > 0
}
