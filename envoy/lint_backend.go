package envoy

import (
	"time"

	clusterv3 "github.com/envoyproxy/go-control-plane/envoy/config/cluster/v3"
	corev3 "github.com/envoyproxy/go-control-plane/envoy/config/core/v3"

	"kubernetes-mcp-edge/extproc/kubeheader"
)

// idleBelow is the longest that Envoy may keep an unused connection to a backend,
// which closes its own after a minute and more.
const idleBelow = 30 * time.Second

// onBackends is a rule about each cluster that a route leads to.
func onBackends(r Rule, look func(placed[*clusterv3.Cluster], hit)) rule[*edge] {
	return rule[*edge]{r, func(e *edge, hit hit) {
		for _, c := range e.backends() {
			look(c, hit)
		}
	}}
}

func backendRules() []rule[*edge] {
	return []rule[*edge]{
		{Rule{
			"backend-cluster", "where a request goes cannot be told, or it goes to more than one place",
			"A copy of a request is a copy of its credential.",
			"route to one cluster by name, one that exists, and drop request_mirror_policies, cluster_header, weighted_clusters and cluster specifier plugins",
		}, oneBackend},
		{Rule{
			"backend-affinity", "one caller's calls meet cold clients",
			"Each backend builds a client for each caller: a warm call needs one API request, a cold one handshakes and discovery too.",
			"hash by the header x-kubernetes-fingerprint alone in the route's hash_policy, and balance by lb_policy MAGLEV",
		}, func(e *edge, hit hit) {
			for _, r := range e.forwarding() {
				policy := r.message.GetRoute().GetHashPolicy()
				hit.when(len(policy) != 1 || policy[0].GetHeader().GetHeaderName() != kubeheader.Fingerprint, r.at.field("route", "hash_policy"))
			}
			for _, c := range e.backends() {
				hit.when(c.message.GetLbPolicy() != clusterv3.Cluster_MAGLEV, c.at.field("lb_policy"))
				hit.when(c.message.GetLoadBalancingPolicy() != nil, c.at.field("load_balancing_policy"))
			}
		}},
		onBackends(Rule{
			"backend-idle", "Envoy keeps connections that the backend may just close",
			"Without retries a connection closed under a request is a failed call.",
			"set common_http_protocol_options.idle_timeout of the backend's HttpProtocolOptions to at most 30s, less than the backend's own",
		}, func(c placed[*clusterv3.Cluster], hit hit) {
			options := protocol(c)
			idle := options.message.GetCommonHttpProtocolOptions().GetIdleTimeout().AsDuration()
			hit.when(idle <= 0 || idle > idleBelow, options.at.field("common_http_protocol_options", "idle_timeout"))
		}),
		onBackends(Rule{
			"backend-health", "a backend that drains still gets requests",
			"They fail, since nothing is tried twice.",
			"give the backend's cluster an http_health_check of /healthz",
		}, func(c placed[*clusterv3.Cluster], hit hit) {
			checks := c.message.GetHealthChecks()
			hit.when(len(checks) == 0 || checks[0].GetHttpHealthCheck().GetPath() != "/healthz", c.at.field("health_checks"))
		}),
		{Rule{
			"plain-router", "something changes requests after the guard, on their way out of Envoy",
			"Upstream filters, mirrors and retries of a cluster are no filter of the chain, and run after all of them; the router's own x-envoy-* headers tell the backend of retries.",
			"set suppress_envoy_headers on the router, drop its upstream_http_filters, and http_filters, request_mirror_policies, retry_policy and filters from the backend's cluster",
		}, plainWay},
		{Rule{
			"decision-shown", "the caller does not learn the decision id",
			"It is what he can tell the operator, who finds it in every log.",
			"add to response_headers_to_add of every virtual host, and nothing else, x-request-id as %REQ(X-REQUEST-ID)% with OVERWRITE_IF_EXISTS_OR_ADD",
		}, func(e *edge, hit hit) {
			for _, host := range e.hosts() {
				added := host.message.GetResponseHeadersToAdd()
				if len(added) != 1 || added[0].GetHeader().GetKey() != decisionHeader || added[0].GetHeader().GetValue() != "%REQ(X-REQUEST-ID)%" ||
					added[0].GetAppendAction() != corev3.HeaderValueOption_OVERWRITE_IF_EXISTS_OR_ADD {
					hit(host.at.field("response_headers_to_add"), "")
				}
			}
		}},
	}
}

func oneBackend(e *edge, hit hit) {
	for _, r := range e.forwarding() {
		action, at := r.message.GetRoute(), r.at.field("route")
		switch {
		case action.GetCluster() == "":
			hit(at, "not one cluster by name")
		case e.clusters[action.GetCluster()].message == nil && !e.partial:
			hit(at.field("cluster"), "no such cluster")
		}
		hit.when(len(action.GetRequestMirrorPolicies()) > 0, at.field("request_mirror_policies"))
	}
	for _, host := range e.hosts() {
		hit.when(len(host.message.GetRequestMirrorPolicies()) > 0, host.at.field("request_mirror_policies"))
	}
	hit.when(len(e.routes.message.GetRequestMirrorPolicies()) > 0, e.routes.at.field("request_mirror_policies"))
}

func plainWay(e *edge, hit hit) {
	hit.when(e.router.message != nil && !e.router.message.GetSuppressEnvoyHeaders(), e.router.at.field("suppress_envoy_headers"))
	hit.when(len(e.router.message.GetUpstreamHttpFilters()) > 0, e.router.at.field("upstream_http_filters"))
	for _, c := range e.backends() {
		hit.when(len(c.message.GetFilters()) > 0, c.at.field("filters"))
		options := protocol(c)
		for i, f := range options.message.GetHttpFilters() {
			if _, kind := open(f.GetTypedConfig()); kind != "envoy.extensions.filters.http.upstream_codec.v3.UpstreamCodec" {
				hit(options.at.field("http_filters").item(i), printable(kind))
			}
		}
		hit.when(len(options.message.GetRequestMirrorPolicies()) > 0, options.at.field("request_mirror_policies"))
		hit.when(options.message.GetRetryPolicy() != nil, options.at.field("retry_policy"))
	}
}
