package envoy

import (
	"kubernetes-mcp-edge/extproc/jsonrpc"
	"kubernetes-mcp-edge/extproc/kubeheader"
)

// reply is one mapper of local_reply_config: what Envoy answers by itself.
type reply struct {
	Why    string
	When   string // CEL over Envoy's attributes
	Status int    // 0 leaves Envoy's
	Body   string // JSON, with Envoy's command operators in its strings
}

// decisionHeader carries the decision id.
const decisionHeader = "x-request-id"

// decision is how Envoy writes the request's decision id: x-request-id, once a
// route is chosen, and nothing before. Until then x-request-id is what the caller
// sent, and no caller may put an id of his own into logs and answers. Envoy
// replaces it right before it chooses the route (seen on 1.40).
const decision = "%CEL(xds.route_name != '' || 'kube_guard' in metadata.filter_metadata ? request.id : '')%"

// guardRejected holds for what the guard said: with its answers, and only with
// them, it sets this metadata. They are 200 or 400, never 5xx.
const guardRejected = `('kube_guard' in metadata.filter_metadata && metadata.filter_metadata['kube_guard']['verdict'] == 'reject')`

// brokenHTTP holds for what Envoy's own parsers refuse. Not all of it has a 4xx:
// to a Transfer-Encoding that it does not know Envoy says 501.
const brokenHTTP = `(response.code_details.startsWith('http1.') || response.code_details.startsWith('http2.'))`

// replies lists the mappers in order; the first that matches counts. All are
// -32603: the message never reached a place that could judge its parameters.
func replies() []reply {
	const fault, caller = 503, 400
	return []reply{
		{
			"The guard took longer than message_timeout; Envoy itself says 504.",
			`response.code_details.startsWith('ext_proc_error_per-message_timeout')`,
			fault, body(kubeheader.ReasonGuardTimeout),
		},
		{
			"With what the guard adds, or takes away, the headers outgrow the limit in bytes or in number. Envoy 1.36 says so in a sentence.",
			`response.code_details == 'header_mutation_result_exceeds_limit' || response.code_details.startsWith('Header_mutation_causes_end_result_header_count')`,
			caller, body(kubeheader.ReasonHeadersTooLarge),
		},
		{
			"The guard is not there, failed, or said what it must not say.",
			`response.code_details.startsWith('ext_proc_') || response.code_details.startsWith('header_mutation_') || response.code_details.startsWith('spurious') || response.code_details == 'unhandled_message'`,
			fault, body(kubeheader.ReasonGuardUnavailable),
		},
		{
			"The guard closed its stream without a word. Not the caller's fault, hence no 403, which would start OAuth in clients.",
			`response.code_details.startsWith('rbac_')`,
			fault, body(kubeheader.ReasonAccessDenied),
		},
		{
			"A check that the operator has put before the guard: clients may start OAuth on its status, and should.",
			`response.code_details.startsWith('jwt_authn_')`,
			0, body(kubeheader.ReasonFrontDoorRefused),
		},
		{
			"A browser asks for a page whose origin is not allowed.",
			`response.code_details == 'direct_response' && xds.route_name == 'preflight'`,
			caller, body(kubeheader.ReasonPreflightRefused),
		},
		{
			"Body over a buffer limit.",
			`response.code == 413`,
			caller, body(kubeheader.ReasonRequestTooLarge),
		},
		{
			"Headers over a limit, in bytes or in number.",
			`response.code == 431`,
			caller, body(kubeheader.ReasonHeadersTooLarge),
		},
		{
			"Slow headers or a slow body.",
			`response.code == 408`,
			caller, body(kubeheader.ReasonRequestTimeout),
		},
		{
			"All else that is no fault of the caller's: backend down, reset or silent, overload.",
			`response.code >= 500 && !response.code_details.startsWith('health_check') && !` + brokenHTTP,
			fault, body(kubeheader.ReasonBackendUnavailable),
		},
		{
			"All else that is the caller's: an escaped slash, no host, broken HTTP whatever its status.",
			`response.code >= 400 && (` + brokenHTTP + ` || (response.code < 500 && response.code_details != 'direct_response' && !` + guardRejected + `))`,
			caller, body(kubeheader.ReasonBadRequest),
		},
	}
}

// body is a JSON-RPC error without id. It is JSON and so it is YAML, and holds
// no '%' but those of the operator.
func body(reason kubeheader.Reason) string {
	rejection := kubeheader.NewRejection(reason.Problem(""))
	answer := jsonrpc.Reject(jsonrpc.Message{Method: "", Versions: nil, Body: nil, Truncated: false}, jsonrpc.Error{
		Code:    jsonrpc.InternalError,
		Message: rejection.Error(),
		Data:    rejection.Data(decision),
	})
	return string(answer.Body)
}
