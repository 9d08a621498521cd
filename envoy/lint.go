package envoy

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"

	bootstrapv3 "github.com/envoyproxy/go-control-plane/envoy/config/bootstrap/v3"
	clusterv3 "github.com/envoyproxy/go-control-plane/envoy/config/cluster/v3"
	listenerv3 "github.com/envoyproxy/go-control-plane/envoy/config/listener/v3"
	routev3 "github.com/envoyproxy/go-control-plane/envoy/config/route/v3"
	procv3 "github.com/envoyproxy/go-control-plane/envoy/extensions/filters/http/ext_proc/v3"
	rbacv3 "github.com/envoyproxy/go-control-plane/envoy/extensions/filters/http/rbac/v3"
	routerv3 "github.com/envoyproxy/go-control-plane/envoy/extensions/filters/http/router/v3"
	hcmv3 "github.com/envoyproxy/go-control-plane/envoy/extensions/filters/network/http_connection_manager/v3"
	tlsv3 "github.com/envoyproxy/go-control-plane/envoy/extensions/transport_sockets/tls/v3"
	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/anypb"
	"sigs.k8s.io/yaml"
)

// Finding is one rule that a configuration breaks.
type Finding struct {
	Rule    string // stable kebab-case name
	Where   string // the listener or cluster; empty for the whole
	Message string // what to set, and why
}

// String is one line for a person.
func (f Finding) String() string {
	if f.Where == "" {
		return f.Rule + ": " + f.Message
	}
	return f.Rule + " (" + f.Where + "): " + f.Message
}

// Lint checks a static bootstrap, in YAML or JSON, against the invariants that
// the product's promises rest on. The result is empty for a configuration that
// keeps them all. It is stricter than Envoy and than its control planes: a
// misspelt field is a finding, where Istio drops it silently.
//
// It cannot know what only Envoy knows (whether a regex fits its size limit,
// whether files exist): run envoy --mode validate too.
func Lint(config []byte) []Finding {
	w, err := parse(config)
	if err != nil {
		return []Finding{{Rule: ruleParse, Where: "", Message: err.Error()}}
	}
	if err := validate(w.bootstrap); err != nil {
		return []Finding{{Rule: ruleValidate, Where: "", Message: err.Error()}}
	}
	found := check("", w, wholeRules())
	edges, err := collect(w)
	if err != nil {
		return append(found, Finding{Rule: ruleParse, Where: "", Message: err.Error()})
	}
	if len(edges) == 0 {
		found = append(found, Finding{Rule: "one-guard", Where: "", Message: "there is no HTTP connection manager, so nothing is guarded"})
	}
	for _, e := range edges {
		found = append(found, check(e.listener.GetName(), e, edgeRules())...)
	}
	return found
}

// The two rules that come before all others.
const (
	ruleParse    = "parse"
	ruleValidate = "validate"
)

// Rules names every rule that Lint checks.
func Rules() []string {
	whole, edge := wholeRules(), edgeRules()
	out := make([]string, 0, 2+len(whole)+len(edge))
	out = append(out, ruleParse, ruleValidate)
	for _, r := range whole {
		out = append(out, r.name)
	}
	for _, r := range edge {
		out = append(out, r.name)
	}
	return out
}

func edgeRules() []rule[*edge] {
	return slices.Concat(listenerRules(), http2Rules(), guardRules(), chainRules(), clusterRules(), backendRules(), routeRules(), replyRules())
}

// rule is one invariant over a T.
type rule[T any] struct {
	name  string
	fix   string
	holds func(T) bool
}

func check[T any](where string, subject T, rules []rule[T]) []Finding {
	var found []Finding
	for _, r := range rules {
		if !r.holds(subject) {
			found = append(found, Finding{Rule: r.name, Where: where, Message: r.fix})
		}
	}
	return found
}

// whole is a bootstrap and the same as it was written: JSON objects, arrays,
// strings. A walk through that reaches what no getter here asks for.
type whole struct {
	bootstrap *bootstrapv3.Bootstrap
	raw       any
}

