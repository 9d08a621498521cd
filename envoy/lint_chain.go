package envoy

import (
	"slices"
	"strconv"
	"strings"

	"github.com/go-json-experiment/json"

	rbacconfigv3 "github.com/envoyproxy/go-control-plane/envoy/config/rbac/v3"
	routev3 "github.com/envoyproxy/go-control-plane/envoy/config/route/v3"
	procv3 "github.com/envoyproxy/go-control-plane/envoy/extensions/filters/http/ext_proc/v3"
	healthv3 "github.com/envoyproxy/go-control-plane/envoy/extensions/filters/http/health_check/v3"
	rbacv3 "github.com/envoyproxy/go-control-plane/envoy/extensions/filters/http/rbac/v3"
	routerv3 "github.com/envoyproxy/go-control-plane/envoy/extensions/filters/http/router/v3"
	"google.golang.org/protobuf/proto"
)

func chainRules() []rule[*edge] {
	return []rule[*edge]{
		{Rule{
			"guard-last", "http_filters do not end with ext_proc, rbac, router, all of them always on",
			"What the guard checked must be what is sent: a filter after it may change headers, and so may one of a type that is not known here.",
			"move every other filter before ext_proc, and drop disabled and is_optional from these three",
		}, guardLast},
		{Rule{
			"guard-unwrapped", "guard, RBAC or router stand inside a filter that chooses",
			"match_delegate, composite and filter_chain skip what they wrap for some requests.",
			"put ext_proc, rbac and router into http_filters themselves",
		}, unwrapped},
		{Rule{
			"filters-known", "a filter whose configuration comes from elsewhere",
			"It can change while Envoy runs, and its default or what is not in the dump cannot be judged here.",
			"write typed_config into the filter; for one before the guard drop default_config and lint the /config_dump that holds it",
		}, filtersKnown},
		{Rule{
			"rbac-verdict", "RBAC does not ask for the guard's word, and for that alone",
			"Envoy lets a request through, with the caller's own headers, when a guard closes its stream cleanly.",
			"add an RBAC filter with action ALLOW and one policy of one permission: sourced_metadata, source DYNAMIC, filter kube_guard, path verdict, exactly allow",
		}, rbacVerdict},
		{Rule{
			"health-before-guard", "/healthz is not answered before the guard",
			"A health probe carries no credential and would be rejected; pass-through would reach the backend.",
			"put a health_check filter before ext_proc: pass_through_mode false, the one header :path exactly /healthz",
		}, healthFirst},
		{Rule{
			"no-upgrades", "an upgrade or CONNECT is allowed",
			"It can bring a filter chain of its own, and its bytes are never checked.",
			"drop upgrade_configs from the connection manager and from every route; where a control plane adds them, write the same types with enabled false into each route",
		}, noUpgrades},
	}
}

func noUpgrades(e *edge, hit hit) {
	routes := e.forwarding()
	off := func(r route, kind string) bool {
		return slices.ContainsFunc(r.message.GetRoute().GetUpgradeConfigs(), func(u *routev3.RouteAction_UpgradeConfig) bool {
			return strings.EqualFold(u.GetUpgradeType(), kind) && u.GetEnabled() != nil && !u.GetEnabled().GetValue()
		})
	}
	for i, u := range e.manager.GetUpgradeConfigs() {
		kept := slices.ContainsFunc(routes, func(r route) bool { return !off(r, u.GetUpgradeType()) })
		if (u.GetEnabled() == nil || u.GetEnabled().GetValue()) && (kept || len(routes) == 0) {
			hit(e.at.field("upgrade_configs").item(i), printable(u.GetUpgradeType()))
		}
	}
	for _, r := range routes {
		for i, u := range r.message.GetRoute().GetUpgradeConfigs() {
			if !off(r, u.GetUpgradeType()) {
				hit(r.at.field("route", "upgrade_configs").item(i), printable(u.GetUpgradeType()))
			}
		}
	}
}

// guardLast looks at the guard and at all that stands after it.
func guardLast(e *edge, hit hit) {
	last := []proto.Message{&procv3.ExternalProcessor{}, &rbacv3.RBAC{}, &routerv3.Router{}}
	guards := e.guards()
	from := guards[len(guards)-1]
	for _, f := range e.filters[from:] {
		if len(last) == 0 || f.message == nil || proto.MessageName(f.message) != proto.MessageName(last[0]) {
			hit(f.at, printable(f.GetName()+" is a "+f.kind))
			continue
		}
		last = last[1:]
		hit.when(f.GetDisabled(), f.at.field("disabled"))
		hit.when(f.GetIsOptional(), f.at.field("is_optional"))
	}
	for _, m := range last {
		hit(e.at.field("http_filters"), "missing: "+string(proto.MessageName(m)))
	}
}

