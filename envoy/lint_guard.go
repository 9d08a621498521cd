package envoy

import (
	"slices"
	"time"

	procv3 "github.com/envoyproxy/go-control-plane/envoy/extensions/filters/http/ext_proc/v3"
	typev3 "github.com/envoyproxy/go-control-plane/envoy/type/v3"
	"google.golang.org/protobuf/proto"

	"kubernetes-mcp-edge/extproc/kubeheader"
)

// namespace is where the guard's word stands in Envoy's dynamic metadata.
const namespace = "kube_guard"

// mutable names what the guard may set and remove; what it misses would vanish.
const mutable = `^(kubernetes.*|signature|signature-input|x-kubernetes-fingerprint|x-request-id|content-type|cache-control|access-control-.*)$`

// fastMode is the configured mode, rejectMode the only one that the guard may
// change it to. Envoy compares field by field and ignores what does not match.
func fastMode() *procv3.ProcessingMode {
	return &procv3.ProcessingMode{
		RequestHeaderMode: procv3.ProcessingMode_SEND, ResponseHeaderMode: procv3.ProcessingMode_SKIP,
		RequestBodyMode: procv3.ProcessingMode_NONE, ResponseBodyMode: procv3.ProcessingMode_NONE,
		RequestTrailerMode: procv3.ProcessingMode_SKIP, ResponseTrailerMode: procv3.ProcessingMode_SKIP,
	}
}

func rejectMode() *procv3.ProcessingMode {
	mode := fastMode()
	mode.RequestBodyMode = procv3.ProcessingMode_BUFFERED_PARTIAL
	mode.RequestTrailerMode = procv3.ProcessingMode_SEND
	return mode
}

func guardRules() []rule[*edge] {
	return []rule[*edge]{
		{"one-guard", "have exactly one ext_proc filter: without it nothing is checked, with two nobody knows which word counts", func(e *edge) bool { return e.guards == 1 }},
		{"fail-closed", "keep failure_mode_allow false: a dead guard must stop requests", func(e *edge) bool {
			return e.guard != nil && !e.guard.GetFailureModeAllow() && !e.guard.GetObservabilityMode()
		}},
		{"guard-modes", "spell processing_mode out: request headers SEND, all else SKIP or NONE", func(e *edge) bool {
			return proto.Equal(e.guard.GetProcessingMode(), fastMode())
		}},
		{"guard-override", "allow_mode_override with exactly one allowed_override_modes entry: request body BUFFERED_PARTIAL, request trailers SEND, the rest as configured", func(e *edge) bool {
			modes := e.guard.GetAllowedOverrideModes()
			return e.guard.GetAllowModeOverride() && len(modes) == 1 && proto.Equal(modes[0], rejectMode())
		}},
		{"guard-may-answer", "unset disable_immediate_response and send_body_without_waiting_for_header_response: rejections need both", func(e *edge) bool {
			return !e.guard.GetDisableImmediateResponse() && !e.guard.GetSendBodyWithoutWaitingForHeaderResponse()
		}},
		{"guard-timeout", "set message_timeout to 2s: the default of 200 ms is too short for a cold start", func(e *edge) bool {
			return e.guard.GetMessageTimeout().AsDuration() == 2*time.Second
		}},
		{"guard-status", "set status_on_error to 503: a guard's failure is not the caller's", func(e *edge) bool {
			return e.guard.GetStatusOnError().GetCode() == typev3.StatusCode_ServiceUnavailable
		}},
		{"guard-keeps-route", "set route_cache_action to RETAIN: the route was chosen before the guard", func(e *edge) bool {
			return e.guard.GetRouteCacheAction() == procv3.ExternalProcessor_RETAIN
		}},
		{"guard-mutations", "set mutation_rules to disallow_all, disallow_is_error and the one allow_expression: what it misses vanishes silently", func(e *edge) bool {
			m := e.guard.GetMutationRules()
			return m.GetDisallowAll().GetValue() && m.GetDisallowIsError().GetValue() && m.GetAllowExpression().GetRegex() == mutable && m.GetDisallowExpression() == nil
		}},
		{"guard-sees", "forward the prefixes kubernetes and mcp- and the six exact names, nothing else: no cookie, no authorization", forwards},
		{"guard-metadata", "receive the namespace kube_guard, and no other: the verdict travels there", func(e *edge) bool {
			return slices.Equal(e.guard.GetMetadataOptions().GetReceivingNamespaces().GetUntyped(), []string{namespace})
		}},
		{"guard-statistics", "set stat_prefix: alerts need a name", func(e *edge) bool { return e.guard.GetStatPrefix() != "" }},
	}
}

func forwards(e *edge) bool {
	var got []string
	for _, p := range e.guard.GetForwardRules().GetAllowedHeaders().GetPatterns() {
		switch {
		case p.GetIgnoreCase():
			return false
		case p.GetPrefix() != "":
			got = append(got, p.GetPrefix()+"*")
		default:
			got = append(got, p.GetExact())
		}
	}
	slices.Sort(got)
	return e.guard.GetForwardRules().GetDisallowedHeaders() == nil && slices.Equal(got, []string{
		":method", ":path", "content-type", kubeheader.Prefix + "*", "mcp-*", "origin", "x-forwarded-proto", decisionHeader,
	})
}
