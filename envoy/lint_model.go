package envoy

import (
	"maps"
	"slices"

	bootstrapv3 "github.com/envoyproxy/go-control-plane/envoy/config/bootstrap/v3"
	clusterv3 "github.com/envoyproxy/go-control-plane/envoy/config/cluster/v3"
	corev3 "github.com/envoyproxy/go-control-plane/envoy/config/core/v3"
	endpointv3 "github.com/envoyproxy/go-control-plane/envoy/config/endpoint/v3"
	listenerv3 "github.com/envoyproxy/go-control-plane/envoy/config/listener/v3"
	routev3 "github.com/envoyproxy/go-control-plane/envoy/config/route/v3"
	"google.golang.org/protobuf/proto"
)

// placed is a message of a configuration and where it stands.
type placed[T proto.Message] struct {
	message T
	at      *place
}

// whole is a configuration in Envoy's own words, put together from a bootstrap
// or from a config_dump.
type whole struct {
	*document

	live      bool // from a config_dump: what Envoy runs, not what it was told
	bootstrap placed[*bootstrapv3.Bootstrap]
	listeners []placed[*listenerv3.Listener]
	clusters  map[string]placed[*clusterv3.Cluster]
	endpoints map[string]*endpointv3.ClusterLoadAssignment // by name, of EDS
	routes    map[string]placed[*routev3.RouteConfiguration]
	filters   map[string]placed[*corev3.TypedExtensionConfig] // by name, of ECDS
	failed    []*place                                        // updates that Envoy refused
	minor     int                                             // of version 1.MINOR; 0 means the newest

	found   []Finding // by the reading itself
	reading map[string]Rule
}

// decoder reports what it cannot read as findings.
func (w *whole) decoder() *decoder {
	add := func(id string, at *place, detail string) {
		w.found = append(w.found, finding(w.document, w.reading[id], at, detail))
	}
	return &decoder{
		unknownType: func(at *place, name string) {
			f := finding(w.document, w.reading[ruleType], at, printable(name))
			f.Note = true
			w.found = append(w.found, f)
		},
		unknownField: func(at *place) { add(ruleField, at, "") },
		wrong:        func(at *place, want string) { add(ruleParse, at, "wants "+want) },
	}
}

// take decodes one resource and reports whether it could.
func take[T proto.Message](w *whole, empty T, v any, at *place) (placed[T], bool) {
	ok := w.decoder().into(empty, v, at)
	return placed[T]{empty, at}, ok
}

func (w *whole) addListener(v any, at *place) {
	if l, ok := take(w, &listenerv3.Listener{}, v, at); ok {
		w.listeners = append(w.listeners, l)
	}
}

func (w *whole) addCluster(v any, at *place) {
	if c, ok := take(w, &clusterv3.Cluster{}, v, at); ok {
		w.clusters[c.message.GetName()] = c
	}
}

func newWhole(d *document) *whole {
	reading := map[string]Rule{}
	for _, r := range readingRules() {
		reading[r.ID] = r
	}
	return &whole{
		document:  d,
		live:      false,
		bootstrap: placed[*bootstrapv3.Bootstrap]{nil, nil},
		listeners: nil,
		clusters:  map[string]placed[*clusterv3.Cluster]{},
		endpoints: map[string]*endpointv3.ClusterLoadAssignment{},
		routes:    map[string]placed[*routev3.RouteConfiguration]{},
		filters:   map[string]placed[*corev3.TypedExtensionConfig]{},
		failed:    nil,
		minor:     0,
		found:     nil,
		reading:   reading,
	}
}

// fromBootstrap takes listeners and clusters one by one, so that one which
// cannot be read does not hide the others.
func fromBootstrap(d *document, root map[string]any) *whole {
	w := newWhole(d)
	w.takeBootstrap(root, nil, true)
	return w
}

func (w *whole) takeBootstrap(root map[string]any, at *place, resources bool) {
	rest := make(map[string]any, len(root))
	for _, key := range slices.Sorted(maps.Keys(root)) {
		value := root[key]
		if snake(key) != "static_resources" {
			rest[key] = value
			continue
		}
		static, ok := value.(map[string]any)
		if !ok {
			w.decoder().wrong(at.field("static_resources"), "StaticResources")
			continue
		}
		if !resources {
			continue
		}
		others := map[string]any{}
		for _, name := range slices.Sorted(maps.Keys(static)) {
			items, ok := static[name].([]any)
			for i, item := range items {
				switch name {
				case "listeners":
					w.addListener(item, at.field("static_resources", "listeners").item(i))
				case "clusters":
					w.addCluster(item, at.field("static_resources", "clusters").item(i))
				}
			}
			if !ok || name != "listeners" && name != "clusters" {
				others[name] = static[name]
			}
		}
		rest[key] = others
	}
	if b, ok := take(w, &bootstrapv3.Bootstrap{}, rest, at); ok {
		w.bootstrap = b
	}
}

// of sets the version: the one that is named, or that of the Envoy that was asked.
func (w *whole) of(version string) *whole {
	if version != "" {
		w.minor = minor(version)
	} else if v := w.bootstrap.message.GetNode().GetUserAgentBuildVersion().GetVersion(); v.GetMajorNumber() == 1 {
		w.minor = int(v.GetMinorNumber())
	}
	return w
}

// since reports whether the Envoy that is meant knows what came with 1.MINOR.
func (w *whole) since(minor int) bool { return w.minor == 0 || w.minor >= minor }

// chains are all filter chains of a listener.
func chains(l placed[*listenerv3.Listener]) []placed[*listenerv3.FilterChain] {
	var out []placed[*listenerv3.FilterChain]
	for i, c := range l.message.GetFilterChains() {
		out = append(out, placed[*listenerv3.FilterChain]{c, l.at.field("filter_chains").item(i)})
	}
	if c := l.message.GetDefaultFilterChain(); c != nil {
		out = append(out, placed[*listenerv3.FilterChain]{c, l.at.field("default_filter_chain")})
	}
	return out
}

// addresses are the endpoints of a cluster, and whether they are all known.
func (w *whole) addresses(c *clusterv3.Cluster) (addresses []*corev3.Address, known bool) {
	assignment := c.GetLoadAssignment()
	if c.GetType() == clusterv3.Cluster_EDS {
		name := c.GetEdsClusterConfig().GetServiceName()
		if name == "" {
			name = c.GetName()
		}
		assignment = w.endpoints[name]
	}
	for _, locality := range assignment.GetEndpoints() {
		if locality.GetLedsClusterLocalityConfig() != nil {
			return nil, false
		}
		for _, e := range locality.GetLbEndpoints() {
			addresses = append(addresses, e.GetEndpoint().GetAddress())
			for _, more := range e.GetEndpoint().GetAdditionalAddresses() {
				addresses = append(addresses, more.GetAddress())
			}
		}
	}
	known = c.GetClusterType() == nil && c.GetType() != clusterv3.Cluster_ORIGINAL_DST && len(addresses) > 0
	return addresses, known
}

// sameEndpoint reports whether two clusters share an address.
func (w *whole) sameEndpoint(a, b *clusterv3.Cluster) bool {
	of, _ := w.addresses(a)
	others, _ := w.addresses(b)
	return slices.ContainsFunc(of, func(one *corev3.Address) bool {
		return slices.ContainsFunc(others, func(other *corev3.Address) bool { return proto.Equal(one, other) })
	})
}
