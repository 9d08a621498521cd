// Package stream speaks Envoy's ext_proc protocol: it turns the messages of a
// stream into facts, asks a verdict of them, and turns the verdict into
// messages. It is the only room that knows ext_proc's service.
//
// # The rule of the stream
//
// Envoy takes a stream that the server closes cleanly as "let the request
// through", whatever failure_mode_allow says (seen on 1.36 to 1.40). So Process
// returns nil in three places only: after the answer that accepts a request,
// after an ImmediateResponse, and when a stream ends before its first message.
// Every other end, a panic and a cancelled context included, is a status.
package stream

import (
	"errors"
	"fmt"
	"log/slog"
	"runtime/debug"
	"sync"
	"sync/atomic"
	"time"

	extprocv3 "github.com/envoyproxy/go-control-plane/envoy/service/ext_proc/v3"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"kubernetes-mcp-edge/extproc/verdict"
)

// DefaultBodyTimeout is how long the body of a rejected request is waited for.
// Envoy has no timer for it: message_timeout runs only while a message of its
// own is unanswered.
const DefaultBodyTimeout = 2 * time.Second

// ServiceName is the name under which health probes ask for this service.
const ServiceName = "envoy.service.ext_proc.v3.ExternalProcessor"

// Decider gives verdicts; *verdict.Engine is the one that does.
type Decider interface {
	Decide(f verdict.Facts, now time.Time) (verdict.Verdict, error)
}

// Config is what a Server is made of.
type Config struct {
	Engine Decider
	// BodyTimeout is DefaultBodyTimeout if zero.
	BodyTimeout time.Duration
	// MaxPending is how many rejected requests may wait for their bodies at the
	// same time, DefaultMaxPending if zero. Those above it are answered at once,
	// without their ids. Keep it well below the max_requests of Envoy's circuit
	// breaker for the guard, which those who wait share with all other requests.
	MaxPending int
	// Now is time.Now if nil.
	Now func() time.Time
	// Log gets one line per rejection and one per failure of the guard, never a
	// header value at any level. Nil discards.
	Log *slog.Logger
}

// Server implements the ext_proc service.
type Server struct {
	extprocv3.UnimplementedExternalProcessorServer

	config  Config
	waiting waiting
	panics  atomic.Uint64
	unsound sync.Once // the warning about Envoy's configuration
}

// New makes a server. It has no state but counters and needs no Close.
func New(config Config) (*Server, error) {
	if config.Engine == nil {
		return nil, errors.New("stream: an engine is required")
	}
	if config.BodyTimeout < 0 {
		return nil, errors.New("stream: the body timeout is negative")
	}
	if config.MaxPending < 0 {
		return nil, errors.New("stream: the number of pending rejections is negative")
	}
	if config.BodyTimeout == 0 {
		config.BodyTimeout = DefaultBodyTimeout
	}
	if config.MaxPending == 0 {
		config.MaxPending = DefaultMaxPending
	}
	if config.Now == nil {
		config.Now = time.Now
	}
	if config.Log == nil {
		config.Log = slog.New(slog.DiscardHandler)
	}
	return &Server{config: config, waiting: waiting{limit: config.MaxPending, log: config.Log}}, nil
}

// Register adds the service to a grpc server made with Codec.
func (s *Server) Register(r grpc.ServiceRegistrar) { extprocv3.RegisterExternalProcessorServer(r, s) }

// Panics is how many streams ended in a panic since the start.
func (s *Server) Panics() uint64 { return s.panics.Load() }

// Process handles one stream, which is one HTTP request. See the rule above.
func (s *Server) Process(stream extprocv3.ExternalProcessor_ProcessServer) (err error) {
	defer s.contain(&err)
	x := exchange{server: s, stream: stream}
	defer x.leave()
	for {
		in, err := x.receive()
		if err != nil {
			return x.ended(err)
		}
		out, err := x.answer(in)
		if err != nil {
			return err
		}
		if err := stream.SendMsg(out.message); err != nil {
			return s.sendFailed(err)
		}
		if out.last {
			return nil
		}
	}
}

// contain turns a panic into a status, so that the process lives and the
// request dies. The value of the panic is not logged, only its type: it can be
// made of whatever the code was looking at.
func (s *Server) contain(err *error) {
	cause := recover()
	if cause == nil {
		return
	}
	s.panics.Add(1)
	s.config.Log.Error("panic in a stream", "kind", fmt.Sprintf("%T", cause), "stack", string(debug.Stack()))
	*err = status.Error(codes.Internal, "the guard failed on this request")
}

func (s *Server) sendFailed(err error) error {
	s.config.Log.Debug("answer not sent", "code", status.Code(err).String())
	return status.Error(codes.Unavailable, "the answer could not be sent")
}
