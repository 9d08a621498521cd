package faults

import (
	"bytes"
	"crypto/rand"
	"io"
	"net"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	corev3 "github.com/envoyproxy/go-control-plane/envoy/config/core/v3"
	extprocv3 "github.com/envoyproxy/go-control-plane/envoy/service/ext_proc/v3"
	"github.com/stretchr/testify/require"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/health"
	healthv1 "google.golang.org/grpc/health/grpc_health_v1"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/types/known/structpb"

	"kubernetes-mcp-edge/extproc/kubeheader"
)

// process is what a fake guard does with a stream.
type process func(extprocv3.ExternalProcessor_ProcessServer) error

// fakeGuard is a fake: an ext_proc server that behaves as it is told, and says
// over the health protocol that it is well.
type fakeGuard struct {
	extprocv3.UnimplementedExternalProcessorServer

	behave process
}

// Process does what the fake was made for.
func (g fakeGuard) Process(stream extprocv3.ExternalProcessor_ProcessServer) error {
	return g.behave(stream)
}

// newFakeGuard starts one and returns its address.
func newFakeGuard(t *testing.T, behave process) string {
	t.Helper()
	l, err := new(net.ListenConfig).Listen(t.Context(), "tcp", "127.0.0.1:0")
	require.NoError(t, err)
	server := grpc.NewServer()
	extprocv3.RegisterExternalProcessorServer(server, fakeGuard{behave: behave})
	serveHealth(server)
	served := make(chan struct{})
	go func() {
		defer close(served)
		_ = server.Serve(l)
	}()
	t.Cleanup(func() {
		server.Stop()
		<-served
	})
	return l.Addr().String()
}

// serveHealth says that every service is well.
func serveHealth(server *grpc.Server) {
	probes := health.NewServer()
	for service := range server.GetServiceInfo() {
		probes.SetServingStatus(service, healthv1.HealthCheckResponse_SERVING)
	}
	healthv1.RegisterHealthServer(server, probes)
}

// closesCleanly ends each stream with OK and no answer.
func closesCleanly(stream extprocv3.ExternalProcessor_ProcessServer) error {
	_, err := stream.Recv()
	return err
}

// answersTooMuch lets everything through, verdict and all, with a header of ten
// megabytes.
func answersTooMuch() process {
	word, err := structpb.NewStruct(map[string]any{"kube_guard": map[string]any{"verdict": "allow", "reason": "", "credential": "token"}})
	answer := &extprocv3.ProcessingResponse{
		DynamicMetadata: word,
		Response: &extprocv3.ProcessingResponse_RequestHeaders{RequestHeaders: &extprocv3.HeadersResponse{Response: &extprocv3.CommonResponse{
			HeaderMutation: &extprocv3.HeaderMutation{SetHeaders: []*corev3.HeaderValueOption{{
				Header: &corev3.HeaderValue{Key: kubeheader.Namespace, RawValue: bytes.Repeat([]byte{'a'}, 10<<20)},
			}}},
		}}},
	}
	return func(stream extprocv3.ExternalProcessor_ProcessServer) error {
		if err != nil {
			return err
		}
		if _, err := stream.Recv(); err != nil {
			return err
		}
		if err := stream.Send(answer); err != nil {
			return err
		}
		_, err := stream.Recv()
		return err
	}
}

// slow stands before the guard at an address, and takes its time with each
// message before the guard sees it.
type slow struct {
	address string
	delay   atomic.Int64
	guards  extprocv3.ExternalProcessorClient
}

func newSlow(t *testing.T, guard string) *slow {
	t.Helper()
	conn, err := grpc.NewClient("passthrough:///"+guard, grpc.WithTransportCredentials(insecure.NewCredentials()))
	require.NoError(t, err)
	t.Cleanup(func() { _ = conn.Close() })
	s := &slow{guards: extprocv3.NewExternalProcessorClient(conn)}
	s.address = newFakeGuard(t, s.pass)
	return s
}

// take sets the time for each message from now on.
func (s *slow) take(delay time.Duration) { s.delay.Store(int64(delay)) }

// pass hands messages to and fro.
func (s *slow) pass(envoy extprocv3.ExternalProcessor_ProcessServer) error {
	var to extprocv3.ExternalProcessor_ProcessClient
	for {
		question, err := envoy.Recv()
		if err != nil {
			return status.Error(codes.Canceled, "Envoy has gone")
		}
		timer := time.NewTimer(time.Duration(s.delay.Load()))
		select {
		case <-timer.C:
		case <-envoy.Context().Done():
			timer.Stop()
			return status.Error(codes.Canceled, "Envoy has gone")
		}
		if to == nil { // not before, or streams that wait here would fill the guard
			if to, err = s.guards.Process(envoy.Context()); err != nil {
				return err
			}
		}
		if err := to.Send(question); err != nil {
			return status.Error(codes.Unavailable, "the guard has gone")
		}
		answer, err := to.Recv()
		if err != nil {
			return status.Error(codes.Unavailable, "the guard has gone")
		}
		if err := envoy.Send(answer); err != nil {
			return err
		}
		// The guard asks for more with an override, and ends the stream otherwise.
		if answer.GetModeOverride() == nil {
			return nil
		}
	}
}

// newGarbage starts a fake that is no gRPC server: it sends random bytes to who
// connects, and takes what comes.
func newGarbage(t *testing.T) string {
	t.Helper()
	l, err := new(net.ListenConfig).Listen(t.Context(), "tcp", "127.0.0.1:0")
	require.NoError(t, err)
	noise := make([]byte, 4096)
	_, _ = rand.Read(noise)
	var all sync.WaitGroup
	var mu sync.Mutex
	var open []net.Conn
	all.Go(func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			mu.Lock()
			open = append(open, conn)
			mu.Unlock()
			all.Go(func() {
				_, _ = conn.Write(noise)
				_, _ = io.Copy(io.Discard, conn)
				_ = conn.Close()
			})
		}
	})
	t.Cleanup(func() {
		_ = l.Close()
		mu.Lock()
		for _, conn := range open {
			_ = conn.Close()
		}
		mu.Unlock()
		all.Wait()
	})
	return l.Addr().String()
}
