package envoy

import (
	"slices"

	clusterv3 "github.com/envoyproxy/go-control-plane/envoy/config/cluster/v3"
	listenerv3 "github.com/envoyproxy/go-control-plane/envoy/config/listener/v3"
	hcmv3 "github.com/envoyproxy/go-control-plane/envoy/extensions/filters/network/http_connection_manager/v3"
	tcpv3 "github.com/envoyproxy/go-control-plane/envoy/extensions/filters/network/tcp_proxy/v3"
)

// ways is a configuration seen as the ways through it.
type ways struct {
	*whole

	edges []*edge
}

// harmless are network filters that pass bytes to the next or end the connection.
var harmless = []string{
	"envoy.extensions.filters.network.connection_limit.v3.ConnectionLimit",
	"envoy.extensions.filters.network.local_ratelimit.v3.LocalRateLimit",
	"envoy.extensions.filters.network.ratelimit.v3.RateLimit",
	"envoy.extensions.filters.network.rbac.v3.RBAC",
	"envoy.extensions.filters.network.direct_response.v3.Config",
}

func wayRules() []rule[ways] {
	return []rule[ways]{
		{Rule{
			"every-listener-guarded", "a way to the backend, or to the guard, that does not lead past the guard",
			"Bytes that pass there are never checked; who reaches the guard's port has what he likes signed.",
			"put the guard into every HTTP connection manager that leads there, and drop tcp_proxy and other network filters from listeners that lead there",
		}, unguarded},
	}
}

func unguarded(w ways, hit hit) {
	var secure []placed[*clusterv3.Cluster]
	for _, e := range w.edges {
		if e.guarded() {
			secure = append(secure, e.ourClusters()...)
		}
	}
	for _, l := range w.listeners {
		hit.when(l.message.GetApiListener() != nil, l.at.field("api_listener"))
		if l.message.GetFcdsConfig() != nil {
			hit(l.at.field("fcds_config"), "filter chains from elsewhere")
		}
	}
	for _, e := range w.edges {
		for _, t := range e.targets() {
			if !e.guarded() && w.leads(t.cluster, secure) {
				hit(t.at, printable(t.cluster))
			}
		}
	}
	for _, l := range w.listeners {
		for _, c := range chains(l) {
			w.bytes(c, secure, hit)
		}
	}
}

// bytes looks at the network filters of a chain.
func (w ways) bytes(c placed[*listenerv3.FilterChain], secure []placed[*clusterv3.Cluster], hit hit) {
	for i, f := range c.message.GetFilters() {
		at := c.at.field("filters").item(i)
		m, kind := open(f.GetTypedConfig())
		switch m := m.(type) {
		case *hcmv3.HttpConnectionManager:
		case *tcpv3.TcpProxy:
			w.tcp(m, at.field("typed_config"), secure, hit)
		default:
			last := i == len(c.message.GetFilters())-1 // one that is not known and not last is noted
			if !slices.Contains(harmless, kind) && (m != nil || last) {
				hit(at, printable(kind))
			}
		}
	}
}

func (w ways) tcp(m *tcpv3.TcpProxy, at *place, secure []placed[*clusterv3.Cluster], hit hit) {
	if m.GetWeightedClusters() == nil && w.leads(m.GetCluster(), secure) {
		hit(at.field("cluster"), printable(m.GetCluster()))
	}
	for i, c := range m.GetWeightedClusters().GetClusters() {
		if w.leads(c.GetName(), secure) {
			hit(at.field("weighted_clusters", "clusters").item(i), printable(c.GetName()))
		}
	}
}

// leads reports whether a cluster is, or may be, one of those: the same, one
// with an endpoint of theirs, or one that goes wherever the request says. With
// nothing guarded there is nothing to lead to.
func (w ways) leads(name string, secure []placed[*clusterv3.Cluster]) bool {
	if len(secure) == 0 {
		return false
	}
	c, ok := w.clusters[name]
	if !ok {
		return name == "" // cannot be told
	}
	anywhere := c.message.GetType() == clusterv3.Cluster_ORIGINAL_DST || c.message.GetClusterType() != nil
	return anywhere || slices.ContainsFunc(secure, func(s placed[*clusterv3.Cluster]) bool {
		return s.message == c.message || w.sameEndpoint(s.message, c.message)
	})
}
