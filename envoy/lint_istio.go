package envoy

import (
	"bytes"
	"errors"
	"io"
	"net/http"
	"regexp"
	"slices"

	"github.com/go-json-experiment/json"
	yamlv3 "go.yaml.in/yaml/v3"

	clusterv3 "github.com/envoyproxy/go-control-plane/envoy/config/cluster/v3"
	listenerv3 "github.com/envoyproxy/go-control-plane/envoy/config/listener/v3"
	routev3 "github.com/envoyproxy/go-control-plane/envoy/config/route/v3"
	routerv3 "github.com/envoyproxy/go-control-plane/envoy/extensions/filters/http/router/v3"
	hcmv3 "github.com/envoyproxy/go-control-plane/envoy/extensions/filters/network/http_connection_manager/v3"
	"google.golang.org/protobuf/proto"
)

// saidElsewhere are the rules about what Istio or other objects than an
// EnvoyFilter decide. The /config_dump of the gateway shows those.
func saidElsewhere() []string {
	return []string{
		"tls-beyond-loopback", "tls-minimum", // the Gateway
		"trusted-hops", "no-client-certificate", // the mesh's gatewayTopology
		"health-before-guard",                                                                               // Istio's own port
		"only-mcp-is-routed", "call-without-limit", "elsewhere-not-found", "decision-shown", "routes-known", // the VirtualService
		"backend-cluster", "backend-affinity", "backend-idle", "backend-health", // the DestinationRule
	}
}

var kindLine = regexp.MustCompile(`(?m)^kind:[ \t]*["']?EnvoyFilter\b`)

// envoyFilters reads a manifest if it holds an EnvoyFilter: one document whose
// top is the list of objects, or the object if there is one.
func envoyFilters(manifest []byte) (*document, bool) {
	if !kindLine.Match(manifest) {
		return nil, false
	}
	var objects []any
	top := &yamlv3.Node{Kind: yamlv3.SequenceNode, Line: 1}
	for decoder := yamlv3.NewDecoder(bytes.NewReader(manifest)); ; {
		node := &yamlv3.Node{}
		err := decoder.Decode(node)
		if errors.Is(err, io.EOF) {
			break
		}
		var value, v any
		if err != nil || node.Decode(&value) != nil {
			return nil, false
		}
		text, err := json.Marshal(value)
		if err != nil || json.Unmarshal(text, &v) != nil {
			return nil, false
		}
		if v != nil && len(node.Content) > 0 {
			objects, top.Content = append(objects, v), append(top.Content, node.Content[0])
		}
	}
	if len(objects) == 1 {
		return &document{raw: objects[0], lines: top.Content[0]}, true
	}
	return &document{raw: objects, lines: top}, true
}

// checkManifest judges what all EnvoyFilters of a manifest together put around
// the guard, as if they met one connection manager with a router in it.
func checkManifest(d *document) []Finding {
	w := newWhole(d)
	w.live = true // what is not written may be Istio's default
	p := patches{edge: &edge{whole: w, partial: true, manager: &hcmv3.HttpConnectionManager{}}, routed: map[routeName]bool{}}
	p.listener.message, p.chain.message = &listenerv3.Listener{}, &listenerv3.FilterChain{}
	p.last = httpFilter{HttpFilter: &hcmv3.HttpFilter{Name: "envoy.filters.http.router"}, message: &routerv3.Router{}, kind: string(proto.MessageName(&routerv3.Router{}))}
	visit := func(v any, at *place) {
		object, _ := v.(map[string]any)
		spec, _ := object["spec"].(map[string]any)
		switch object["kind"] {
		case "EnvoyFilter":
			each(spec, at.field("spec"), "configPatches", p.add)
		case "VirtualService":
			hosts := virtualHosts(spec)
			each(spec, at.field("spec"), "http", func(http map[string]any, at *place) { p.virtual(hosts, http, at) })
		}
	}
	if objects, ok := d.raw.([]any); ok {
		for i, v := range objects {
			visit(v, (*place)(nil).item(i))
		}
	} else {
		visit(d.raw, nil)
	}
	return p.judge()
}

// patches put together one connection manager of many patches.
type patches struct {
	*edge

	last    httpFilter // the router, which Istio adds
	virtued []Finding
	names   []routeName        // of moreRoutes, as the patches match them
	routed  map[routeName]bool // those of VirtualServices; true: something stands behind
}

