package envoy

import (
	"slices"

	clusterv3 "github.com/envoyproxy/go-control-plane/envoy/config/cluster/v3"
	listenerv3 "github.com/envoyproxy/go-control-plane/envoy/config/listener/v3"
	routev3 "github.com/envoyproxy/go-control-plane/envoy/config/route/v3"
	procv3 "github.com/envoyproxy/go-control-plane/envoy/extensions/filters/http/ext_proc/v3"
	rbacv3 "github.com/envoyproxy/go-control-plane/envoy/extensions/filters/http/rbac/v3"
	routerv3 "github.com/envoyproxy/go-control-plane/envoy/extensions/filters/http/router/v3"
	hcmv3 "github.com/envoyproxy/go-control-plane/envoy/extensions/filters/network/http_connection_manager/v3"
	tlsv3 "github.com/envoyproxy/go-control-plane/envoy/extensions/transport_sockets/tls/v3"
	"google.golang.org/protobuf/proto"
)

// edge is one HTTP connection manager with what belongs to it. What is missing
// is nil, and the getters of a nil message return zero values.
type edge struct {
	*whole

	listener placed[*listenerv3.Listener]
	chain    placed[*listenerv3.FilterChain]
	manager  *hcmv3.HttpConnectionManager
	at       *place         // of the manager's fields
	raw      map[string]any // the manager as written: tells an explicit 0 from none
	filters  []httpFilter
	routes   placed[*routev3.RouteConfiguration]
	tls      placed[*tlsv3.DownstreamTlsContext]
	guard    placed[*procv3.ExternalProcessor] // the last, if there are more
	rbac     placed[*rbacv3.RBAC]
	router   placed[*routerv3.Router]

	// A manifest: what it does not say may be said elsewhere, and its routes
	// and virtual hosts stand alone.
	partial    bool
	moreHosts  []placed[*routev3.VirtualHost]
	moreRoutes []route
}

// httpFilter is a filter of the chain. Its message is nil if this program does
// not know the type, or if it comes from elsewhere and is not known.
type httpFilter struct {
	*hcmv3.HttpFilter

	at      *place // of the filter
	config  *place // of the fields of its configuration
	message proto.Message
	kind    string // the type's name
}

// edges are all connection managers, in the order of their listeners.
func (w *whole) edges() []*edge {
	var out []*edge
	for _, l := range w.listeners {
		for _, c := range chains(l) {
			for i, f := range c.message.GetFilters() {
				m, _ := open(f.GetTypedConfig())
				if manager, ok := m.(*hcmv3.HttpConnectionManager); ok {
					e := w.edge(manager, c.at.field("filters").item(i).field("typed_config"))
					e.listener, e.chain = l, c
					e.encrypted()
					out = append(out, e)
				}
			}
		}
	}
	return out
}

func (w *whole) edge(manager *hcmv3.HttpConnectionManager, at *place) *edge {
	e := &edge{whole: w, manager: manager, at: at, raw: w.object(at)}
	for i, f := range manager.GetHttpFilters() {
		e.filters = append(e.filters, w.filter(f, at.field("http_filters").item(i)))
	}
	e.choose()
	if name := manager.GetRds().GetRouteConfigName(); name != "" {
		e.routes = w.routes[name]
	} else {
		e.routes = placed[*routev3.RouteConfiguration]{manager.GetRouteConfig(), at.field("route_config")}
	}
	return e
}

// choose finds the filters that rules ask about.
func (e *edge) choose() {
	for _, f := range e.filters {
		switch m := f.message.(type) {
		case *procv3.ExternalProcessor:
			e.guard = placed[*procv3.ExternalProcessor]{m, f.config}
		case *rbacv3.RBAC:
			e.rbac = placed[*rbacv3.RBAC]{m, f.config}
		case *routerv3.Router:
			e.router = placed[*routerv3.Router]{m, f.config}
		}
	}
}

