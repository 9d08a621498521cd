// Package jsonrpc answers a refused MCP message with a JSON-RPC 2.0 error that
// the client's user gets to see: the right HTTP status for the client's
// protocol revision and the request's own id, byte for byte.
//
// It is written for input from anyone: any body, in any encoding, yields an
// answer in linear time, and never one with "id":null, which breaks most
// clients where a missing id does not.
package jsonrpc

import (
	"bytes"
	"encoding/json"
	"net/http"

	"github.com/go-json-experiment/json/jsontext"
)

// The error codes in use. Both lie outside -32000…-32099, which MCP reserves:
// some clients give those codes a meaning and retry.
const (
	InvalidParams = -32602 // the caller's fault
	InternalError = -32603 // the product's own
)

// MaxBatch is how many entries of a JSON array are answered one by one.
const MaxBatch = 32

// Message is what is known about the HTTP request that is to be refused.
type Message struct {
	// Method is the HTTP method; only "POST" carries a JSON-RPC message.
	Method string
	// Versions are all values of MCP-Protocol-Version, one per header line.
	Versions []string
	// Body is the request body or its beginning. It is only read.
	Body []byte
	// Truncated says that Body may not be all of it. A Body that is complete
	// JSON nevertheless counts as complete (HTTP trailers look like a cut).
	Truncated bool
}

// Error is the JSON-RPC error to answer with.
type Error struct {
	Code    int             // InvalidParams or InternalError
	Message string          // one sentence for a person
	Data    json.RawMessage // a JSON value; nil, or one that is not JSON, is left out
}

// Answer is an HTTP response without its headers, which Headers returns.
type Answer struct {
	Status int    // 200 or 400, never another
	Body   []byte // JSON
}

// Reject answers m with e:
//
//   - a POST request with a readable id: 200 for a legacy client, since that is
//     the only form in which all of them show the message; 400 for a modern
//     one. The id is copied as it was sent;
//   - a legacy batch of at most MaxBatch entries: 200 and an array with one error
//     per request in it; notifications, responses and entries whose id cannot
//     be read have none;
//   - anything else (notification, response, unreadable or absent id, larger or
//     modern or truncated batch, other HTTP methods): 400 and an error
//     without id, as MCP asks for.
func Reject(m Message, e Error) Answer {
	payload := e.encode()
	if m.Method != http.MethodPost {
		return Answer{http.StatusBadRequest, envelope(nil, nil, payload)}
	}
	found := scan(m.Body, m.Truncated)
	switch {
	case len(found.ids) == 0, found.batch && modern(m.Versions):
		return Answer{http.StatusBadRequest, envelope(nil, nil, payload)}
	case found.batch:
		return Answer{http.StatusOK, batch(found.ids, payload)}
	case modern(m.Versions):
		return Answer{http.StatusBadRequest, envelope(nil, found.ids[0], payload)}
	default:
		return Answer{http.StatusOK, envelope(nil, found.ids[0], payload)}
	}
}

// encode returns the value of the "error" member.
func (e Error) encode() []byte {
	type wire struct {
		Code    int             `json:"code"`
		Message string          `json:"message"`
		Data    json.RawMessage `json:"data,omitempty"`
	}
	if !jsontext.Value(e.Data).IsValid() {
		e.Data = nil
	}
	var out bytes.Buffer
	encoder := json.NewEncoder(&out)
	// The reader is a terminal or a model, not an HTML page.
	encoder.SetEscapeHTML(false)
	if err := encoder.Encode(wire(e)); err != nil {
		// Not reached: an int, a string and valid JSON always encode.
		return []byte(`{"code":-32603,"message":"the error could not be encoded"}`)
	}
	return bytes.TrimRight(out.Bytes(), "\n")
}

// envelope appends a JSON-RPC error response to dst. A nil id is left out.
func envelope(dst, id, payload []byte) []byte {
	dst = append(dst, `{"jsonrpc":"2.0",`...)
	if id != nil {
		dst = append(dst, `"id":`...)
		dst = append(dst, id...)
		dst = append(dst, ',')
	}
	dst = append(dst, `"error":`...)
	dst = append(dst, payload...)
	return append(dst, '}')
}

// batch returns an array of one error response per id.
func batch(ids [][]byte, payload []byte) []byte {
	out := []byte{'['}
	for i, id := range ids {
		if i > 0 {
			out = append(out, ',')
		}
		out = envelope(out, id, payload)
	}
	return append(out, ']')
}
