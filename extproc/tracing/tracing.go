// Package tracing sends a span of each decision to an OpenTelemetry collector,
// for those requests whose trace somebody began and wants to see. It listens to
// the stream's events like any observer, so that with tracing off there is
// nothing of it in the guard's way.
//
// A span says what the log says: decision id, verdict, reason, header name,
// kind of credential, whether the verdict was remembered. It has no host, no
// value and none of the environment's secrets: endpoint, headers, certificates
// and proxy, which would come from variables, are set here.
package tracing

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/url"
	"sync/atomic"
	"time"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/exporters/otlp/otlptrace/otlptracegrpc"
	"go.opentelemetry.io/otel/sdk/resource"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/trace"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials"

	"kubernetes-mcp-edge/extproc/stream"
)

// The bounds of what waits for a collector. One that is gone costs this much
// memory, and spans.
const (
	// maxQueue spans wait at most, some hundred bytes each; more are dropped.
	maxQueue = 2048
	maxBatch = 512
	// every is how often a batch goes out, and exportTimeout how long it may take.
	every         = 2 * time.Second
	exportTimeout = 5 * time.Second
	// farewell is how long the last batch may take when the guard ends.
	farewell = time.Second
)

// Config is where spans go.
type Config struct {
	// Endpoint is http://HOST:PORT or https://HOST:PORT of a collector that
	// speaks OTLP over gRPC; https is verified against the system's roots.
	Endpoint string
	// Version is the program's.
	Version string
	// Log gets a line when spans begin to be lost and one when they no longer
	// are. Nil discards.
	Log *slog.Logger
}

// Tracer makes spans of decisions. Close it after use.
type Tracer struct {
	stream.Observer // hears everything first

	spans    trace.Tracer
	provider *sdktrace.TracerProvider
	exporter *watched
}

var _ stream.Observer = (*Tracer)(nil)

// New makes a tracer that hands on every event to next. It does not wait for the
// collector. The error is one sentence that says what to change.
func New(ctx context.Context, c Config, next stream.Observer) (*Tracer, error) {
	options, err := target(c.Endpoint)
	if err != nil {
		return nil, err
	}
	exporter, err := otlptracegrpc.New(ctx, append(options,
		otlptracegrpc.WithHeaders(map[string]string{}), // none from the environment
		otlptracegrpc.WithDialOption(grpc.WithNoProxy()),
		otlptracegrpc.WithTimeout(exportTimeout),
		// A batch that fails is gone: trying again would only let the next ones wait.
		otlptracegrpc.WithRetry(otlptracegrpc.RetryConfig{Enabled: false}),
	)...)
	if err != nil {
		return nil, fmt.Errorf("--otlp-endpoint: %w", err)
	}
	return newTracer(exporter, c, next), nil
}

// target reads the endpoint.
func target(endpoint string) ([]otlptracegrpc.Option, error) {
	u, err := url.Parse(endpoint)
	if err == nil {
		_, _, err = net.SplitHostPort(u.Host)
	}
	if err != nil || u.Scheme != "http" && u.Scheme != "https" || u.User != nil || u.Path != "" || u.RawQuery != "" || u.Fragment != "" {
		return nil, errors.New("--otlp-endpoint: write it as http://HOST:PORT or https://HOST:PORT, and nothing after it")
	}
	options := []otlptracegrpc.Option{otlptracegrpc.WithEndpoint(u.Host)}
	if u.Scheme == "http" {
		return append(options, otlptracegrpc.WithInsecure()), nil
	}
	return append(options, otlptracegrpc.WithTLSCredentials(credentials.NewTLS(nil))), nil
}

