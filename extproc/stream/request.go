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
)

// request is what the header message says.
type request struct {
	facts    verdict.Facts
	method   string
	versions []string
	decision string // the id that logs, error data and metadata share
	named    bool   // decision is the guard's own: x-request-id was none that can be used
}

// read takes from a header message what the verdict and a rejection need.
func read(headers *extprocv3.HttpHeaders) request {
	var r request
	var ids []string
	for _, line := range headers.GetHeaders().GetHeaders() {
		switch name := line.GetKey(); name {
		case methodHeader:
			r.method = string(value(line))
		case versionHeader:
			r.versions = append(r.versions, string(value(line)))
		case decisionHeader:
			ids = append(ids, string(value(line)))
		case forwardedProtoHeader:
			r.facts.ForwardedProto = append(r.facts.ForwardedProto, value(line))
		default:
			if kubeheader.Claims(name) {
				r.facts.Fields = append(r.facts.Fields, kubeheader.Field{
					Name: name, Value: kubeheader.NewSecret(value(line)),
				})
			}
		}
	}
	if len(ids) == 1 && jsonrpc.ValidDecision(ids[0]) {
		r.decision = ids[0]
	} else {
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
