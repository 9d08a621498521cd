package envoy

import (
	clusterv3 "github.com/envoyproxy/go-control-plane/envoy/config/cluster/v3"
	rbacconfigv3 "github.com/envoyproxy/go-control-plane/envoy/config/rbac/v3"
	procv3 "github.com/envoyproxy/go-control-plane/envoy/extensions/filters/http/ext_proc/v3"
	healthv3 "github.com/envoyproxy/go-control-plane/envoy/extensions/filters/http/health_check/v3"
	rbacv3 "github.com/envoyproxy/go-control-plane/envoy/extensions/filters/http/rbac/v3"
	routerv3 "github.com/envoyproxy/go-control-plane/envoy/extensions/filters/http/router/v3"
	httpv3 "github.com/envoyproxy/go-control-plane/envoy/extensions/upstreams/http/v3"
	"google.golang.org/protobuf/proto"
)

func chainRules() []rule[*edge] {
	return []rule[*edge]{
		{"guard-last", "end http_filters with ext_proc, rbac, router, none of them disabled: what the guard checked must be what is sent", guardLast},
		{"rbac-verdict", "let RBAC allow by one policy: sourced_metadata kube_guard verdict is exactly allow; Envoy lets a request through when a guard closes cleanly", rbacVerdict},
		{"health-before-guard", "answer /healthz by a health_check filter without pass-through, before the guard", healthFirst},
		{"no-upgrades", "drop upgrade_configs: an upgrade brings a filter chain of its own", func(e *edge) bool { return len(e.manager.GetUpgradeConfigs()) == 0 }},
	}
}

func guardLast(e *edge) bool {
	filters := e.manager.GetHttpFilters()
	last := []proto.Message{&procv3.ExternalProcessor{}, &rbacv3.RBAC{}, &routerv3.Router{}}
	if len(filters) < len(last) {
		return false
	}
	for i, want := range last {
		f := filters[len(filters)-len(last)+i]
		if !f.GetTypedConfig().MessageIs(want) || f.GetDisabled() || f.GetIsOptional() {
			return false
		}
	}
	return true
}

func rbacVerdict(e *edge) bool {
	policies := e.rbac.GetRules().GetPolicies()
	if e.rbac.GetRules().GetAction() != rbacconfigv3.RBAC_ALLOW || len(policies) != 1 || e.rbac.GetMatcher() != nil {
		return false
	}
	for _, policy := range policies {
		if len(policy.GetPermissions()) != 1 {
			return false
		}
		metadata := policy.GetPermissions()[0].GetSourcedMetadata()
		matcher := metadata.GetMetadataMatcher()
		if metadata.GetMetadataSource() != rbacconfigv3.MetadataSource_DYNAMIC || matcher.GetFilter() != namespace || matcher.GetInvert() ||
			len(matcher.GetPath()) != 1 || matcher.GetPath()[0].GetKey() != "verdict" || matcher.GetValue().GetStringMatch().GetExact() != "allow" {
			return false
		}
	}
	return true
}

func healthFirst(e *edge) bool {
	for _, f := range e.manager.GetHttpFilters() {
		health := &healthv3.HealthCheck{}
		if f.GetTypedConfig().MessageIs(&procv3.ExternalProcessor{}) {
			return false
		}
		if f.GetTypedConfig().UnmarshalTo(health) != nil {
			continue
		}
		h := health.GetHeaders()
		return !health.GetPassThroughMode().GetValue() && len(h) == 1 && h[0].GetName() == ":path" && h[0].GetStringMatch().GetExact() == "/healthz"
	}
	return false
}

// guardStreams is how many streams to the guard there must be room for.
const guardStreams = 4096

// guardCluster is nil if the filter names none or one that does not exist.
func (e *edge) guardCluster() *clusterv3.Cluster {
	return e.clusters[e.guard.GetGrpcService().GetEnvoyGrpc().GetClusterName()]
}

func clusterRules() []rule[*edge] {
	return []rule[*edge]{
		{"guard-cluster", "name a cluster that exists: without it every request fails", func(e *edge) bool { return e.guardCluster() != nil }},
		{"guard-http2", "give the guard's cluster http2_protocol_options: gRPC needs them", func(e *edge) bool {
			options := &httpv3.HttpProtocolOptions{}
			packed := e.guardCluster().GetTypedExtensionProtocolOptions()["envoy.extensions.upstreams.http.v3.HttpProtocolOptions"]
			return packed.UnmarshalTo(options) == nil && options.GetExplicitHttpConfig().GetHttp2ProtocolOptions() != nil
		}},
		{"guard-health", "give the guard's cluster a grpc_health_check and healthy_panic_threshold 0: a guard that says it is not serving gets nothing", func(e *edge) bool {
			checks := e.guardCluster().GetHealthChecks()
			threshold := e.guardCluster().GetCommonLbConfig().GetHealthyPanicThreshold()
			return len(checks) > 0 && checks[0].GetGrpcHealthCheck() != nil && threshold != nil && threshold.GetValue() == 0
		}},
		{"circuit-breakers", "set max_connections, max_pending_requests and max_requests on every cluster: bounds must be stated", func(e *edge) bool {
			for _, c := range e.clusters {
				t := c.GetCircuitBreakers().GetThresholds()
				if len(t) == 0 || t[0].GetMaxConnections() == nil || t[0].GetMaxPendingRequests() == nil || t[0].GetMaxRequests() == nil {
					return false
				}
			}
			return true
		}},
		{"guard-room", "allow max_requests 4096 or more to the guard: rejected requests that wait for their bodies hold up to 512", func(e *edge) bool {
			t := e.guardCluster().GetCircuitBreakers().GetThresholds()
			return len(t) > 0 && t[0].GetMaxRequests().GetValue() >= guardStreams
		}},
		{"connect-timeout", "set connect_timeout on every cluster", func(e *edge) bool {
			for _, c := range e.clusters {
				if c.GetConnectTimeout().AsDuration() <= 0 {
					return false
				}
			}
			return true
		}},
	}
}