func (p *patches) judge() []Finding {
	p.filters = append(p.filters, p.last)
	for i, r := range p.moreRoutes {
		if p.direct(p.names[i]) {
			r.message.Action = &routev3.Route_DirectResponse{DirectResponse: &routev3.DirectResponseAction{Status: http.StatusNotFound}}
		}
	}
	if p.at == nil {
		p.at = (*place)(nil).field("spec", "configPatches")
	}
	p.choose()
	validated := p.validate()
	for _, f := range p.filters {
		if f.message != nil {
			validate(f.message, f.config, func(at *place, detail string) {
				validated = append(validated, finding(p.document, ruleOf(ruleValidate), at, detail))
			})
		}
	}
	found := slices.Concat(p.found, p.virtued, sorted(validated), check(p.document, p.whole, wholeRules()))
	if !p.guarded() {
		return append(found, finding(p.document, ruleOf(ruleGuard), nil, "no patch adds it"))
	}
	rules := slices.DeleteFunc(edgeRules(), func(r rule[*edge]) bool { return slices.Contains(saidElsewhere(), r.ID) })
	return append(found, check(p.document, p.edge, rules)...)
}

func (p *patches) add(patch map[string]any, at *place) {
	body, _ := patch["patch"].(map[string]any)
	operation, _ := body["operation"].(string)
	value, at := body["value"], at.field("patch", "value")
	match, _ := patch["match"].(map[string]any)
	switch patch["applyTo"] {
	case "HTTP_FILTER":
		p.httpFilter(operation, subFilter(match), value, at)
	case "NETWORK_FILTER":
		filter, _ := value.(map[string]any)
		object, m := objectUnder(filter, "typed_config"), &hcmv3.HttpConnectionManager{}
		if typeOf(object) == string(proto.MessageName(m)) && p.decoder().into(m, untyped(object), at.field("typed_config")) {
			proto.Merge(p.manager, m)
			if p.at == nil {
				p.at, p.raw = at.field("typed_config"), object
			}
		}
	case "LISTENER":
		m := &listenerv3.Listener{}
		if p.decoder().into(m, value, at) {
			proto.Merge(p.listener.message, m)
			p.listener.at = at
		}
	case "CLUSTER":
		if operation == "ADD" {
			p.addCluster(value, at)
			return
		}
		p.decoder().into(&clusterv3.Cluster{}, value, at)
	case "ROUTE_CONFIGURATION":
		if m, ok := take(p.whole, &routev3.RouteConfiguration{}, value, at); ok {
			p.routes = m
		}
	case "VIRTUAL_HOST":
		if m, ok := take(p.whole, &routev3.VirtualHost{}, value, at); ok {
			p.moreHosts = append(p.moreHosts, m)
		}
	case "HTTP_ROUTE":
		if m, ok := take(p.whole, &routev3.Route{}, value, at); ok {
			p.moreRoutes = append(p.moreRoutes, m)
			p.names = append(p.names, matchedRoute(match))
		}
	}
}

// subFilter is the name of the filter that a patch is placed by.
func subFilter(match map[string]any) string {
	return textAt(match, "listener", "filterChain", "filter", "subFilter", "name")
}

// textAt is the string that stands that far down, or "".
func textAt(match map[string]any, keys ...string) string {
	v := any(match)
	for _, key := range keys {
		m, _ := v.(map[string]any)
		v = m[key]
	}
	name, _ := v.(string)
	return name
}

func (p *patches) httpFilter(operation, by string, value any, at *place) {
	m := &hcmv3.HttpFilter{}
	if operation == "REMOVE" || !p.decoder().into(m, value, at) {
		return
	}
	f := p.filter(m, at)
	where := slices.IndexFunc(p.filters, func(f httpFilter) bool { return f.GetName() == by })
	switch {
	case operation == "MERGE":
		if _, ok := f.message.(*routerv3.Router); ok {
			p.last = f
		}
	case operation == "INSERT_FIRST":
		p.filters = slices.Insert(p.filters, 0, f)
	case operation == "INSERT_BEFORE" && where >= 0:
		p.filters = slices.Insert(p.filters, where, f)
	case operation == "INSERT_AFTER" && where >= 0:
		p.filters = slices.Insert(p.filters, where+1, f)
	default:
		p.filters = append(p.filters, f)
	}
}
