package harness

import (
	"context"
	"errors"
	"net"
	"sync"
	"sync/atomic"

	extprocv3 "github.com/envoyproxy/go-control-plane/envoy/service/ext_proc/v3"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/health"
	healthv1 "google.golang.org/grpc/health/grpc_health_v1"
	"google.golang.org/grpc/status"
)

// Fault is how a BrokenGuard fails.
type Fault int

// The faults.
const (
	ClosesCleanly Fault = iota // ends the stream with OK and without an answer
	Errors                     // ends the stream with an error
	Hangs                      // never answers
	WrongPhase                 // answers headers as if they were a body
	EmptyAnswer                // answers with a message that says nothing
	LetsThrough                // says "continue" and sets no verdict
)

// BrokenGuard is a fake: an ext_proc server that fails in one way. It says over
// the health protocol that it is well.
type BrokenGuard struct {
	extprocv3.UnimplementedExternalProcessorServer

	Address string // for Options.Guard
	fault   atomic.Int64
	server  *grpc.Server
	stopped chan struct{}
	streams atomic.Int64
	once    sync.Once
}

// NewBrokenGuard starts one on a Unix socket.
func NewBrokenGuard(ctx context.Context, socket string, fault Fault) (*BrokenGuard, error) {
	l, err := new(net.ListenConfig).Listen(ctx, "unix", socket)
	if err != nil {
		return nil, err
	}
	g := &BrokenGuard{Address: "unix:" + socket, server: grpc.NewServer(), stopped: make(chan struct{})}
	g.Fail(fault)
	extprocv3.RegisterExternalProcessorServer(g.server, g)
	probes := health.NewServer()
	for service := range g.server.GetServiceInfo() {
		probes.SetServingStatus(service, healthv1.HealthCheckResponse_SERVING)
	}
	healthv1.RegisterHealthServer(g.server, probes)
	go func() { _ = g.server.Serve(l) }()
	return g, nil
}

// Fail makes the fake fail in another way from the next request on.
func (g *BrokenGuard) Fail(fault Fault) { g.fault.Store(int64(fault)) }

// Streams is how many requests Envoy has asked about.
func (g *BrokenGuard) Streams() int64 { return g.streams.Load() }

// Stop ends the fake and removes its socket; a stream that hangs ends with it.
// It may be called again.
func (g *BrokenGuard) Stop() {
	g.once.Do(func() { close(g.stopped) })
	g.server.Stop()
}

// Process fails.
func (g *BrokenGuard) Process(stream extprocv3.ExternalProcessor_ProcessServer) error {
	if _, err := stream.Recv(); err != nil {
		return err
	}
	g.streams.Add(1)
	switch Fault(g.fault.Load()) {
	case ClosesCleanly:
		return nil
	case Errors:
		return status.Error(codes.Internal, "broken")
	case Hangs:
		select {
		case <-g.stopped:
		case <-stream.Context().Done():
		}
		return status.Error(codes.Unavailable, "broken")
	case WrongPhase:
		return g.answer(stream, &extprocv3.ProcessingResponse{Response: &extprocv3.ProcessingResponse_RequestBody{RequestBody: &extprocv3.BodyResponse{}}})
	case EmptyAnswer:
		return g.answer(stream, &extprocv3.ProcessingResponse{})
	case LetsThrough:
		return g.answer(stream, &extprocv3.ProcessingResponse{Response: &extprocv3.ProcessingResponse_RequestHeaders{RequestHeaders: &extprocv3.HeadersResponse{}}})
	}
	return errors.New("harness: no such fault")
}

// answer sends and then waits for Envoy to end the stream.
func (g *BrokenGuard) answer(stream extprocv3.ExternalProcessor_ProcessServer, r *extprocv3.ProcessingResponse) error {
	if err := stream.Send(r); err != nil {
		return err
	}
	_, err := stream.Recv()
	return err
}
