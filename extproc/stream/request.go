package stream

import (
	"slices"

	corev3 "github.com/envoyproxy/go-control-plane/envoy/config/core/v3"
	extprocv3 "github.com/envoyproxy/go-control-plane/envoy/service/ext_proc/v3"

	"kubernetes-mcp-edge/extproc/jsonrpc"
	"kubernetes-mcp-edge/extproc/kubeheader"
	"kubernetes-mcp-edge/extproc/verdict"
)

// The headers that the stream reads beside those of the contract, lower-case as
// Envoy delivers them.
const (
	methodHeader         = ":method"
	versionHeader        = "mcp-protocol-version"
	decisionHeader       = "x-request-id"
	forwardedProtoHeader = "x-forwarded-proto"
	traceHeader          = "traceparent"
)

// request is what the header message says.
type request struct {
	facts    verdict.Facts
	method   string
	versions []string
	decision string // the id that logs, error data and metadata share
	trace    TraceParent
	named    bool // decision is the guard's own: x-request-id was none that can be used
}

// read takes from a header message what the verdict and a rejection need. All
// requests come by here, so it goes through the lines twice rather than let
// slices grow.
func read(headers *extprocv3.HttpHeaders) request {
	var r request
	var id []byte
	ids, traces, claimed := 0, 0, 0
	lines := headers.GetHeaders().GetHeaders()
	for _, line := range lines {
		if kubeheader.Claims(line.GetKey()) {
			claimed++
		}
	}
	var names []kubeheader.Field
	var values [][]byte
	if claimed > 0 {
		names, values = make([]kubeheader.Field, 0, claimed), make([][]byte, 0, claimed)
	}
	for _, line := range lines {
		switch name := line.GetKey(); name {
		case methodHeader:
			r.method = string(value(line))
		case versionHeader:
			r.versions = append(r.versions, string(value(line)))
		case decisionHeader:
			id = value(line)
			ids++
		case traceHeader:
			traces++
			r.trace = parseTraceParent(value(line))
		case forwardedProtoHeader:
			r.facts.ForwardedProto = append(r.facts.ForwardedProto, value(line))
		default:
			if kubeheader.Claims(name) {
				names, values = append(names, kubeheader.Field{Name: name}), append(values, value(line))
			}
		}
	}
	for i, secret := range kubeheader.Secrets(values) {
		names[i].Value = secret
	}
	r.facts.Fields = names
	if traces > 1 {
		r.trace = TraceParent{} // which of them, nobody knows
	}
	if r.decision = string(id); ids != 1 || !jsonrpc.ValidDecision(r.decision) {
		r.decision, r.named = jsonrpc.NewDecision(), true
	}
	return r
}

// value is the value of a header line. Envoy fills raw_value and leaves value
// empty; a data plane that fills value alone is understood as well. If both are
// filled, which the API forbids, raw_value is the one that Envoy itself reads.
func value(line *corev3.HeaderValue) []byte {
	if raw := line.GetRawValue(); len(raw) > 0 {
		return raw
	}
	return []byte(line.GetValue())
}

// strip names every header that must not reach the backend with a rejected
// request: all that was received under the contract's prefix, in the spelling
// received; the contract's own names, in case forward_rules kept one from the
// guard; and the proof's.
func (r request) strip() []string {
	names := append(kubeheader.Names(), kubeheader.SignatureInput, kubeheader.Signature, kubeheader.Fingerprint)
	for _, field := range r.facts.Fields {
		if !slices.Contains(names, field.Name) {
			names = append(names, field.Name)
		}
	}
	return names
}
