package envoy

import (
	"slices"
	"strings"
	"time"

	corev3 "github.com/envoyproxy/go-control-plane/envoy/config/core/v3"
	procv3 "github.com/envoyproxy/go-control-plane/envoy/extensions/filters/http/ext_proc/v3"
	previousv3 "github.com/envoyproxy/go-control-plane/envoy/extensions/retry/host/previous_hosts/v3"
	typev3 "github.com/envoyproxy/go-control-plane/envoy/type/v3"
	"google.golang.org/protobuf/reflect/protoreflect"

	"kubernetes-mcp-edge/extproc/kubeheader"
)

// namespace is where the guard's word stands in Envoy's dynamic metadata.
const namespace = "kube_guard"

// mutable names what the guard may set and remove; what it misses would vanish.
const mutable = `^(kubernetes.*|signature|signature-input|x-kubernetes-fingerprint|x-request-id|content-type|cache-control|access-control-.*)$`

// The range of message_timeout.
const (
	leastTimeout = time.Second
	mostTimeout  = 5 * time.Second
)

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

// guardRules are about what would let a request past the guard.
func guardRules() []rule[*edge] {
	return []rule[*edge]{
		{Rule{
			ruleGuard, "not exactly one ext_proc filter on the way",
			"Without it nothing is checked; with two nobody knows which word counts.",
			"have one ext_proc filter, the guard, in http_filters",
		}, func(e *edge, hit hit) {
			for _, i := range e.guards()[1:] {
				hit(e.filters[i].at, "another one")
			}
		}},
		{Rule{
			"fail-closed", "a guard that fails lets requests through",
			"Whatever fails, nothing unchecked may be acted on. In observability_mode its answers are ignored.",
			"set failure_mode_allow and observability_mode to false, or drop them",
		}, func(e *edge, hit hit) {
			hit.when(e.guard.message.GetFailureModeAllow(), e.guard.at.field("failure_mode_allow"))
			hit.when(e.guard.message.GetObservabilityMode(), e.guard.at.field("observability_mode"))
		}},
		{Rule{
			"guard-modes", "the guard is asked for something else than the request headers",
			"Headers that are not sent are not checked; anything else costs a message, or holds the call.",
			"spell processing_mode out: request_header_mode SEND, response_header_mode, request_trailer_mode and response_trailer_mode SKIP, both body modes NONE",
		}, func(e *edge, hit hit) {
			differs(e.guard.message.GetProcessingMode(), fastMode(), e.guard.at.field("processing_mode"), hit)
		}},
		{Rule{
			"guard-override", "the guard cannot ask for the body of a request that it rejects",
			"Envoy compares field by field and ignores an override that differs without a word; the rejected request goes on, without its headers.",
			"set allow_mode_override true and one entry of allowed_override_modes, all six fields spelt out: request_header_mode SEND, request_body_mode BUFFERED_PARTIAL, request_trailer_mode SEND, the rest as in processing_mode",
		}, func(e *edge, hit hit) {
			hit.when(!e.guard.message.GetAllowModeOverride(), e.guard.at.field("allow_mode_override"))
			modes, at := e.guard.message.GetAllowedOverrideModes(), e.guard.at.field("allowed_override_modes")
			if len(modes) != 1 {
				hit(at, "")
				return
			}
			differs(modes[0], rejectMode(), at.item(0), hit)
		}},
		{Rule{
			"guard-may-answer", "the guard cannot answer a rejection",
			"disable_immediate_response makes its answer a failure, send_body_without_waiting_for_header_response disables its override.",
			"drop disable_immediate_response and send_body_without_waiting_for_header_response",
		}, func(e *edge, hit hit) {
			hit.when(e.guard.message.GetDisableImmediateResponse(), e.guard.at.field("disable_immediate_response"))
			hit.when(e.guard.message.GetSendBodyWithoutWaitingForHeaderResponse(), e.guard.at.field("send_body_without_waiting_for_header_response"))
		}},
	}
}