func newTracer(exporter sdktrace.SpanExporter, c Config, next stream.Observer) *Tracer {
	if c.Log == nil {
		c.Log = slog.New(slog.DiscardHandler)
	}
	about := resource.NewSchemaless(attribute.String("service.name", "extproc"), attribute.String("service.version", c.Version))
	t := &Tracer{Observer: next, exporter: &watched{SpanExporter: exporter, log: c.Log, about: about}}
	t.provider = sdktrace.NewTracerProvider(
		// Whoever began the trace decides; the guard begins none.
		sdktrace.WithSampler(sdktrace.ParentBased(sdktrace.NeverSample())),
		sdktrace.WithBatcher(t.exporter,
			sdktrace.WithMaxQueueSize(maxQueue), sdktrace.WithMaxExportBatchSize(maxBatch),
			sdktrace.WithBatchTimeout(every), sdktrace.WithExportTimeout(exportTimeout)),
		// Whole spans: the environment could shorten them (OTEL_SPAN_ATTRIBUTE_COUNT_LIMIT).
		sdktrace.WithRawSpanLimits(sdktrace.SpanLimits{
			AttributeValueLengthLimit: sdktrace.DefaultAttributeValueLengthLimit, AttributeCountLimit: sdktrace.DefaultAttributeCountLimit,
		}),
		sdktrace.WithResource(about), // to which the SDK adds the environment: see exported
	)
	t.spans = t.provider.Tracer("kubernetes-mcp-edge/extproc")
	return t
}

// Decided hands the event on and makes a span of it if it is in a sampled trace.
func (t *Tracer) Decided(e stream.Event) {
	t.Observer.Decided(e)
	if !e.Trace.Sampled {
		return
	}
	parent := trace.NewSpanContext(trace.SpanContextConfig{
		TraceID: e.Trace.TraceID, SpanID: e.Trace.SpanID, TraceFlags: trace.FlagsSampled, Remote: true,
	})
	ctx := trace.ContextWithRemoteSpanContext(context.Background(), parent) // the span outlives the request
	_, span := t.spans.Start(ctx, "decide", trace.WithTimestamp(e.At), trace.WithSpanKind(trace.SpanKindServer))
	verdict := "allow"
	if !e.Allowed {
		verdict = "reject"
		span.SetAttributes(attribute.String("kube_guard.reason", e.Reason.String()), attribute.String("kube_guard.header", e.Header))
	}
	span.SetAttributes(
		attribute.String("kube_guard.verdict", verdict), attribute.String("kube_guard.decision", e.Decision),
		attribute.String("kube_guard.credential", e.Credential), attribute.Bool("kube_guard.cached", e.Cached))
	span.End(trace.WithTimestamp(e.At.Add(e.Took)))
}

// Lost is how many spans reached no collector since the start, without those
// for which there was no room to wait.
func (t *Tracer) Lost() uint64 { return t.exporter.failed.Load() }

// Close sends what is waiting, for at most a second, and ends. Nothing of the
// tracer runs after it.
func (t *Tracer) Close() {
	ctx, cancel := context.WithTimeout(context.Background(), farewell)
	defer cancel()
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		_ = t.provider.Shutdown(context.WithoutCancel(ctx)) // it waits for the batch under way
	}()
	select {
	case <-ended:
		return
	case <-ctx.Done():
	}
	_ = t.exporter.Shutdown(ctx) // which cuts that batch off
	<-ended
}

// watched keeps failures of a collector out of the SDK's hands, which would
// write them past the log to standard error.
type watched struct {
	sdktrace.SpanExporter

	log     *slog.Logger
	about   *resource.Resource // all that a span says of this program
	failed  atomic.Uint64      // spans
	failing atomic.Bool        // the last batch was lost
}

// ExportSpans sends a batch or counts it as lost.
func (w *watched) ExportSpans(ctx context.Context, spans []sdktrace.ReadOnlySpan) error {
	own := make([]sdktrace.ReadOnlySpan, len(spans))
	for i, span := range spans {
		own[i] = exported{span, w.about}
	}
	err := w.SpanExporter.ExportSpans(ctx, own)
	if err != nil {
		w.failed.Add(uint64(len(spans)))
	}
	switch before := w.failing.Swap(err != nil); {
	case err != nil && !before:
		w.log.Warn("spans do not reach the collector", "error", err)
	case err == nil && before:
		w.log.Info("spans reach the collector again")
	}
	return nil
}

// exported is a span whose resource is ours alone. Into that of a provider the
// SDK merges OTEL_RESOURCE_ATTRIBUTES, with no option against it (otel/sdk/trace,
// WithResource), and what stands there is nobody's business at the collector.
type exported struct {
	sdktrace.ReadOnlySpan

	about *resource.Resource
}

// Resource says which program made the span.
func (e exported) Resource() *resource.Resource { return e.about }
