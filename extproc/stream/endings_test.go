package stream

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"testing"

	extprocv3 "github.com/envoyproxy/go-control-plane/envoy/service/ext_proc/v3"
	"github.com/stretchr/testify/require"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/encoding/protowire"

	"kubernetes-mcp-edge/extproc/verdict"
)

// panickingEngine is broken on purpose: it fails the way a bug would.
type panickingEngine struct{ Decider }

// silentEngine is broken on purpose: it gives no verdict and no error.
func silentEngine() Decider {
	return decide(func(verdict.Facts) (verdict.Verdict, error) { return nil, nil })
}

// failingEngine is an engine without an active key.
func failingEngine() Decider {
	return decide(func(verdict.Facts) (verdict.Verdict, error) { return nil, errors.New("no key") })
}

// waitingEngine is an engine with too much to do.
func waitingEngine(cause error) Decider {
	return decide(func(verdict.Facts) (verdict.Verdict, error) { return nil, fmt.Errorf("wait for a turn: %w", cause) })
}

// unknown is a message of a phase that a later protocol may add.
func unknown() *extprocv3.ProcessingRequest {
	m := new(extprocv3.ProcessingRequest)
	raw := protowire.AppendTag(nil, 99, protowire.BytesType)
	m.ProtoReflect().SetUnknown(protowire.AppendBytes(raw, []byte("later")))
	return m
}

func phaseless() *extprocv3.ProcessingRequest { return new(extprocv3.ProcessingRequest) }

func responseHeaders() *extprocv3.ProcessingRequest {
	return &extprocv3.ProcessingRequest{Request: &extprocv3.ProcessingRequest_ResponseHeaders{ResponseHeaders: new(extprocv3.HttpHeaders)}}
}

func responseBody() *extprocv3.ProcessingRequest {
	return &extprocv3.ProcessingRequest{Request: &extprocv3.ProcessingRequest_ResponseBody{ResponseBody: new(extprocv3.HttpBody)}}
}

func responseTrailers() *extprocv3.ProcessingRequest {
	return &extprocv3.ProcessingRequest{Request: &extprocv3.ProcessingRequest_ResponseTrailers{ResponseTrailers: new(extprocv3.HttpTrailers)}}
}

// TestNeverCleanWhileUnanswered guards the rule of the stream: Envoy takes a
// clean close as permission. Each row leaves a message or a request unanswered.
func TestNeverCleanWhileUnanswered(t *testing.T) {
	opened := func(m *extprocv3.ProcessingRequest) func(*guard, *call) {
		return func(_ *guard, c *call) { c.send(m) }
	}
	afterReject := func(m *extprocv3.ProcessingRequest) func(*guard, *call) {
		return func(_ *guard, c *call) { c.rejected(); c.send(m) }
	}
	for name, row := range map[string]struct {
		engine Decider
		do     func(*guard, *call)
		want   codes.Code
	}{
		"a panic in the engine":             {panickingEngine{}, opened(headers(false, post()...)), codes.Internal},
		"no verdict":                        {silentEngine(), opened(headers(false, post()...)), codes.Internal},
		"a failing engine":                  {failingEngine(), opened(headers(false, post()...)), codes.Unavailable},
		"a turn that did not come":          {waitingEngine(context.DeadlineExceeded), opened(headers(false, post()...)), codes.DeadlineExceeded},
		"a turn that was given up":          {waitingEngine(context.Canceled), opened(headers(false, post()...)), codes.Canceled},
		"body first":                        {allowing(t), opened(body(nil, true)), codes.FailedPrecondition},
		"trailers first":                    {allowing(t), opened(trailers()), codes.FailedPrecondition},
		"response headers first":            {allowing(t), opened(responseHeaders()), codes.FailedPrecondition},
		"response body first":               {allowing(t), opened(responseBody()), codes.FailedPrecondition},
		"response trailers first":           {allowing(t), opened(responseTrailers()), codes.FailedPrecondition},
		"no phase first":                    {allowing(t), opened(phaseless()), codes.InvalidArgument},
		"unknown phase first":               {allowing(t), opened(unknown()), codes.InvalidArgument},
		"headers twice":                     {rejecting(), afterReject(headers(false, post()...)), codes.FailedPrecondition},
		"response headers after rejecting":  {rejecting(), afterReject(responseHeaders()), codes.FailedPrecondition},
		"response body after rejecting":     {rejecting(), afterReject(responseBody()), codes.FailedPrecondition},
		"response trailers after rejecting": {rejecting(), afterReject(responseTrailers()), codes.FailedPrecondition},
		"no phase after rejecting":          {rejecting(), afterReject(phaseless()), codes.InvalidArgument},
		"unknown phase after rejecting":     {rejecting(), afterReject(unknown()), codes.InvalidArgument},
		"half-close after rejecting": {rejecting(), func(_ *guard, c *call) {
			c.rejected()
			require.NoError(t, c.stream.CloseSend())
		}, codes.Aborted},
		"cancelled after rejecting": {rejecting(), func(_ *guard, c *call) { c.rejected(); c.cancel() }, codes.Canceled},
		"shutdown after rejecting":  {rejecting(), func(g *guard, c *call) { c.rejected(); g.grpc.Stop() }, codes.Canceled},
	} {
		t.Run(name, func(t *testing.T) {
			g := start(t, row.engine)
			c := g.open()
			row.do(g, c)
			require.Equal(t, row.want, status.Code(g.end()))
			_, err := c.stream.Recv()
			require.NotErrorIs(t, err, io.EOF)
		})
	}
}