// guardSettingRules are about how the guard is asked and answers.
func guardSettingRules() []rule[*edge] {
	return []rule[*edge]{
		{Rule{
			"guard-timeout", "the guard has too little time to answer, or too much",
			"The default of 200 ms is too short for a cold start; a caller should not wait long for a guard that hangs. A timeout on the stream as a whole would cut rejections that wait for their body.",
			"set message_timeout to 2s (1s to 5s), drop max_message_timeout, and drop grpc_service.timeout or set it to more than 5s",
		}, func(e *edge, hit hit) {
			if t := e.guard.message.GetMessageTimeout().AsDuration(); t < leastTimeout || t > mostTimeout {
				hit(e.guard.at.field("message_timeout"), "")
			}
			hit.when(e.guard.message.GetMaxMessageTimeout().AsDuration() != 0, e.guard.at.field("max_message_timeout"))
			if t := e.guard.message.GetGrpcService().GetTimeout().AsDuration(); t != 0 && t <= mostTimeout {
				hit(e.guard.at.field("grpc_service", "timeout"), "")
			}
		}},
		{Rule{
			"guard-retry", "the guard is asked again where it may have answered",
			"One more try helps while a guard restarts, before it has read anything; more multiplies load when all are slow.",
			"limit grpc_service.retry_policy to retry_on connect-failure and refused-stream with num_retries 1",
		}, retriesOnce},
		{Rule{
			"guard-asks-another", "a guard that is gone is not followed by another",
			"Until the probes notice, calls fail that another guard could have judged: without retry_policy Envoy does not ask again, without the predicate it may ask the same one, and with one choice it may find it twice.",
			"write grpc_service.retry_policy with retry_on connect-failure,refused-stream, the retry_host_predicate previous_hosts, and host_selection_retry_max_attempts 3",
		}, asksAnother},
		{Rule{
			"guard-status", "a guard's failure looks like something else",
			"It is neither the caller's fault nor the backend's; the mappers and alerts look for 503.",
			"set status_on_error to ServiceUnavailable",
		}, func(e *edge, hit hit) {
			hit.when(e.guard.message.GetStatusOnError().GetCode() != typev3.StatusCode_ServiceUnavailable, e.guard.at.field("status_on_error"))
		}},
		{Rule{
			"guard-keeps-route", "the guard's answer makes Envoy choose the route again",
			"What earlier filters allowed was about the first one.",
			"set route_cache_action to RETAIN",
		}, func(e *edge, hit hit) {
			hit.when(e.guard.message.GetRouteCacheAction() != procv3.ExternalProcessor_RETAIN, e.guard.at.field("route_cache_action"))
		}},
		{Rule{
			"guard-mutations", "the guard may set other headers than it has to",
			"What the expression misses vanishes without a word, removals too, and what it has too much an attacker in the guard's place could set.",
			"set mutation_rules to disallow_all, disallow_is_error and allow_expression " + mutable + ", and nothing else",
		}, mutations},
		{Rule{
			"guard-sees", "the guard is shown too few headers, or too many",
			"It decides on these alone; cookies and authorization are none of its business.",
			"forward the prefixes kubernetes (without a dash, so that kubernetes_server is seen) and mcp-, and exactly :method, :path, content-type, origin, traceparent, tracestate, x-forwarded-proto, x-request-id",
		}, forwards},
		{Rule{
			"guard-metadata", "the guard's word does not arrive",
			"RBAC and the access log read the verdict from this namespace.",
			"set metadata_options.receiving_namespaces.untyped to kube_guard, and no other",
		}, func(e *edge, hit hit) {
			if !slices.Equal(e.guard.message.GetMetadataOptions().GetReceivingNamespaces().GetUntyped(), []string{namespace}) {
				hit(e.guard.at.field("metadata_options", "receiving_namespaces", "untyped"), "")
			}
		}},
		{Rule{
			"guard-statistics", "the guard's statistics have no name of their own",
			"Alerts on streams_failed and message_timeouts need one.",
			"set stat_prefix",
		}, func(e *edge, hit hit) {
			hit.when(e.guard.message.GetStatPrefix() == "", e.guard.at.field("stat_prefix"))
		}},
	}
}

