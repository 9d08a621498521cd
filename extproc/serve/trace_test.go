package serve

import (
	"context"
	"net"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"
	collectorv1 "go.opentelemetry.io/proto/otlp/collector/trace/v1"
	"google.golang.org/grpc"
)

// spans is a collector that counts them by trace.
type spans struct {
	collectorv1.UnimplementedTraceServiceServer

	mu   sync.Mutex
	seen map[string]int
	text string
}

func (s *spans) Export(_ context.Context, r *collectorv1.ExportTraceServiceRequest) (*collectorv1.ExportTraceServiceResponse, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.text += r.String()
	for _, from := range r.GetResourceSpans() {
		for _, scope := range from.GetScopeSpans() {
			for _, span := range scope.GetSpans() {
				s.seen[string(span.GetTraceId())]++
			}
		}
	}
	return new(collectorv1.ExportTraceServiceResponse), nil
}

// TestSampledRequestsAreTraced through the whole guard, by their own header, and
// no other request is.
func TestSampledRequestsAreTraced(t *testing.T) {
	listener, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", "127.0.0.1:0")
	require.NoError(t, err)
	s, server := &spans{seen: map[string]int{}}, grpc.NewServer()
	collectorv1.RegisterTraceServiceServer(server, s)
	served := make(chan struct{})
	go func() { defer close(served); _ = server.Serve(listener) }()
	t.Run("guard", func(t *testing.T) {
		r := startWith(t, func(o *Options) { o.OTLPEndpoint = "http://" + listener.Addr().String() })
		require.Contains(t, metricsOf(t, r.guard), "\nkube_guard_spans_lost_total 0\n")
		_, answer := r.ask(post(line("traceparent", "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"), line("kubernetes-authorization", canary))...)
		require.Equal(t, "reject", verdictOf(answer))
		r.ask(post(line("traceparent", "00-5bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-00"))...)
		r.ask(post()...)
		require.Contains(t, metricsOf(t, r.guard), "\nkube_guard_streams_total 3\n", "the metrics hear it all")
	})
	server.Stop()
	<-served
	require.Equal(t, map[string]int{"K\xf9/5w\xb3M\xa6\xa3\xce\x92\x9d\x0e\x0eG6": 1}, s.seen)
	require.Contains(t, s.text, "server-missing")
	require.Contains(t, s.text, decision)
	for _, trace := range traces(canary) {
		require.NotContains(t, s.text, trace)
	}
}
