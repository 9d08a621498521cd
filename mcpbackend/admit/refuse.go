package admit

import (
	"errors"
	"io"
	"log/slog"
	"net/http"
	"time"

	"kubernetes-mcp-edge/extproc/jsonrpc"
	"kubernetes-mcp-edge/extproc/kubeheader"
	"kubernetes-mcp-edge/extproc/proof"
)

const (
	// maxBody is how much of a body a refusal reads to find the JSON-RPC id.
	maxBody            = 1 << 20
	defaultBodyTimeout = 2 * time.Second
)

// refuse answers with the JSON-RPC error for err, and logs one line. Neither
// holds anything that the caller sent, but for the JSON-RPC id in the answer.
func (d *door) refuse(w http.ResponseWriter, r *http.Request, decision string, err error) {
	code, rejection := explain(err)
	first := rejection.Problems[0]
	d.Refused(first.Reason)
	d.Log.LogAttrs(r.Context(), slog.LevelWarn, "request refused",
		slog.String("decision", decision),
		slog.String("reason", first.Reason.String()),
		slog.String("header", first.Header))

	body, truncated := d.readBody(w, r)
	answer := jsonrpc.Reject(jsonrpc.Message{
		Method: r.Method, Versions: r.Header.Values("Mcp-Protocol-Version"), Body: body, Truncated: truncated,
	}, jsonrpc.Error{Code: code, Message: rejection.Error(), Data: rejection.Data(decision)})
	Write(w, decision, answer)
}

// Write sends an answer with the headers of every rejection. The decision id is
// in one of them, for a person to quote.
func Write(w http.ResponseWriter, decision string, answer jsonrpc.Answer) {
	for _, field := range jsonrpc.Headers() {
		w.Header().Set(field[0], field[1])
	}
	w.Header().Set(requestID, decision)
	w.WriteHeader(answer.Status)
	_, _ = w.Write(answer.Body) // the caller may be gone
}

// explain turns Open's error into what a person is told. An error of a kind
// that it does not know counts as an invalid proof and its text is dropped.
func explain(err error) (code int, rejection *kubeheader.Rejection) {
	if rejection, ok := errors.AsType[*kubeheader.Rejection](err); ok {
		return jsonrpc.InvalidParams, rejection
	}
	reason, header := kubeheader.ReasonProofInvalid, ""
	if problem, ok := errors.AsType[*proof.Error](err); ok {
		reason, header = problem.Reason, problem.Header
	}
	return jsonrpc.InternalError, kubeheader.NewRejection(reason.Problem(header))
}

// readBody reads the beginning of the body. What a slow or broken caller did
// not send in time counts as cut off.
func (d *door) readBody(w http.ResponseWriter, r *http.Request) (body []byte, truncated bool) {
	if r.Method != http.MethodPost || r.Body == nil {
		return nil, false
	}
	// net/http takes the deadline back before the connection's next request.
	// A writer without deadlines leaves the bound to the server's own.
	_ = http.NewResponseController(w).SetReadDeadline(time.Now().Add(d.BodyTimeout))
	body, err := io.ReadAll(io.LimitReader(r.Body, maxBody+1))
	if len(body) > maxBody {
		return body[:maxBody], true
	}
	return body, err != nil
}