// wrappers are the types that run other filters, or do not.
var wrappers = []string{
	"envoy.extensions.common.matching.v3.ExtensionWithMatcher",
	"envoy.extensions.filters.http.composite.v3.Composite",
	"envoy.extensions.filters.http.filter_chain.v3.FilterChainConfig",
	"envoy.extensions.filters.http.match_delegate.v3.MatchDelegate",
}

func unwrapped(e *edge, hit hit) {
	for _, f := range e.filters {
		if wraps(f.kind, e.object(f.config)) {
			hit(f.at, printable(f.GetName()))
		}
	}
}

// wraps reports whether a wrapper holds one of our filters, however deep.
func wraps(kind string, written map[string]any) bool {
	if !isWrapper(kind) {
		return false
	}
	text, err := json.Marshal(written)
	return err != nil || strings.Contains(string(text), "filters.http.ext_proc.") ||
		strings.Contains(string(text), "filters.http.rbac.") || strings.Contains(string(text), "filters.http.router.")
}

func isWrapper(kind string) bool {
	for _, w := range wrappers {
		if strings.HasPrefix(kind, w[:strings.LastIndexByte(w, '.')+1]) {
			return true
		}
	}
	return false
}

func filtersKnown(e *edge, hit hit) {
	for _, f := range e.filters {
		discovery := f.GetConfigDiscovery()
		if discovery == nil {
			continue
		}
		at := f.at.field("config_discovery")
		_, known := e.whole.filters[f.GetName()]
		switch {
		case !known:
			hit(at, printable(f.GetName()))
		case discovery.GetDefaultConfig() != nil:
			hit(at.field("default_config"), printable(f.GetName()))
		}
	}
}

func rbacVerdict(e *edge, hit hit) {
	if e.rbac.message == nil {
		hit(e.at.field("http_filters"), "there is no RBAC filter")
		return
	}
	rules, at := e.rbac.message.GetRules(), e.rbac.at.field("rules")
	policies := rules.GetPolicies()
	hit.when(e.rbac.message.GetMatcher() != nil, e.rbac.at.field("matcher"))
	if rules == nil {
		hit(at, "")
		return
	}
	hit.when(rules.GetAction() != rbacconfigv3.RBAC_ALLOW, at.field("action"))
	if len(policies) != 1 {
		hit(at.field("policies"), strconv.Itoa(len(policies))+" policies")
	}
	for name, policy := range policies {
		at := at.field("policies").entry(name).field("permissions")
		if len(policy.GetPermissions()) != 1 {
			hit(at, strconv.Itoa(len(policy.GetPermissions()))+" permissions")
			continue
		}
		metadata := policy.GetPermissions()[0].GetSourcedMetadata()
		matcher := metadata.GetMetadataMatcher()
		if metadata.GetMetadataSource() != rbacconfigv3.MetadataSource_DYNAMIC || matcher.GetFilter() != namespace || matcher.GetInvert() ||
			len(matcher.GetPath()) != 1 || matcher.GetPath()[0].GetKey() != "verdict" || matcher.GetValue().GetStringMatch().GetExact() != "allow" {
			hit(at.item(0), "")
		}
	}
}

func healthFirst(e *edge, hit hit) {
	if e.partial {
		return
	}
	for _, f := range e.filters {
		if _, ok := f.message.(*procv3.ExternalProcessor); ok {
			break
		}
		health, ok := f.message.(*healthv3.HealthCheck)
		if !ok {
			continue
		}
		hit.when(health.GetPassThroughMode().GetValue(), f.config.field("pass_through_mode"))
		if h := health.GetHeaders(); len(h) != 1 || h[0].GetName() != ":path" || h[0].GetStringMatch().GetExact() != "/healthz" || h[0].GetInvertMatch() {
			hit(f.config.field("headers"), "")
		}
		hit.when(f.GetDisabled(), f.at.field("disabled"))
		return
	}
	hit(e.at.field("http_filters"), "there is no health_check filter")
}
