package tool

import (
	"context"
	"encoding/json"

	"github.com/modelcontextprotocol/go-sdk/jsonrpc"
	"github.com/modelcontextprotocol/go-sdk/mcp"

	"kubernetes-mcp-edge/extproc/kubeheader"
	"kubernetes-mcp-edge/mcpbackend/admit"
	"kubernetes-mcp-edge/mcpbackend/answer"
	"kubernetes-mcp-edge/mcpbackend/kube"
)

// ReasonKey is where the result of a tool that failed has, in its _meta, the
// word that the audit line has too. A model reads the text; this is for programs.
const ReasonKey = "kubernetes-mcp-edge/reason"

// Explain puts the word into a result.
func Explain(r *mcp.CallToolResult, word string) {
	meta := mcp.Meta{ReasonKey: word}
	for name, value := range r.Meta {
		if name != ReasonKey {
			meta[name] = value
		}
	}
	r.Meta = meta
}

// failed is what a tool answers instead of its work. A credential that is at its
// end is no failure of the tool: it is a JSON-RPC error of the form in which the
// edge refuses a request, so that a client which knows the one renews it on
// the other. All else is text for the model.
func failed(ctx context.Context, err error) error {
	Note(ctx, answer.Word(err))
	if spent := credential(ctx, err); spent != nil {
		return spent
	}
	return answer.Advise(err)
}

// failedPrompt is failed for a prompt, which has no result that could tell of a
// failure: everything is a JSON-RPC error.
func failedPrompt(ctx context.Context, err error) error {
	Note(ctx, answer.Word(err))
	if spent := credential(ctx, err); spent != nil {
		return spent
	}
	code := int64(jsonrpc.CodeInternalError)
	switch word := answer.Word(err); word {
	case WordArguments, WordAnonymous, WordUnknownKind:
		code = jsonrpc.CodeInvalidParams
	}
	return Failure(ctx, code, answer.Word(err), answer.Advise(err).Error())
}

// credential is the error for a credential that the API server takes no more;
// nil if err is about something else.
func credential(ctx context.Context, err error) error {
	caller, _ := admit.FromContext(ctx)
	target, _ := caller.Verified.Target()
	header, expired := kubeheader.Authorization, kubeheader.ReasonTokenExpired
	if _, ok := target.Auth.(kubeheader.ClientCert); ok {
		header, expired = kubeheader.ClientCertificate, kubeheader.ReasonClientCertificateExpired
	}
	var reason kubeheader.Reason
	switch answer.Word(err) {
	case kube.Expired.String():
		reason = expired
	case kube.Unauthorized.String():
		reason = kubeheader.ReasonCredentialRefused
	default:
		return nil
	}
	rejection := kubeheader.NewRejection(reason.Problem(header))
	return &jsonrpc.Error{Code: jsonrpc.CodeInvalidParams, Message: rejection.Error(), Data: rejection.Data(caller.Decision)}
}

// Failure is a JSON-RPC error whose data has the members of every rejection.
func Failure(ctx context.Context, code int64, word, text string) *jsonrpc.Error {
	type problem struct {
		Reason  string `json:"reason"`
		Header  string `json:"header"`
		Message string `json:"message"`
	}
	caller, _ := admit.FromContext(ctx)
	data, err := json.Marshal(struct {
		Reason   string    `json:"reason"`
		Header   string    `json:"header"`
		Problems []problem `json:"problems"`
		Decision string    `json:"decision"`
	}{word, "", []problem{{word, "", text}}, caller.Decision})
	if err != nil {
		data = nil // not reached: strings always marshal
	}
	return &jsonrpc.Error{Code: code, Message: text, Data: data}
}
