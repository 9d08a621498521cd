package stream

import (
	corev3 "github.com/envoyproxy/go-control-plane/envoy/config/core/v3"
	filterv3 "github.com/envoyproxy/go-control-plane/envoy/extensions/filters/http/ext_proc/v3"
	extprocv3 "github.com/envoyproxy/go-control-plane/envoy/service/ext_proc/v3"
	typev3 "github.com/envoyproxy/go-control-plane/envoy/type/v3"
	"google.golang.org/protobuf/proto"

	"kubernetes-mcp-edge/extproc/jsonrpc"
	"kubernetes-mcp-edge/extproc/verdict"
)

// EncodeAllow serializes the answer to the header message of an accepted
// request, but for the metadata, which names the request and is sent after these
// bytes. Equal input gives equal bytes, and nothing in them is of one request.
func EncodeAllow(allow verdict.Allow) ([]byte, error) {
	set := make([]*corev3.HeaderValueOption, 0, len(allow.Set))
	for _, field := range allow.Set {
		set = append(set, overwrite(field.Name, field.Value.Reveal()))
	}
	answer := continueHeaders(&extprocv3.HeaderMutation{SetHeaders: set, RemoveHeaders: allow.Remove})
	return proto.MarshalOptions{Deterministic: true}.Marshal(answer)
}

// continueHeaders lets the header phase go on with these changes.
func continueHeaders(mutation *extprocv3.HeaderMutation) *extprocv3.ProcessingResponse {
	return &extprocv3.ProcessingResponse{Response: &extprocv3.ProcessingResponse_RequestHeaders{
		RequestHeaders: &extprocv3.HeadersResponse{Response: &extprocv3.CommonResponse{HeaderMutation: mutation}},
	}}
}

// continueStripped answers the header message of a rejected request: ask for
// the body, which holds the id that the error has to carry, and take away all
// that the backend could act on, because an override that Envoy does not honour
// is ignored without a word and the request then goes upstream.
func (p pending) continueStripped() *extprocv3.ProcessingResponse {
	mutation := &extprocv3.HeaderMutation{RemoveHeaders: p.request.strip()}
	if p.request.named {
		mutation.SetHeaders = []*corev3.HeaderValueOption{overwrite(decisionHeader, []byte(p.request.decision))}
	}
	answer := continueHeaders(mutation)
	answer.DynamicMetadata = metadata("reject", p.reason().String(), "", p.request.decision)
	// Envoy compares an override with allowed_override_modes field by field, and
	// what DEFAULT means there differs between versions: all six are spelt out.
	answer.ModeOverride = &filterv3.ProcessingMode{
		RequestHeaderMode:   filterv3.ProcessingMode_SEND,
		ResponseHeaderMode:  filterv3.ProcessingMode_SKIP,
		RequestBodyMode:     filterv3.ProcessingMode_BUFFERED_PARTIAL,
		ResponseBodyMode:    filterv3.ProcessingMode_NONE,
		RequestTrailerMode:  filterv3.ProcessingMode_SEND,
		ResponseTrailerMode: filterv3.ProcessingMode_SKIP,
	}
	return answer
}

// refuse ends the request with a JSON-RPC error. Envoy takes it in any phase.
func (p pending) refuse(answer jsonrpc.Answer) *extprocv3.ProcessingResponse {
	headers := jsonrpc.Headers()
	set := make([]*corev3.HeaderValueOption, 0, len(headers)+1)
	for _, header := range headers {
		set = append(set, overwrite(header[0], []byte(header[1])))
	}
	set = append(set, overwrite(decisionHeader, []byte(p.request.decision)))
	return &extprocv3.ProcessingResponse{
		Response: &extprocv3.ProcessingResponse_ImmediateResponse{ImmediateResponse: &extprocv3.ImmediateResponse{
			Status:  &typev3.HttpStatus{Code: typev3.StatusCode(answer.Status)}, //nolint:gosec // 200 or 400
			Headers: &extprocv3.HeaderMutation{SetHeaders: set},
			Body:    answer.Body,
			// RESPONSE_CODE_DETAILS of the access log: a fixed code, no text.
			Details: p.reason().String(),
		}},
		DynamicMetadata: metadata("reject", p.reason().String(), "", p.request.decision),
	}
}

// overwrite sets a header to one value. Envoy reads raw_value only. Neither
// append nor append_action is set: unset means overwrite in every version, and
// overwriting also collapses duplicates.
func overwrite(name string, value []byte) *corev3.HeaderValueOption {
	return &corev3.HeaderValueOption{Header: &corev3.HeaderValue{Key: name, RawValue: value}}
}