// differs reports each field that is not as wanted.
func differs(got, want *procv3.ProcessingMode, at *place, hit hit) {
	if got == nil {
		hit(at, "")
		return
	}
	fields := want.ProtoReflect().Descriptor().Fields()
	for i := range fields.Len() {
		field := fields.Get(i)
		if value := want.ProtoReflect().Get(field); got.ProtoReflect().Get(field).Enum() != value.Enum() {
			hit(at.field(string(field.Name())), "wants "+enumName(field, value))
		}
	}
}

func enumName(field protoreflect.FieldDescriptor, value protoreflect.Value) string {
	return string(field.Enum().Values().ByNumber(value.Enum()).Name())
}

func retriesOnce(e *edge, hit hit) {
	service := e.guard.message.GetGrpcService()
	policy, at := service.GetRetryPolicy(), e.guard.at.field("grpc_service", "retry_policy")
	if policy == nil {
		return
	}
	for on := range strings.SplitSeq(policy.GetRetryOn(), ",") {
		if on = strings.TrimSpace(on); on != "connect-failure" && on != "refused-stream" {
			hit(at.field("retry_on"), printable(on))
		}
	}
	if n := policy.GetNumRetries(); n != nil && n.GetValue() > 1 {
		hit(at.field("num_retries"), "")
	}
}

// leastChoices is how often Envoy at least looks for a host that it has not
// tried, before it takes one that it has: as many as rendered.
const leastChoices = 3

func asksAnother(e *edge, hit hit) {
	policy, at := e.guard.message.GetGrpcService().GetRetryPolicy(), e.guard.at.field("grpc_service", "retry_policy")
	if policy == nil {
		hit(at, "there is none")
		return
	}
	for _, on := range []string{"connect-failure", "refused-stream"} {
		if !slices.ContainsFunc(strings.Split(policy.GetRetryOn(), ","), func(s string) bool { return strings.TrimSpace(s) == on }) {
			hit(at.field("retry_on"), "without "+on)
		}
	}
	if n := policy.GetNumRetries(); n != nil && n.GetValue() == 0 {
		hit(at.field("num_retries"), "")
	}
	hit.when(!slices.ContainsFunc(policy.GetRetryHostPredicate(), func(p *corev3.RetryPolicy_RetryHostPredicate) bool {
		m, _ := open(p.GetTypedConfig())
		_, previous := m.(*previousv3.PreviousHostsPredicate)
		return previous
	}), at.field("retry_host_predicate"))
	hit.when(policy.GetHostSelectionRetryMaxAttempts() < leastChoices, at.field("host_selection_retry_max_attempts"))
}

func mutations(e *edge, hit hit) {
	m, at := e.guard.message.GetMutationRules(), e.guard.at.field("mutation_rules")
	hit.when(!m.GetDisallowAll().GetValue(), at.field("disallow_all"))
	hit.when(!m.GetDisallowIsError().GetValue(), at.field("disallow_is_error"))
	hit.when(m.GetAllowExpression().GetRegex() != mutable, at.field("allow_expression", "regex"))
	hit.when(m.GetDisallowExpression() != nil, at.field("disallow_expression"))
}

func forwards(e *edge, hit hit) {
	missing := map[string]bool{}
	for _, name := range []string{
		":method", ":path", "content-type", kubeheader.Prefix + "*", "mcp-*", "origin", "x-forwarded-proto", decisionHeader, "traceparent", "tracestate",
	} {
		missing[name] = true
	}
	rules, at := e.guard.message.GetForwardRules(), e.guard.at.field("forward_rules")
	for i, p := range rules.GetAllowedHeaders().GetPatterns() {
		name := p.GetExact()
		if p.GetPrefix() != "" {
			name = p.GetPrefix() + "*"
		}
		if !missing[name] || p.GetIgnoreCase() {
			hit(at.field("allowed_headers", "patterns").item(i), "one too many: "+printable(name))
		}
		delete(missing, name)
	}
	for name := range missing {
		hit(at.field("allowed_headers", "patterns"), "not shown: "+name)
	}
	hit.when(rules.GetDisallowedHeaders() != nil, at.field("disallowed_headers"))
}
