package server

import (
	"encoding/json"
	"net/http"
	"strings"

	"kubernetes-mcp-edge/extproc/jsonrpc"
	"kubernetes-mcp-edge/extproc/kubeheader"
)

// fault is one way in which a message of a verified caller cannot be served:
// all that the proof does not speak of. Its text is a constant, so no
// byte of a request gets into an answer but its id.
type fault struct {
	reason kubeheader.Reason
	code   int    // 0 means jsonrpc.InvalidParams
	status int    // 0 means what jsonrpc.Reject says
	cut    bool   // the body may not be all of it
	text   string // one sentence: what is wrong, what to do
}

// methodNotFound is JSON-RPC's code; clients probe with methods that a server
// may not have and go by it.
const methodNotFound = -32601

var (
	faultOrigin = fault{
		// The status that MCP 2025-11-25 asks for. Only browsers send an Origin, so
		// no client takes it for an invitation to sign in.
		reason: kubeheader.ReasonOriginNotAllowed, status: http.StatusForbidden,
		text: kubeheader.ReasonOriginNotAllowed.Problem("").Message,
	}
	faultTooLarge = fault{
		reason: kubeheader.ReasonRequestTooLarge, cut: true,
		text: "This request has a body of more than 4 MiB; send less in one request.",
	}
	faultBatchTooLarge = fault{
		reason: kubeheader.ReasonRequestTooLarge,
		text:   "This batch has more than 32 entries; send fewer in one request.",
	}
	faultSlow = fault{
		reason: kubeheader.ReasonRequestTimeout, cut: true,
		text: "This request did not arrive in full in time; send it again, and check the connection if it happens often.",
	}
	faultNotJSON = fault{
		reason: kubeheader.ReasonBadRequest,
		text:   "The body of this request is not one JSON-RPC message; check the client, or what stands between it and this endpoint.",
	}
	faultID = fault{
		reason: kubeheader.ReasonBadRequest,
		text:   "A message in this request has an id that cannot be repeated in an answer; send one id per message, a string or an integer.",
	}
	faultLargeID = fault{
		reason: kubeheader.ReasonBadRequest,
		text:   "A message in this request has an integer id beyond 9007199254740992 either way, which is not exact everywhere; send a smaller one or a string.",
	}
	faultHTTPMethod = fault{
		// The status that MCP asks for, and by which clients know that there is no
		// stream to open and no session to end.
		reason: kubeheader.ReasonBadRequest, status: http.StatusMethodNotAllowed,
		text: "This endpoint takes nothing but POST; send each message in a POST request.",
	}
	faultContentType = fault{
		reason: kubeheader.ReasonBadRequest,
		text:   "The Content-Type of this request is not application/json; send that.",
	}
	faultAccept = fault{
		reason: kubeheader.ReasonBadRequest,
		text:   "The Accept header of this request does not name both application/json and text/event-stream; send both.",
	}
	faultVersion = fault{
		// MCP 2025-06-18 asks for this status.
		reason: kubeheader.ReasonBadRequest, status: http.StatusBadRequest,
		text: "MCP-Protocol-Version names a revision that this server does not speak; send one that initialize or server/discover names.",
	}
	faultBatch = fault{
		reason: kubeheader.ReasonBadRequest,
		text:   "The protocol revision of this request has no batches; send each message in a request of its own.",
	}
	faultUnknownMethod = fault{
		reason: kubeheader.ReasonBadRequest, code: methodNotFound,
		text: "This server has no such JSON-RPC method; it offers tools: call tools/list and tools/call.",
	}
	faultMessage = fault{
		reason: kubeheader.ReasonBadRequest,
		text:   "This request is not a valid MCP message; check its jsonrpc, id, method and params, and the client's version.",
	}
	faultInternal = fault{
		reason: kubeheader.ReasonBackendUnavailable, code: jsonrpc.InternalError,
		text: "The server failed on this request; try once more, and tell the operator if it fails again.",
	}
)

// faultOf finds out what go-sdk meant. A text that it does not know (go-sdk may
// change its own) gets the general answer: the form holds, the advice is poorer.
func faultOf(status int, text string) *fault {
	switch {
	case status >= http.StatusInternalServerError:
		return &faultInternal
	case status == http.StatusMethodNotAllowed:
		return &faultHTTPMethod
	case status == http.StatusUnsupportedMediaType:
		return &faultContentType
	}
	for prefix, f := range map[string]*fault{
		"Accept must ": &faultAccept,
		"Bad Request: Unsupported protocol version": &faultVersion,
		"JSON-RPC batching is not supported":        &faultBatch,
		"JSON RPC not handled":                      &faultUnknownMethod,
	} {
		if strings.HasPrefix(text, prefix) {
			return f
		}
	}
	return &faultMessage
}

// answer is the HTTP answer to m, in the form of every rejection.
func (f *fault) answer(m jsonrpc.Message, decision string) jsonrpc.Answer {
	e := jsonrpc.Error{Code: f.code, Message: f.text, Data: f.data(decision)}
	if e.Code == 0 {
		e.Code = jsonrpc.InvalidParams
	}
	answer := jsonrpc.Reject(m, e)
	if f.status != 0 {
		answer.Status = f.status
	}
	return answer
}

// data has the members of every rejection's data; the problem's message is the
// fault's, which says more than the reason's.
func (f *fault) data(decision string) json.RawMessage {
	type problem struct {
		Reason  string `json:"reason"`
		Header  string `json:"header"`
		Message string `json:"message"`
	}
	data, err := json.Marshal(struct {
		Reason   string    `json:"reason"`
		Header   string    `json:"header"`
		Problems []problem `json:"problems"`
		Decision string    `json:"decision"`
	}{f.reason.String(), "", []problem{{f.reason.String(), "", f.text}}, decision})
	if err != nil {
		return nil // not reached: strings always marshal
	}
	return data
}