// edge is one HTTP connection manager with what belongs to it. A filter that is
// missing is nil, and the getters of a nil message return zero values: a missing
// guard breaks every rule about the guard.
type edge struct {
	listener *listenerv3.Listener
	chain    *listenerv3.FilterChain
	manager  *hcmv3.HttpConnectionManager
	raw      map[string]any // the manager as written: tells an explicit 0 from none
	guard    *procv3.ExternalProcessor
	guards   int
	rbac     *rbacv3.RBAC
	router   *routerv3.Router
	tls      *tlsv3.DownstreamTlsContext
	clusters map[string]*clusterv3.Cluster
}

// routes are all routes, of all virtual hosts.
func (e *edge) routes() []*routev3.Route {
	var out []*routev3.Route
	for _, host := range e.manager.GetRouteConfig().GetVirtualHosts() {
		out = append(out, host.GetRoutes()...)
	}
	return out
}

func parse(config []byte) (*whole, error) {
	text, err := yaml.YAMLToJSONStrict(config)
	if err != nil {
		return nil, fmt.Errorf("not YAML with unique keys: %w", err)
	}
	bootstrap := &bootstrapv3.Bootstrap{}
	// Unknown fields and unknown extension types are errors.
	if err := protojson.Unmarshal(text, bootstrap); err != nil {
		return nil, fmt.Errorf("not a bootstrap of Envoy 1.40: %w", err)
	}
	var raw any
	if err := json.Unmarshal(text, &raw); err != nil {
		return nil, fmt.Errorf("not JSON: %w", err)
	}
	return &whole{bootstrap: bootstrap, raw: raw}, nil
}

// collect finds every HTTP connection manager.
func collect(w *whole) ([]*edge, error) {
	clusters := map[string]*clusterv3.Cluster{}
	for _, c := range w.bootstrap.GetStaticResources().GetClusters() {
		clusters[c.GetName()] = c
	}
	written := managers(w.raw)
	var edges []*edge
	for _, l := range w.bootstrap.GetStaticResources().GetListeners() {
		for _, chain := range chains(l) {
			for _, filter := range chain.GetFilters() {
				manager := &hcmv3.HttpConnectionManager{}
				if !filter.GetTypedConfig().MessageIs(manager) {
					continue
				}
				e := &edge{
					listener: l, chain: chain, manager: manager, clusters: clusters,
					raw: nil, guard: nil, guards: 0, rbac: nil, router: nil, tls: nil,
				}
				if err := e.fill(filter.GetTypedConfig()); err != nil {
					return nil, err
				}
				if len(edges) < len(written) {
					e.raw = written[len(edges)]
				}
				edges = append(edges, e)
			}
		}
	}
	return edges, nil
}

// fill decodes the manager and the filters that rules ask about.
func (e *edge) fill(config *anypb.Any) error {
	if err := config.UnmarshalTo(e.manager); err != nil {
		return fmt.Errorf("decode the connection manager: %w", err)
	}
	if tls := new(tlsv3.DownstreamTlsContext); e.chain.GetTransportSocket().GetTypedConfig().UnmarshalTo(tls) == nil {
		e.tls = tls
	}
	for _, f := range e.manager.GetHttpFilters() {
		message, err := f.GetTypedConfig().UnmarshalNew()
		if err != nil {
			return fmt.Errorf("decode the filter %s: %w", f.GetName(), err)
		}
		switch m := message.(type) {
		case *procv3.ExternalProcessor:
			e.guards++
			e.guard = m
		case *rbacv3.RBAC:
			e.rbac = m
		case *routerv3.Router:
			e.router = m
		}
	}
	return nil
}

// managers returns the connection managers as written, in order. Keys are
// visited in order of name, and so filter_chains as the protobuf walk does
// unless a default_filter_chain comes first: then both see it in its place.
func managers(raw any) []map[string]any {
	var out []map[string]any
	switch v := raw.(type) {
	case []any:
		for _, item := range v {
			out = append(out, managers(item)...)
		}
	case map[string]any:
		if v["@type"] == "type.googleapis.com/"+string(proto.MessageName(&hcmv3.HttpConnectionManager{})) {
			return []map[string]any{v}
		}
		for _, key := range slices.Sorted(maps.Keys(v)) {
			out = append(out, managers(v[key])...)
		}
	}
	return out
}
