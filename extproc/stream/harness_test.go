package stream

import (
	"bytes"
	"context"
	"errors"
	"io"
	"log/slog"
	"net"
	"sync"
	"testing"
	"time"

	corev3 "github.com/envoyproxy/go-control-plane/envoy/config/core/v3"
	extprocv3 "github.com/envoyproxy/go-control-plane/envoy/service/ext_proc/v3"
	"github.com/stretchr/testify/require"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/encoding"
	"google.golang.org/grpc/test/bufconn"

	"kubernetes-mcp-edge/extproc/kubeheader"
	"kubernetes-mcp-edge/extproc/verdict"
)

const decision = "0e4f5b3c-9d1a-4c57-8a36-3f2b1c0d9e8f"

// decide is an engine that is one function.
type decide func(verdict.Facts) (verdict.Verdict, error)

func (d decide) Decide(_ context.Context, f verdict.Facts, _ time.Time) (verdict.Decision, error) {
	v, err := d(f)
	return verdict.Decision{Verdict: v}, err
}

// allowing lets everything on with one added header.
func allowing(tb testing.TB) decide {
	tb.Helper()
	answer, err := EncodeAllow(verdict.Allow{
		Set:        []kubeheader.Field{{Name: kubeheader.Signature, Value: kubeheader.NewSecret([]byte("kube=:AA==:"))}},
		Credential: verdict.CredentialToken,
	})
	require.NoError(tb, err)
	return func(verdict.Facts) (verdict.Verdict, error) {
		return &verdict.Allowed{Answer: answer, Credential: verdict.CredentialToken}, nil
	}
}

// rejecting refuses everything for one reason.
func rejecting() decide {
	return func(verdict.Facts) (verdict.Verdict, error) {
		return &verdict.Rejected{Rejection: kubeheader.NewRejection(kubeheader.ReasonCredentialMissing.Problem(kubeheader.Authorization))}, nil
	}
}

// guard is a running server, reached through the real gRPC stack in memory.
type guard struct {
	t        testing.TB
	server   *Server
	grpc     *grpc.Server
	client   extprocv3.ExternalProcessorClient
	logs     *syncBuffer
	seen     *witness      // of all streams, unless a test has an observer of its own
	entered  chan struct{} // once per stream, when Process is called
	returned chan error    // what Process returned, once per stream
}

func start(tb testing.TB, engine Decider, change ...func(*Config)) *guard {
	tb.Helper()
	return startWith(tb, engine, func(c encoding.CodecV2) encoding.CodecV2 { return c }, change...)
}

// startWith is start with a codec around the server's own.
func startWith(tb testing.TB, engine Decider, wrap func(encoding.CodecV2) encoding.CodecV2, change ...func(*Config)) *guard {
	tb.Helper()
	g := &guard{t: tb, logs: new(syncBuffer), seen: new(witness), entered: make(chan struct{}, 1024), returned: make(chan error, 1024)}
	// A busy machine must not turn a test about something else into one about time.
	config := Config{
		Engine: engine, Limits: Limits{BodyTimeout: time.Hour}, Observer: g.seen,
		Log: slog.New(slog.NewJSONHandler(g.logs, &slog.HandlerOptions{Level: slog.LevelDebug})),
	}
	for _, f := range change {
		f(&config)
	}
	server, err := New(config)
	require.NoError(tb, err)
	codec, err := Codec()
	require.NoError(tb, err)
	g.server = server
	g.grpc = grpc.NewServer(grpc.ForceServerCodecV2(wrap(codec)), grpc.WaitForHandlers(true), grpc.MaxRecvMsgSize(32<<20),
		grpc.StreamInterceptor(func(srv any, ss grpc.ServerStream, _ *grpc.StreamServerInfo, next grpc.StreamHandler) error {
			g.entered <- struct{}{}
			err := next(srv, ss)
			g.returned <- err
			return err
		}))
	server.Register(g.grpc)
	listener := bufconn.Listen(1 << 20)
	served := make(chan error, 1)
	go func() { served <- g.grpc.Serve(listener) }()
	conn, err := grpc.NewClient("passthrough:///guard",
		grpc.WithTransportCredentials(insecure.NewCredentials()),
		grpc.WithContextDialer(func(ctx context.Context, _ string) (net.Conn, error) { return listener.DialContext(ctx) }))
	require.NoError(tb, err)
	g.client = extprocv3.NewExternalProcessorClient(conn)
	tb.Cleanup(func() {
		require.NoError(tb, conn.Close())
		g.grpc.Stop()
		if err := <-served; err != nil && !errors.Is(err, grpc.ErrServerStopped) {
			tb.Error(err)
		}
	})
	return g
}

// end waits for Process to return and yields what it returned.
func (g *guard) end() error { return <-g.returned }

// call is one stream as Envoy would hold it.
type call struct {
	t      testing.TB
	stream extprocv3.ExternalProcessor_ProcessClient
	cancel context.CancelFunc
}

func (g *guard) open() *call {
	ctx, cancel := context.WithCancel(context.Background())
	g.t.Cleanup(cancel)
	stream, err := g.client.Process(ctx)
	require.NoError(g.t, err)
	return &call{t: g.t, stream: stream, cancel: cancel}
}

func (c *call) send(m *extprocv3.ProcessingRequest) { require.NoError(c.t, c.stream.Send(m)) }

func (c *call) receive() *extprocv3.ProcessingResponse {
	c.t.Helper()
	m, err := c.stream.Recv()
	require.NoError(c.t, err)
	return m
}

// closed requires that the server closed the stream cleanly.
func (c *call) closed() {
	c.t.Helper()
	_, err := c.stream.Recv()
	require.ErrorIs(c.t, err, io.EOF)
}

// rejected goes as far as the answer to the header message of a POST.
func (c *call) rejected() *extprocv3.ProcessingResponse {
	c.t.Helper()
	c.send(headers(false, post()...))
	return c.receive()
}

func headers(endOfStream bool, lines ...*corev3.HeaderValue) *extprocv3.ProcessingRequest {
	return &extprocv3.ProcessingRequest{Request: &extprocv3.ProcessingRequest_RequestHeaders{
		RequestHeaders: &extprocv3.HttpHeaders{Headers: &corev3.HeaderMap{Headers: lines}, EndOfStream: endOfStream},
	}}
}

func body(data []byte, endOfStream bool) *extprocv3.ProcessingRequest {
	return &extprocv3.ProcessingRequest{Request: &extprocv3.ProcessingRequest_RequestBody{
		RequestBody: &extprocv3.HttpBody{Body: data, EndOfStream: endOfStream},
	}}
}

func trailers() *extprocv3.ProcessingRequest {
	return &extprocv3.ProcessingRequest{Request: &extprocv3.ProcessingRequest_RequestTrailers{RequestTrailers: &extprocv3.HttpTrailers{}}}
}

func line(name, value string) *corev3.HeaderValue {
	return &corev3.HeaderValue{Key: name, RawValue: []byte(value)}
}

// post is the headers of a POST, with more after them.
func post(more ...*corev3.HeaderValue) []*corev3.HeaderValue {
	return append([]*corev3.HeaderValue{
		line(":method", "POST"), line(":path", "/mcp"), line("x-forwarded-proto", "https"), line("x-request-id", decision),
	}, more...)
}

// syncBuffer is a buffer that a logger and a test may share.
type syncBuffer struct {
	mu  sync.Mutex
	buf bytes.Buffer
}

func (b *syncBuffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.buf.Write(p)
}

func (b *syncBuffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.buf.String()
}