func TestShutdownWhileDeciding(t *testing.T) {
	deciding, decided := make(chan struct{}), make(chan struct{})
	inner := allowing(t)
	g := start(t, decide(func(f verdict.Facts) (verdict.Verdict, error) {
		close(deciding)
		<-decided
		return inner(f)
	}))
	c := g.open()
	c.send(headers(false, post()...))
	<-deciding
	stopped := make(chan struct{})
	go func() { defer close(stopped); g.grpc.Stop() }()
	_, err := c.stream.Recv()
	require.Equal(t, codes.Unavailable, status.Code(err), "the connection goes away under the stream")
	close(decided)
	require.Equal(t, codes.Unavailable, status.Code(g.end()), "an answer that could not be sent is no answer")
	<-stopped
}

// TestEndsWithoutDebt are the ends at which nothing is unanswered.
func TestEndsWithoutDebt(t *testing.T) {
	t.Run("half-close before the first message", func(t *testing.T) {
		g := start(t, allowing(t))
		c := g.open()
		require.NoError(t, c.stream.CloseSend())
		require.NoError(t, g.end())
		c.closed()
	})
	t.Run("cancelled before the first message", func(t *testing.T) {
		g := start(t, allowing(t))
		c := g.open()
		<-g.entered
		c.cancel()
		require.Equal(t, codes.Canceled, status.Code(g.end()))
	})
}

// panickingStream is broken on purpose: reading its second message fails the
// way a bug in a decoder would, on the goroutine that waits for it.
type panickingStream struct {
	extprocv3.ExternalProcessor_ProcessServer

	started bool
}

func (s *panickingStream) SendMsg(any) error { return nil }

func (s *panickingStream) Recv() (*extprocv3.ProcessingRequest, error) {
	if s.started {
		return s.ExternalProcessor_ProcessServer.Recv() // of a nil stream
	}
	s.started = true
	return headers(false, post()...), nil
}

func TestPanicWhileWaitingIsContained(t *testing.T) {
	seen := new(witness)
	server, err := New(Config{Engine: rejecting(), Observer: seen})
	require.NoError(t, err)
	require.Equal(t, codes.Internal, status.Code(server.Process(new(panickingStream))))
	require.Equal(t, 1, seen.count("panicked"))
}

// illStream fails to read, and says why in words that quote what it read.
type illStream struct {
	extprocv3.ExternalProcessor_ProcessServer
}

func (illStream) Recv() (*extprocv3.ProcessingRequest, error) {
	return nil, status.Error(codes.ResourceExhausted, "canary")
}

func TestAMessageThatCannotBeReadIsNotQuoted(t *testing.T) {
	logs := new(syncBuffer)
	server, err := New(Config{Engine: rejecting(), Log: slog.New(slog.NewJSONHandler(logs, nil))})
	require.NoError(t, err)
	err = server.Process(illStream{})
	require.Equal(t, codes.ResourceExhausted, status.Code(err))
	require.NotContains(t, err.Error(), "canary")
	require.Contains(t, logs.String(), `"msg":"message not read","code":"ResourceExhausted"`)
	require.NotContains(t, logs.String(), "canary")
}

func TestConfigIsChecked(t *testing.T) {
	_, err := New(Config{})
	require.Error(t, err)
}

func TestNormalEndsAreNotErrors(t *testing.T) {
	g := start(t, rejecting())
	c := g.open()
	c.rejected()
	c.cancel()
	require.Error(t, g.end())
	require.Contains(t, g.logs.String(), `"level":"DEBUG","msg":"stream cancelled"`)
	require.NotContains(t, g.logs.String(), `"level":"ERROR"`)
}
