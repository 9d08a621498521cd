package tracing

import (
	"bytes"
	"context"
	"encoding/hex"
	"errors"
	"log/slog"
	"net"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/otel"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	collectorv1 "go.opentelemetry.io/proto/otlp/collector/trace/v1"
	commonv1 "go.opentelemetry.io/proto/otlp/common/v1"
	tracev1 "go.opentelemetry.io/proto/otlp/trace/v1"
	"go.uber.org/goleak"
	"google.golang.org/grpc"
	"google.golang.org/grpc/metadata"
	"google.golang.org/protobuf/testing/protocmp"

	"kubernetes-mcp-edge/extproc/kubeheader"
	"kubernetes-mcp-edge/extproc/stream"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const decision = "0e4f5b3c-9d1a-4c57-8a36-3f2b1c0d9e8f"

// collector takes spans on loopback.
type collector struct {
	collectorv1.UnimplementedTraceServiceServer

	address string
	hold    chan struct{} // an export waits until it is closed; nil: it does not

	mu     sync.Mutex
	spans  []*tracev1.Span
	about  map[string]string
	schema string
	meta   metadata.MD
}

func (c *collector) Export(ctx context.Context, r *collectorv1.ExportTraceServiceRequest) (*collectorv1.ExportTraceServiceResponse, error) {
	if c.hold != nil {
		select {
		case <-c.hold:
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.meta, _ = metadata.FromIncomingContext(ctx)
	for _, from := range r.GetResourceSpans() {
		c.schema = from.GetSchemaUrl()
		c.about = attributes(from.GetResource().GetAttributes())
		for _, scope := range from.GetScopeSpans() {
			c.spans = append(c.spans, scope.GetSpans()...)
		}
	}
	return new(collectorv1.ExportTraceServiceResponse), nil
}

func attributes(all []*commonv1.KeyValue) map[string]string {
	out := map[string]string{}
	for _, a := range all {
		out[a.GetKey()] = strings.Trim(strings.TrimPrefix(a.GetValue().String(), "string_value:"), `"`)
	}
	return out
}

func collect(t *testing.T, c *collector) *collector {
	t.Helper()
	listener, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", "127.0.0.1:0")
	require.NoError(t, err)
	c.address = listener.Addr().String()
	server := grpc.NewServer()
	collectorv1.RegisterTraceServiceServer(server, c)
	ended := make(chan struct{})
	go func() { defer close(ended); _ = server.Serve(listener) }()
	t.Cleanup(func() { server.Stop(); <-ended })
	return c
}

// heard counts what the observer behind the tracer hears.
type heard struct {
	stream.Observer

	decided int
}

func (h *heard) Decided(stream.Event) { h.decided++ }

func tracer(t *testing.T, endpoint string, log *slog.Logger) (*Tracer, *heard) {
	t.Helper()
	next := new(heard)
	tr, err := New(t.Context(), Config{Endpoint: endpoint, Version: "v1.2.3", Log: log}, next)
	require.NoError(t, err)
	return tr, next
}

func event(sampled bool) stream.Event {
	return stream.Event{
		Decision: decision, Reason: kubeheader.ReasonTokenExpired, Header: kubeheader.Authorization, Problems: 1, Host: "api.example.com",
		Took: 80 * time.Microsecond, At: time.Unix(1_900_000_000, 0), Trace: stream.TraceParent{TraceID: [16]byte{1, 15: 2}, SpanID: [8]byte{3, 7: 4}, Sampled: sampled},
	}
}

// TestSpanSaysWhatTheLogSays and no more: no host, no value, no header of the
// exporter's.
func TestSpanSaysWhatTheLogSays(t *testing.T) {
	t.Setenv("OTEL_EXPORTER_OTLP_HEADERS", "authorization=canary")
	t.Setenv("OTEL_EXPORTER_OTLP_ENDPOINT", "http://127.0.0.1:1")
	t.Setenv("OTEL_TRACES_SAMPLER", "always_off")
	t.Setenv("HTTP_PROXY", "http://127.0.0.1:1")
	t.Setenv("HTTPS_PROXY", "http://127.0.0.1:1")
	c := collect(t, new(collector))
	tr, next := tracer(t, "http://"+c.address, nil)
	tr.Decided(event(true))
	good := event(true)
	good.Allowed, good.Reason, good.Header, good.Credential, good.Cached = true, 0, "", "token", true
	tr.Decided(good)
	tr.Decided(event(false))
	tr.Decided(stream.Event{Allowed: true, At: time.Now()})
	tr.Close()
	require.Equal(t, 4, next.decided, "the observer behind it hears all")

	require.Len(t, c.spans, 2, "whoever began the trace decides, and the guard begins none")
	no, yes := c.spans[0], c.spans[1]
	require.Equal(t, map[string]string{
		"kube_guard.verdict": "reject", "kube_guard.reason": "token-expired", "kube_guard.header": "kubernetes-authorization",
		"kube_guard.decision": decision, "kube_guard.credential": "", "kube_guard.cached": "bool_value:false",
	}, attributes(no.GetAttributes()))
	require.Equal(t, map[string]string{
		"kube_guard.verdict": "allow", "kube_guard.decision": decision, "kube_guard.credential": "token", "kube_guard.cached": "bool_value:true",
	}, attributes(yes.GetAttributes()))
	require.Equal(t, "01000000000000000000000000000002", hex.EncodeToString(no.GetTraceId()))
	require.Equal(t, "0300000000000004", hex.EncodeToString(no.GetParentSpanId()))
	require.EqualValues(t, 1_900_000_000_000_000_000, no.GetStartTimeUnixNano())
	require.EqualValues(t, 80_000, no.GetEndTimeUnixNano()-no.GetStartTimeUnixNano())
	require.Equal(t, "extproc", c.about["service.name"])
	require.Equal(t, "v1.2.3", c.about["service.version"])
	require.Empty(t, c.meta.Get("authorization"))
	require.Zero(t, tr.Lost())
}

// TestNothingOfTheEnvironmentIsInASpan: not what describes the program, and not
// what cuts a span short.
func TestNothingOfTheEnvironmentIsInASpan(t *testing.T) {
	export := func() (*tracev1.Span, map[string]string, string) {
		c := collect(t, new(collector))
		tr, _ := tracer(t, "http://"+c.address, nil)
		tr.Decided(event(true))
		tr.Close()
		require.Len(t, c.spans, 1)
		c.spans[0].SpanId = nil // random
		return c.spans[0], c.about, c.schema
	}
	want, _, _ := export()
	for name, value := range map[string]string{
		"OTEL_RESOURCE_ATTRIBUTES": "canary=1,service.version=canary,deployment.environment=canary", "OTEL_SERVICE_NAME": "canary",
		"OTEL_ATTRIBUTE_VALUE_LENGTH_LIMIT": "1", "OTEL_SPAN_ATTRIBUTE_VALUE_LENGTH_LIMIT": "1",
		"OTEL_ATTRIBUTE_COUNT_LIMIT": "1", "OTEL_SPAN_ATTRIBUTE_COUNT_LIMIT": "1",
	} {
		t.Setenv(name, value)
	}
	got, about, schema := export()
	require.Equal(t, map[string]string{"service.name": "extproc", "service.version": "v1.2.3"}, about)
	require.Empty(t, schema)
	require.Empty(t, cmp.Diff(want, got, protocmp.Transform()))
}

// TestDeadCollectorCostsSpansAlone: nobody waits for it, its failures are one
// line, and the end comes in time.
func TestDeadCollectorCostsSpansAlone(t *testing.T) {
	listener, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", "127.0.0.1:0")
	require.NoError(t, err)
	require.NoError(t, listener.Close()) // nobody is there any more
	// The SDK's own handler writes to standard error, past the log.
	otel.SetErrorHandler(otel.ErrorHandlerFunc(func(err error) { t.Errorf("the SDK was told: %v", err) }))
	var logs bytes.Buffer
	tr, next := tracer(t, "http://"+listener.Addr().String(), slog.New(slog.NewTextHandler(&logs, nil)))
	const decisions = 4 * maxQueue
	for range decisions {
		tr.Decided(event(true))
	}
	require.Equal(t, decisions, next.decided)
	began := time.Now()
	tr.Close()
	require.Less(t, time.Since(began), 20*time.Second)
	require.Positive(t, tr.Lost())
	require.Equal(t, 1, strings.Count(logs.String(), "spans do not reach the collector"))
}

// moody fails with its next error each time; nil is none.
type moody struct {
	sdktrace.SpanExporter

	next []error
}

func (m *moody) ExportSpans(context.Context, []sdktrace.ReadOnlySpan) error {
	err := m.next[0]
	m.next = m.next[1:]
	return err
}

// TestCollectorIsMissedAndWelcomedOnce: a line when it goes and one when it
// comes, however many batches there are between.
func TestCollectorIsMissedAndWelcomedOnce(t *testing.T) {
	var logs bytes.Buffer
	gone, slow := errors.New("gone"), errors.New("slow")
	w := &watched{
		SpanExporter: &moody{next: []error{nil, gone, slow, gone, nil, nil, slow}},
		log:          slog.New(slog.NewTextHandler(&logs, nil)),
	}
	want := [][2]int{{0, 0}, {1, 0}, {1, 0}, {1, 0}, {1, 1}, {1, 1}, {2, 1}}
	for i, lines := range want {
		require.NoError(t, w.ExportSpans(t.Context(), make([]sdktrace.ReadOnlySpan, 3)))
		require.Equal(t, lines[0], strings.Count(logs.String(), "spans do not reach the collector"), "batch %d", i)
		require.Equal(t, lines[1], strings.Count(logs.String(), "spans reach the collector again"), "batch %d", i)
	}
	require.Contains(t, logs.String(), "error=gone")
	require.EqualValues(t, 12, w.failed.Load())
}

// TestCollectorThatHangsHoldsUpNothing: not a decision, and not the end.
func TestCollectorThatHangsHoldsUpNothing(t *testing.T) {
	hold := make(chan struct{})
	c := collect(t, &collector{hold: hold})
	tr, _ := tracer(t, "http://"+c.address, nil)
	for range 4 * maxQueue {
		tr.Decided(event(true))
	}
	began := time.Now()
	tr.Close()
	require.Less(t, time.Since(began), exportTimeout, "the batch under way is cut off and not waited for")
	require.Empty(t, c.spans)
	close(hold)
}

func TestEndpointIsAnAddressAndNoMore(t *testing.T) {
	for _, bad := range []string{
		"", "collector", "collector:4317", "grpc://collector:4317", "http://collector", "http://user:secret@collector:4317",
		"http://collector:4317/v1/traces", "http://collector:4317?a=b", "http://collector:4317#a", "http://[::1", "\x7f",
	} {
		_, err := New(t.Context(), Config{Endpoint: bad}, nil)
		require.ErrorContains(t, err, "--otlp-endpoint: write it as http://HOST:PORT or https://HOST:PORT", bad)
		require.NotContains(t, err.Error(), "secret")
	}
	for _, good := range []string{"http://127.0.0.1:1", "https://collector.example.com:4317", "http://[::1]:4317"} {
		tr, _ := tracer(t, good, nil)
		tr.Close()
	}
}

func BenchmarkUnsampled(b *testing.B) {
	next := new(heard)
	tr := &Tracer{Observer: next}
	e := event(false)
	b.ReportAllocs()
	for b.Loop() {
		tr.Decided(e)
	}
}
