package envoy

import (
	"maps"
	"net/http"
	"slices"

	routev3 "github.com/envoyproxy/go-control-plane/envoy/config/route/v3"
	procv3 "github.com/envoyproxy/go-control-plane/envoy/extensions/filters/http/ext_proc/v3"
	rbacv3 "github.com/envoyproxy/go-control-plane/envoy/extensions/filters/http/rbac/v3"
	"google.golang.org/protobuf/types/known/anypb"
)

func routeRules() []rule[*edge] {
	return []rule[*edge]{
		{Rule{
			"routes-known", "routes that are not in this configuration",
			"A route from elsewhere can switch the guard off, and nobody sees it here.",
			"write route_config into the listener without vhds, matcher or scoped_routes; what comes by RDS is judged in a /config_dump",
		}, routesKnown},
		{Rule{
			"only-mcp-is-routed", "another path than /mcp leads on",
			"The guard's contract is about that one.",
			"let exactly the path /mcp, in lower case, and no redirect, prefix or pattern, reach a cluster; answer the rest by direct_response 404",
		}, onlyMCP},
		{Rule{
			"call-without-limit", "Envoy cuts calls that last",
			"The default of 15 s cuts tool calls and streams; the backend bounds its tools itself.",
			"set the route's timeout to 0s and drop max_stream_duration",
		}, func(e *edge, hit hit) {
			for _, r := range e.forwarding() {
				action, at := r.message.GetRoute(), r.at.field("route")
				if timeout := action.GetTimeout(); timeout == nil || timeout.AsDuration() != 0 {
					hit(at.field("timeout"), "")
				}
				hit.when(action.GetMaxStreamDuration() != nil, at.field("max_stream_duration"))
			}
		}},
		{Rule{
			"guard-on-every-route", "a route can switch guard or RBAC off, or make them lenient",
			"Per-route settings win: ExtProcPerRoute can disable the guard or make it fail open, FilterConfig can disable any filter.",
			"drop what concerns ext_proc, rbac, router, or a type that is not known here from typed_per_filter_config of the route configuration, the virtual hosts, and the routes that lead to a cluster; a patch that switches both off where nothing stands behind names the virtual host, HOST:PORT, and the route",
		}, guardEverywhere},
		{Rule{
			"elsewhere-not-found", "what is not /mcp is not answered 404",
			"Clients probe /.well-known/*: any other answer makes them start OAuth. Guard and RBAC are off there, and only there: nothing stands behind.",
			"end every virtual host with prefix / as direct_response 404 where FilterConfig disables ext_proc and rbac, and answer nothing else than 404 without a cluster",
		}, elsewhere},
	}
}

func routesKnown(e *edge, hit hit) {
	switch rds := e.manager.GetRds(); {
	case e.partial:
	case e.manager.GetScopedRoutes() != nil:
		hit(e.at.field("scoped_routes"), "scoped routes cannot be judged here")
	case rds != nil && e.routes.message == nil:
		hit(e.at.field("rds"), "not in this configuration: "+printable(rds.GetRouteConfigName()))
	case e.routes.message == nil:
		hit(e.at.field("route_config"), "there are none")
	}
	hit.when(e.routes.message.GetVhds() != nil, e.routes.at.field("vhds"))
	hit.when(len(e.routes.message.GetClusterSpecifierPlugins()) > 0, e.routes.at.field("cluster_specifier_plugins"))
	for _, host := range e.hosts() {
		hit.when(host.message.GetMatcher() != nil, host.at.field("matcher"))
		hit.when(len(host.message.GetRouteSpecifiers()) > 0, host.at.field("route_specifiers"))
	}
	for _, r := range e.all() {
		hit.when(len(r.message.GetRouteSpecifiers()) > 0, r.at.field("route_specifiers"))
	}
}

