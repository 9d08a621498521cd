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
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
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
	Decide(ctx context.Context, f verdict.Facts, now time.Time) (verdict.Decision, error)
}

// Limits are what an operator may tune. Zero or less means the default: a mistake
// must not turn every rejection away.
type Limits struct {
	// BodyTimeout is how long the body of a rejected request is waited for.
	BodyTimeout time.Duration
	// PendingRejections is how many rejected requests may wait for their bodies at
	// the same time. Those above it are answered at once, without their ids. Keep
	// it well below the max_requests of Envoy's circuit breaker for the guard,
	// which those who wait share with all other requests.
	PendingRejections int
}

// Config is what a Server is made of.
type Config struct {
	Engine Decider
	Limits Limits
	// Observer hears what happens. Nil: nobody.
	Observer Observer
	// HostForm is how log lines show the host of kubernetes-server; "" leaves it
	// out. Nil: as it is.
	HostForm func(host string) string
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
	journal *journal
	tails   tails
	waiting waiting
	unsound sync.Once // the warning about Envoy's configuration
}

// New makes a server, which needs no Close.
func New(config Config) (*Server, error) {
	if config.Engine == nil {
		return nil, errors.New("stream: an engine is required")
	}
	if config.Limits.BodyTimeout <= 0 {
		config.Limits.BodyTimeout = DefaultBodyTimeout
	}
	if config.Limits.PendingRejections <= 0 {
		config.Limits.PendingRejections = DefaultPendingRejections
	}
	if config.Observer == nil {
		config.Observer = nobody{}
	}
	if config.HostForm == nil {
		config.HostForm = func(host string) string { return host }
	}
	if config.Now == nil {
		config.Now = time.Now
	}
	if config.Log == nil {
		config.Log = slog.New(slog.DiscardHandler)
	}
	tails, err := newTails()
	if err != nil {
		return nil, fmt.Errorf("stream: %w", err)
	}
	return &Server{
		config: config, journal: newJournal(config.Log), tails: tails,
		waiting: waiting{limit: config.Limits.PendingRejections, log: config.Log},
	}, nil
}

// Register adds the service to a grpc server made with Codec.
func (s *Server) Register(r grpc.ServiceRegistrar) { extprocv3.RegisterExternalProcessorServer(r, s) }

// Process handles one stream, which is one HTTP request. See the rule above.
func (s *Server) Process(stream extprocv3.ExternalProcessor_ProcessServer) (err error) {
	defer s.contain(&err)
	s.config.Observer.StreamOpened()
	defer s.config.Observer.StreamClosed()
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
	*err = status.Error(codes.Internal, "the guard failed on this request")
	stack := frames()
	defer func() { _ = recover() }() // the observer or the log can be what is broken
	s.journal.write(slog.LevelError, "panic in a stream", 0, func() []slog.Attr {
		return []slog.Attr{slog.String("kind", fmt.Sprintf("%T", cause)), slog.Any("stack", stack)}
	})
	s.config.Observer.Panicked()
}

func (s *Server) sendFailed(err error) error {
	s.journal.debug("answer not sent", slog.String("code", status.Code(err).String()))
	return status.Error(codes.Unavailable, "the answer could not be sent")
}
