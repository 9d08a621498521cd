package envoy

import (
	"time"

	clusterv3 "github.com/envoyproxy/go-control-plane/envoy/config/cluster/v3"
	corev3 "github.com/envoyproxy/go-control-plane/envoy/config/core/v3"
	routev3 "github.com/envoyproxy/go-control-plane/envoy/config/route/v3"
	httpv3 "github.com/envoyproxy/go-control-plane/envoy/extensions/upstreams/http/v3"

	"kubernetes-mcp-edge/extproc/kubeheader"
)

// idleBelow is the longest that Envoy may keep an unused connection to a backend,
// which closes its own after a minute and more.
const idleBelow = 30 * time.Second

// eachBackend reports whether something holds for every route to a cluster and
// for its cluster. Without such a route, or cluster, it does not.
func (e *edge) eachBackend(holds func(*routev3.RouteAction, *clusterv3.Cluster) bool) bool {
	found := false
	for _, r := range e.routes() {
		if r.GetRoute() == nil {
			continue
		}
		cluster := e.clusters[r.GetRoute().GetCluster()]
		if cluster == nil || !holds(r.GetRoute(), cluster) {
			return false
		}
		found = true
	}
	return found
}

func backendRules() []rule[*edge] {
	return []rule[*edge]{
		{"backend-cluster", "route to one cluster by name, one that exists, and mirror nothing: a copy of a request is a copy of its credential", func(e *edge) bool {
			return e.eachBackend(func(*routev3.RouteAction, *clusterv3.Cluster) bool { return true }) && !e.mirrors()
		}},
		{"backend-affinity", "hash by x-kubernetes-fingerprint in hash_policy and balance by MAGLEV: one caller's calls meet one warm client", func(e *edge) bool {
			return e.eachBackend(func(r *routev3.RouteAction, c *clusterv3.Cluster) bool {
				return len(r.GetHashPolicy()) == 1 && r.GetHashPolicy()[0].GetHeader().GetHeaderName() == kubeheader.Fingerprint &&
					c.GetLbPolicy() == clusterv3.Cluster_MAGLEV && c.GetLoadBalancingPolicy() == nil
			})
		}},
		{"backend-idle", "set the upstream idle_timeout of the backend to at most 30s, less than its own: without retries a connection closed under a request is a failed call", func(e *edge) bool {
			return e.eachBackend(func(_ *routev3.RouteAction, c *clusterv3.Cluster) bool {
				options := &httpv3.HttpProtocolOptions{}
				packed := c.GetTypedExtensionProtocolOptions()["envoy.extensions.upstreams.http.v3.HttpProtocolOptions"]
				idle := time.Duration(0)
				if packed.UnmarshalTo(options) == nil {
					idle = options.GetCommonHttpProtocolOptions().GetIdleTimeout().AsDuration()
				}
				return idle > 0 && idle <= idleBelow
			})
		}},
		{"backend-health", "give the backend an http_health_check of /healthz: one that drains gets nothing new", func(e *edge) bool {
			return e.eachBackend(func(_ *routev3.RouteAction, c *clusterv3.Cluster) bool {
				return len(c.GetHealthChecks()) > 0 && c.GetHealthChecks()[0].GetHttpHealthCheck().GetPath() == "/healthz"
			})
		}},
		{"plain-router", "set suppress_envoy_headers and drop upstream_http_filters: they run after the guard, and the backend needs to know nothing of retries", func(e *edge) bool {
			return e.router.GetSuppressEnvoyHeaders() && len(e.router.GetUpstreamHttpFilters()) == 0
		}},
		{"decision-shown", "add x-request-id, %REQ(X-REQUEST-ID)%, to the responses of every virtual host, overwriting: it is what a caller can tell the operator", func(e *edge) bool {
			for _, host := range e.manager.GetRouteConfig().GetVirtualHosts() {
				added := host.GetResponseHeadersToAdd()
				if len(added) != 1 || added[0].GetHeader().GetKey() != decisionHeader || added[0].GetHeader().GetValue() != "%REQ(X-REQUEST-ID)%" ||
					added[0].GetAppendAction() != corev3.HeaderValueOption_OVERWRITE_IF_EXISTS_OR_ADD {
					return false
				}
			}
			return true
		}},
	}
}

// mirrors reports whether some route sends copies elsewhere.
func (e *edge) mirrors() bool {
	n := len(e.manager.GetRouteConfig().GetRequestMirrorPolicies())
	for _, host := range e.manager.GetRouteConfig().GetVirtualHosts() {
		n += len(host.GetRequestMirrorPolicies())
	}
	for _, r := range e.routes() {
		n += len(r.GetRoute().GetRequestMirrorPolicies())
	}
	return n > 0
}
