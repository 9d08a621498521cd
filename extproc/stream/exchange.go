package stream

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"time"

	extprocv3 "github.com/envoyproxy/go-control-plane/envoy/service/ext_proc/v3"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"kubernetes-mcp-edge/extproc/jsonrpc"
	"kubernetes-mcp-edge/extproc/kubeheader"
	"kubernetes-mcp-edge/extproc/verdict"
)

// exchange is one stream: at first it expects the header message; once a
// request is rejected it owes an answer and expects the body or the trailers.
type exchange struct {
	server *Server
	stream extprocv3.ExternalProcessor_ProcessServer
	owed   *pending // nil until a request is rejected
	placed bool     // it is one of those that wait for a body
}

// pending is a rejection on its way to the client.
type pending struct {
	request   request
	rejection *kubeheader.Rejection
}

func (p pending) reason() kubeheader.Reason { return p.rejection.Reason() }

// reply is one message to send; after the last the stream closes cleanly.
type reply struct {
	message any // *extprocv3.ProcessingResponse or *encoded
	last    bool
}

// maxRemovals bounds the header names in one mutation. Envoy fails a mutation
// that removes more than max_headers_count names (100 by default), which would
// be an error without a word to the client: such a request is refused at once.
const maxRemovals = 64

// The phases of the protocol that reach the guard, and what is legal in each.
// A message that the configuration never asks for is an error and not skipped:
// Envoy would wait for its answer, and before 1.35 it let the request through.
func (x *exchange) answer(in *extprocv3.ProcessingRequest) (reply, error) {
	if in == nil { // neither body nor trailers came in time
		return x.refuse(nil, true), nil
	}
	headersDue := x.owed == nil
	switch m := in.GetRequest().(type) {
	case *extprocv3.ProcessingRequest_RequestHeaders:
		if !headersDue {
			return x.illegal(codes.FailedPrecondition, "a second header message")
		}
		x.server.inspect(in)
		return x.decide(m.RequestHeaders)
	case *extprocv3.ProcessingRequest_RequestBody:
		if headersDue {
			return x.illegal(codes.FailedPrecondition, "a body before the headers")
		}
		// end_of_stream=false need not be a cut: trailers may follow the whole
		// body. jsonrpc takes a body that is complete JSON as complete.
		return x.refuse(m.RequestBody.GetBody(), !m.RequestBody.GetEndOfStream()), nil
	case *extprocv3.ProcessingRequest_RequestTrailers:
		if headersDue {
			return x.illegal(codes.FailedPrecondition, "trailers before the headers")
		}
		return x.refuse(nil, false), nil // trailers without data: there is no body
	case *extprocv3.ProcessingRequest_ResponseHeaders, *extprocv3.ProcessingRequest_ResponseBody, *extprocv3.ProcessingRequest_ResponseTrailers:
		return x.illegal(codes.FailedPrecondition, "a message of the response phase")
	case nil:
		return x.illegal(codes.InvalidArgument, "a message without a phase")
	default:
		return x.illegal(codes.Unimplemented, "a message of an unknown phase")
	}
}

// decide answers the header message.
func (x *exchange) decide(headers *extprocv3.HttpHeaders) (reply, error) {
	began, config := time.Now(), &x.server.config
	r := read(headers)
	at := config.Now()
	decided, err := config.Engine.Decide(x.stream.Context(), r.facts, at)
	event := Event{Decision: r.decision, Took: time.Since(began), Cached: decided.Cached, At: at, Trace: r.trace}
	if err != nil {
		return x.undecided(r, err)
	}
	switch v := decided.Verdict.(type) {
	case *verdict.Allowed:
		event.Allowed, event.Credential, event.Host, event.Reported = true, v.Credential, v.Host, v.Reported
		config.Observer.Decided(event)
		x.server.tellAllowed(event)
		return x.server.allow(v, r), nil
	case *verdict.Rejected:
		first := v.Rejection.Problems[0]
		event.Reason, event.Header, event.Host, event.Problems = first.Reason, first.Header, v.Rejection.Host, len(v.Rejection.Problems)
		config.Observer.Decided(event)
		x.server.tellRejected(event)
		x.owed = &pending{request: r, rejection: v.Rejection}
		return x.reject(headers.GetEndOfStream()), nil
	default:
		return x.undecided(r, errNoVerdict)
	}
}

// errNoVerdict is an engine that returned neither a verdict nor an error.
var errNoVerdict = errors.New("a verdict of an unknown kind")

