package envoy

import (
	corev3 "github.com/envoyproxy/go-control-plane/envoy/config/core/v3"
	endpointv3 "github.com/envoyproxy/go-control-plane/envoy/config/endpoint/v3"
	routev3 "github.com/envoyproxy/go-control-plane/envoy/config/route/v3"
)

// fromDump puts together what Envoy's /config_dump shows: what runs (active)
// and what will once it is ready (warming). What drains takes no new requests.
func fromDump(d *document, configs []any) *whole {
	w := newWhole(d)
	w.live = true
	var bootstrap map[string]any
	var bootstrapAt *place
	for i, c := range configs {
		at := (*place)(nil).field("configs").item(i)
		config, _ := c.(map[string]any)
		switch typeOf(config) {
		case "envoy.admin.v3.BootstrapConfigDump":
			bootstrap, _ = config["bootstrap"].(map[string]any)
			bootstrapAt = at.field("bootstrap")
		case "envoy.admin.v3.ListenersConfigDump":
			w.dumpedListeners(config, at)
		case "envoy.admin.v3.ClustersConfigDump":
			w.dumpedClusters(config, at)
		case "envoy.admin.v3.RoutesConfigDump":
			w.dumpedRoutes(config, at)
		case "envoy.admin.v3.EcdsConfigDump":
			w.dumpedFilters(config, at)
		case "envoy.admin.v3.EndpointsConfigDump":
			w.dumpedEndpoints(config, at)
		}
	}
	if bootstrap != nil {
		// The dump tells of what the bootstrap started, too, unless it is a part.
		w.takeBootstrap(bootstrap, bootstrapAt, len(w.listeners) == 0 && len(w.clusters) == 0)
	}
	return w
}

func typeOf(object map[string]any) string {
	url, _ := object[typeKey].(string)
	if len(url) <= len(urlPrefix) || url[:len(urlPrefix)] != urlPrefix {
		return ""
	}
	return url[len(urlPrefix):]
}

// each calls visit for the objects of a list.
func each(object map[string]any, at *place, name string, visit func(item map[string]any, at *place)) {
	found, _, _ := under(object, name)
	items, _ := found.([]any)
	for i, item := range items {
		if m, ok := item.(map[string]any); ok {
			visit(m, at.field(name).item(i))
		}
	}
}

// inside hands on the resource that an entry of a dump wraps: an Any, which for
// a resource of known type is its fields.
func inside(entry map[string]any, at *place, name string, visit func(v any, at *place)) {
	resource := objectUnder(entry, name)
	if resource == nil {
		return
	}
	visit(untyped(resource), at.field(name))
}

func (w *whole) failedAt(entry map[string]any, at *place) {
	if state, _, _ := under(entry, "error_state"); state != nil {
		w.failed = append(w.failed, at.field("error_state"))
	}
}

func (w *whole) dumpedListeners(config map[string]any, at *place) {
	each(config, at, "static_listeners", func(l map[string]any, at *place) { inside(l, at, "listener", w.addListener) })
	each(config, at, "dynamic_listeners", func(l map[string]any, at *place) {
		w.failedAt(l, at)
		for _, name := range []string{"active_state", "warming_state"} {
			inside(objectUnder(l, name), at.field(name), "listener", w.addListener)
		}
	})
}

func (w *whole) dumpedClusters(config map[string]any, at *place) {
	// Later ones replace earlier ones of their name: what warms is what will be.
	for _, list := range []string{"static_clusters", "dynamic_active_clusters", "dynamic_warming_clusters"} {
		each(config, at, list, func(c map[string]any, at *place) {
			w.failedAt(c, at)
			inside(c, at, "cluster", w.addCluster)
		})
	}
}

func (w *whole) dumpedRoutes(config map[string]any, at *place) {
	// A static one belongs to a listener that holds it itself.
	each(config, at, "dynamic_route_configs", func(r map[string]any, at *place) {
		w.failedAt(r, at)
		inside(r, at, "route_config", func(v any, at *place) {
			if r, ok := take(w, &routev3.RouteConfiguration{}, v, at); ok {
				w.routes[r.message.GetName()] = r
			}
		})
	})
}

func (w *whole) dumpedFilters(config map[string]any, at *place) {
	each(config, at, "ecds_filters", func(f map[string]any, at *place) {
		w.failedAt(f, at)
		inside(f, at, "ecds_filter", func(v any, at *place) {
			if f, ok := take(w, &corev3.TypedExtensionConfig{}, v, at); ok {
				w.filters[f.message.GetName()] = f
			}
		})
	})
}

func (w *whole) dumpedEndpoints(config map[string]any, at *place) {
	each(config, at, "dynamic_endpoint_configs", func(e map[string]any, at *place) {
		inside(e, at, "endpoint_config", func(v any, at *place) {
			if a, ok := take(w, &endpointv3.ClusterLoadAssignment{}, v, at); ok {
				w.endpoints[a.message.GetClusterName()] = a.message
			}
		})
	})
}
