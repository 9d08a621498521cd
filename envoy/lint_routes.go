package envoy

import (
	"net/http"
	"slices"
	"strings"

	corev3 "github.com/envoyproxy/go-control-plane/envoy/config/core/v3"
	routev3 "github.com/envoyproxy/go-control-plane/envoy/config/route/v3"

	"kubernetes-mcp-edge/extproc/kubeheader"
)

func routeRules() []rule[*edge] {
	return []rule[*edge]{
		{"only-mcp-is-routed", "let exactly the path /mcp reach a cluster; the guard's contract is about that one", onlyMCP},
		{"call-without-limit", "set route timeout 0s: the default of 15 s cuts tool calls and streams", func(e *edge) bool {
			return !slices.ContainsFunc(e.routes(), func(r *routev3.Route) bool {
				timeout := r.GetRoute().GetTimeout()
				return r.GetRoute() != nil && (timeout == nil || timeout.AsDuration() != 0)
			})
		}},
		{"no-retries", "drop retry_policy: tool calls are not idempotent", noRetries},
		{"guard-on-every-route", "drop typed_per_filter_config from routes with a cluster, virtual hosts and the route configuration: it can switch the guard off", guardEverywhere},
		{"elsewhere-not-found", "end the routes with prefix / as direct_response 404, guard and rbac disabled, and answer nothing else than 404 without a cluster: clients probe /.well-known/*", elsewhere},
		{"nothing-after-the-guard", "drop request_headers_to_add and _to_remove for kubernetes-* and the proof: they run after the guard and break its signature", untouched},
		{"inline-routes", "write route_config into the listener: routes from elsewhere cannot be checked here", func(e *edge) bool {
			return e.manager.GetRouteConfig() != nil && e.manager.GetRouteConfig().GetVhds() == nil
		}},
	}
}

func onlyMCP(e *edge) bool {
	routed := 0
	for _, r := range e.routes() {
		if r.GetDirectResponse() != nil {
			continue
		}
		routed++
		if r.GetRoute() == nil || r.GetMatch().GetPath() != "/mcp" {
			return false
		}
	}
	return routed > 0
}

func noRetries(e *edge) bool {
	for _, host := range e.manager.GetRouteConfig().GetVirtualHosts() {
		if host.GetRetryPolicy() != nil || host.GetRetryPolicyTypedConfig() != nil {
			return false
		}
	}
	return !slices.ContainsFunc(e.routes(), func(r *routev3.Route) bool {
		return r.GetRoute().GetRetryPolicy() != nil || r.GetRoute().GetRetryPolicyTypedConfig() != nil
	})
}

func guardEverywhere(e *edge) bool {
	overrides := len(e.manager.GetRouteConfig().GetTypedPerFilterConfig())
	for _, host := range e.manager.GetRouteConfig().GetVirtualHosts() {
		overrides += len(host.GetTypedPerFilterConfig())
	}
	for _, r := range e.routes() {
		if r.GetDirectResponse() == nil {
			overrides += len(r.GetTypedPerFilterConfig())
		}
		for _, weighted := range r.GetRoute().GetWeightedClusters().GetClusters() {
			overrides += len(weighted.GetTypedPerFilterConfig())
		}
	}
	return overrides == 0
}

func elsewhere(e *edge) bool {
	for _, host := range e.manager.GetRouteConfig().GetVirtualHosts() {
		routes := host.GetRoutes()
		if len(routes) == 0 {
			return false
		}
		for _, r := range routes {
			if r.GetDirectResponse() != nil && r.GetDirectResponse().GetStatus() != http.StatusNotFound {
				return false
			}
		}
		last := routes[len(routes)-1]
		if last.GetMatch().GetPrefix() != "/" || last.GetDirectResponse() == nil {
			return false
		}
		for _, name := range []string{"envoy.filters.http.ext_proc", "envoy.filters.http.rbac"} {
			off := &routev3.FilterConfig{}
			if last.GetTypedPerFilterConfig()[name].UnmarshalTo(off) != nil || !off.GetDisabled() {
				return false
			}
		}
	}
	return len(e.manager.GetRouteConfig().GetVirtualHosts()) > 0
}

// untouched looks at every place where a route can change request headers.
func untouched(e *edge) bool {
	type editor interface {
		GetRequestHeadersToAdd() []*corev3.HeaderValueOption
		GetRequestHeadersToRemove() []string
	}
	editors := []editor{e.manager.GetRouteConfig()}
	for _, host := range e.manager.GetRouteConfig().GetVirtualHosts() {
		editors = append(editors, host)
	}
	for _, r := range e.routes() {
		editors = append(editors, r)
		for _, weighted := range r.GetRoute().GetWeightedClusters().GetClusters() {
			editors = append(editors, weighted)
		}
	}
	for _, ed := range editors {
		names := slices.Clone(ed.GetRequestHeadersToRemove())
		for _, added := range ed.GetRequestHeadersToAdd() {
			names = append(names, added.GetHeader().GetKey())
		}
		if slices.ContainsFunc(names, ours) {
			return false
		}
	}
	return true
}

// ours reports whether guard and backend care about this header.
func ours(name string) bool {
	name = strings.ReplaceAll(strings.ToLower(name), "_", "-")
	return strings.HasPrefix(name, kubeheader.Prefix) || name == kubeheader.Fingerprint ||
		name == kubeheader.Signature || name == kubeheader.SignatureInput
}