// undecided ends a request on which there is no verdict.
func (x *exchange) undecided(r request, err error) (reply, error) {
	code := codes.Unavailable
	switch {
	case errors.Is(err, context.Canceled):
		code = codes.Canceled
	case errors.Is(err, context.DeadlineExceeded):
		code = codes.DeadlineExceeded
	case errors.Is(err, errNoVerdict):
		code = codes.Internal
	}
	x.server.config.Observer.Failed()
	x.server.journal.write(slog.LevelError, "no verdict", 0, func() []slog.Attr {
		return []slog.Attr{slog.String("decision", r.decision), slog.Any("error", err)}
	})
	return reply{}, status.Error(code, "the guard cannot decide")
}

// reject answers the header message of a request that was rejected.
func (x *exchange) reject(endOfStream bool) reply {
	if endOfStream {
		return x.refuse(nil, false)
	}
	stripped := x.owed.continueStripped()
	if len(stripped.GetRequestHeaders().GetResponse().GetHeaderMutation().GetRemoveHeaders()) > maxRemovals {
		return x.refuse(nil, true)
	}
	if x.placed = x.server.waiting.enter(); !x.placed {
		x.server.config.Observer.Crowded()
		return x.refuse(nil, true)
	}
	return reply{message: stripped}
}

// leave gives up the place among those that wait for a body.
func (x *exchange) leave() {
	if x.placed {
		x.server.waiting.leave()
	}
}

// allow sends the shared bytes, and after them what is of this request.
func (s *Server) allow(v *verdict.Allowed, r request) reply {
	return reply{message: &encoded{shared: v.Answer, own: s.tails.of(v.Credential, r.decision, r.named)}, last: true}
}

// refuse pays what is owed.
func (x *exchange) refuse(body []byte, truncated bool) reply {
	p := x.owed
	answer := jsonrpc.Reject(
		jsonrpc.Message{Method: p.request.method, Versions: p.request.versions, Body: body, Truncated: truncated},
		jsonrpc.Error{Code: jsonrpc.InvalidParams, Message: p.rejection.Error(), Data: p.rejection.Data(p.request.decision)},
	)
	return reply{message: p.refuse(answer), last: true}
}

func (x *exchange) illegal(code codes.Code, what string) (reply, error) {
	x.server.journal.write(slog.LevelError, "protocol violated", 0, func() []slog.Attr {
		return []slog.Attr{slog.String("message", what), slog.Bool("owed", x.owed != nil)}
	})
	return reply{}, status.Error(code, what)
}

// receive waits for the next message. Nothing is owed before the first, so
// there is no deadline for it; after that a message that does not come in time
// is returned as nil.
func (x *exchange) receive() (*extprocv3.ProcessingRequest, error) {
	if x.owed == nil {
		return x.stream.Recv()
	}
	type arrival struct {
		message *extprocv3.ProcessingRequest
		err     error
	}
	arrived := make(chan arrival, 1)
	// It ends with the stream: grpc cancels a pending Recv when Process returns.
	go func() {
		var a arrival
		defer func() { arrived <- a }()
		defer x.server.contain(&a.err)
		a.message, a.err = x.stream.Recv()
	}()
	timer := time.NewTimer(x.server.config.Limits.BodyTimeout)
	defer timer.Stop()
	select {
	case a := <-arrived:
		return a.message, a.err
	case <-timer.C:
		return nil, nil //nolint:nilnil // nil is the message that did not come
	}
}

// ended turns the end of the incoming half into the end of the stream. Envoy
// ends streams by RST, seen as Canceled, and rarely by a clean close, seen as
// EOF: both are normal. Only before the first message is nothing owed.
func (x *exchange) ended(err error) error {
	journal := x.server.journal
	switch code := status.Code(err); {
	case errors.Is(err, io.EOF) && x.owed == nil:
		journal.debug("stream ended before its first message")
		return nil
	case errors.Is(err, io.EOF):
		journal.debug("stream ended while an answer was owed", slog.String("decision", x.owed.request.decision))
		return status.Error(codes.Aborted, "the stream ended while an answer was owed")
	case code == codes.Canceled, errors.Is(err, context.Canceled):
		journal.debug("stream cancelled", slog.Bool("owed", x.owed != nil))
		return status.Error(codes.Canceled, "the stream was cancelled")
	default:
		journal.write(slog.LevelError, "message not read", 0, func() []slog.Attr {
			return []slog.Attr{slog.String("code", code.String()), slog.Bool("owed", x.owed != nil)}
		})
		return status.Error(code, "a message could not be read")
	}
}