// filter opens a filter, wherever its configuration comes from.
func (w *whole) filter(f *hcmv3.HttpFilter, at *place) httpFilter {
	out := httpFilter{HttpFilter: f, at: at, config: at.field("typed_config"), message: nil, kind: ""}
	packed := f.GetTypedConfig()
	if f.GetConfigDiscovery() != nil {
		found, ok := w.filters[f.GetName()]
		if !ok {
			return out
		}
		packed, out.config = found.message.GetTypedConfig(), found.at.field("typed_config")
	}
	out.message, out.kind = open(packed)
	return out
}

func (e *edge) encrypted() {
	m, _ := open(e.chain.message.GetTransportSocket().GetTypedConfig())
	if tls, ok := m.(*tlsv3.DownstreamTlsContext); ok {
		e.tls = placed[*tlsv3.DownstreamTlsContext]{tls, e.chain.at.field("transport_socket", "typed_config")}
	}
}

// guards are the indices of the ext_proc filters.
func (e *edge) guards() []int {
	var out []int
	for i, f := range e.filters {
		if _, ok := f.message.(*procv3.ExternalProcessor); ok {
			out = append(out, i)
		}
	}
	return out
}

func (e *edge) guarded() bool { return len(e.guards()) > 0 }

// route is a route and where it stands.
type route = placed[*routev3.Route]

// all are all routes, of all virtual hosts.
func (e *edge) all() []route {
	out := slices.Clone(e.moreRoutes)
	for _, host := range e.hosts() {
		for i, r := range host.message.GetRoutes() {
			out = append(out, route{r, host.at.field("routes").item(i)})
		}
	}
	return out
}

// hosts are all virtual hosts.
func (e *edge) hosts() []placed[*routev3.VirtualHost] {
	out := slices.Clone(e.moreHosts)
	for i, host := range e.routes.message.GetVirtualHosts() {
		out = append(out, placed[*routev3.VirtualHost]{host, e.routes.at.field("virtual_hosts").item(i)})
	}
	return out
}

// forwarding are the routes that lead on to somewhere.
func (e *edge) forwarding() []route {
	return slices.DeleteFunc(e.all(), func(r route) bool { return r.message.GetRoute() == nil })
}

// target is a cluster that requests can reach; empty if which cannot be told.
type target struct {
	cluster string
	at      *place
}

// targets are all clusters that a manager's routes lead to, copies included.
func (e *edge) targets() []target {
	var out []target
	add := func(name string, at *place) { out = append(out, target{name, at}) }
	mirrors := func(policies []*routev3.RouteAction_RequestMirrorPolicy, at *place) {
		for i, m := range policies {
			add(m.GetCluster(), at.field("request_mirror_policies").item(i))
		}
	}
	if e.routes.message == nil { // from elsewhere
		add("", e.at)
	}
	if e.routes.message.GetVhds() != nil {
		add("", e.routes.at.field("vhds"))
	}
	mirrors(e.routes.message.GetRequestMirrorPolicies(), e.routes.at)
	for _, host := range e.hosts() {
		mirrors(host.message.GetRequestMirrorPolicies(), host.at)
		if host.message.GetMatcher() != nil {
			add("", host.at.field("matcher"))
		}
	}
	for _, r := range e.forwarding() {
		action, at := r.message.GetRoute(), r.at.field("route")
		mirrors(action.GetRequestMirrorPolicies(), at)
		switch {
		case action.GetCluster() != "":
			add(action.GetCluster(), at.field("cluster"))
		case action.GetWeightedClusters() != nil:
			for i, c := range action.GetWeightedClusters().GetClusters() {
				add(c.GetName(), at.field("weighted_clusters", "clusters").item(i).field("name"))
			}
		default:
			add("", at)
		}
	}
	return out
}

// guardCluster is nil if the filter names none or one that does not exist.
func (e *edge) guardCluster() placed[*clusterv3.Cluster] {
	return e.clusters[e.guard.message.GetGrpcService().GetEnvoyGrpc().GetClusterName()]
}

// backends are the clusters that routes lead to by name.
func (e *edge) backends() []placed[*clusterv3.Cluster] {
	var out []placed[*clusterv3.Cluster]
	for _, t := range e.targets() {
		c, ok := e.clusters[t.cluster]
		if ok && !slices.ContainsFunc(out, func(o placed[*clusterv3.Cluster]) bool { return o.message == c.message }) {
			out = append(out, c)
		}
	}
	return out
}