func onlyMCP(e *edge, hit hit) {
	routed := 0
	for _, r := range e.all() {
		if r.message.GetDirectResponse() != nil {
			continue
		}
		routed++
		if r.message.GetRoute() == nil {
			hit(r.at, "neither a cluster nor a direct_response")
		}
		hit.when(r.message.GetMatch().GetPath() != "/mcp", r.at.field("match"))
		// What stands before the guard and goes by the path, such as jwt_authn, does not know /MCP.
		if cased := r.message.GetMatch().GetCaseSensitive(); cased != nil && !cased.GetValue() {
			hit(r.at.field("match", "case_sensitive"), "")
		}
	}
	if routed == 0 && !e.partial && e.routes.message != nil {
		hit(e.routes.at.field("virtual_hosts"), "nothing is routed")
	}
}

// guardEverywhere looks at every place that can override a filter.
func guardEverywhere(e *edge, hit hit) {
	look := func(overrides map[string]*anypb.Any, at *place) {
		for _, name := range slices.Sorted(maps.Keys(overrides)) {
			hit.when(e.loosens(name, overrides[name]), at.field("typed_per_filter_config").entry(name))
		}
	}
	look(e.routes.message.GetTypedPerFilterConfig(), e.routes.at)
	for _, host := range e.hosts() {
		look(host.message.GetTypedPerFilterConfig(), host.at)
	}
	for _, r := range e.all() {
		if r.message.GetDirectResponse() == nil {
			look(r.message.GetTypedPerFilterConfig(), r.at)
		}
		for i, c := range r.message.GetRoute().GetWeightedClusters().GetClusters() {
			look(c.GetTypedPerFilterConfig(), r.at.field("route", "weighted_clusters", "clusters").item(i))
		}
	}
}

// loosens reports whether an override is of a filter that must not have any, be
// it by the filter's name or by what it says.
func (e *edge) loosens(name string, packed *anypb.Any) bool {
	m, kind := open(packed)
	if wrapped, ok := m.(*routev3.FilterConfig); ok && wrapped.GetConfig() != nil {
		m, kind = open(wrapped.GetConfig())
	}
	switch m.(type) {
	case nil, *procv3.ExtProcPerRoute, *rbacv3.RBACPerRoute:
		return true
	}
	if isWrapper(kind) || slices.Contains([]string{guardFilter, rbacFilter, "envoy.filters.http.router"}, name) {
		return true
	}
	from := len(e.filters)
	if guards := e.guards(); len(guards) > 0 {
		from = guards[0]
	}
	return slices.ContainsFunc(e.filters[from:], func(f httpFilter) bool { return f.GetName() == name })
}

// The names of the two filters as we give them.
const (
	guardFilter = "envoy.filters.http.ext_proc"
	rbacFilter  = "envoy.filters.http.rbac"
)

func elsewhere(e *edge, hit hit) {
	for _, host := range e.hosts() {
		routes := host.message.GetRoutes()
		at := host.at.field("routes")
		for i, r := range routes {
			hit.when(r.GetDirectResponse() != nil && r.GetDirectResponse().GetStatus() != http.StatusNotFound, at.item(i).field("direct_response", "status"))
		}
		if len(routes) == 0 {
			hit(at, "there are none")
			continue
		}
		last, at := routes[len(routes)-1], at.item(len(routes)-1)
		if last.GetMatch().GetPrefix() != "/" || last.GetDirectResponse() == nil {
			hit(at, "the last one")
			continue
		}
		for _, f := range e.filters {
			switch f.message.(type) {
			case *procv3.ExternalProcessor, *rbacv3.RBAC:
				m, _ := open(last.GetTypedPerFilterConfig()[f.GetName()])
				if off, ok := m.(*routev3.FilterConfig); !ok || !off.GetDisabled() {
					hit(at.field("typed_per_filter_config").entry(f.GetName()), "")
				}
			}
		}
	}
	if len(e.hosts()) == 0 && e.routes.message != nil {
		hit(e.routes.at.field("virtual_hosts"), "there are none")
	}
}
