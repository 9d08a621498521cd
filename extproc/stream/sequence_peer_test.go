package stream

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	extprocv3 "github.com/envoyproxy/go-control-plane/envoy/service/ext_proc/v3"
	"github.com/stretchr/testify/require"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/encoding"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/proto"

	"kubernetes-mcp-edge/extproc/kubeheader"
	"kubernetes-mcp-edge/extproc/verdict"
)

// step is one message across the wire: what was received, or what was sent.
type step struct {
	received string
	sent     *extprocv3.ProcessingResponse
	at       time.Duration // since the start
}

// trace is what one stream did.
type trace struct {
	steps  []step
	end    codes.Code
	took   time.Duration
	events []Event
	calls  map[string]int // of the observer
	left   int            // reads that were still under way after the end
	places int            // that it kept
	logs   string
}

// peer is the other end of a stream, without a wire between: what is sent
// is serialized by the guard's codec and read back, as Envoy would.
type peer struct {
	extprocv3.ExternalProcessor_ProcessServer

	plan  plan
	ctx   context.Context //nolint:containedctx // it is the stream's
	codec encoding.CodecV2
	began time.Time
	inbox chan string

	mu      sync.Mutex
	reading int
	sends   int
	steps   []step
}

func (p *peer) Context() context.Context { return p.ctx }

func (p *peer) Recv() (*extprocv3.ProcessingRequest, error) {
	p.read(1)
	defer p.read(-1)
	if p.ctx.Err() != nil {
		return nil, status.Error(codes.Canceled, canary)
	}
	select {
	case what := <-p.inbox:
		switch what {
		case "half-close":
			return nil, io.EOF
		case "unreadable":
			return nil, status.Error(codes.ResourceExhausted, canary)
		case "unreadable, and that badly":
			bug()
		}
		p.note(step{received: what})
		return p.plan.message(what), nil
	case <-p.ctx.Done():
		return nil, status.Error(codes.Canceled, canary)
	}
}

func (p *peer) SendMsg(m any) error {
	p.mu.Lock()
	p.sends++
	n := []string{"", "first", "second"}[min(p.sends, 2)]
	p.mu.Unlock()
	switch {
	case slices.Contains(p.plan.faults, n+" send panics"):
		bug()
	case p.ctx.Err() != nil, slices.Contains(p.plan.faults, n+" send fails"):
		return status.Error(codes.Canceled, canary)
	}
	raw, err := p.codec.Marshal(m)
	if err != nil {
		return err
	}
	defer raw.Free()
	sent := new(extprocv3.ProcessingResponse)
	if err := proto.Unmarshal(raw.Materialize(), sent); err != nil {
		return err
	}
	p.note(step{sent: sent})
	return nil
}

func (p *peer) read(n int) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.reading += n
}

func (p *peer) note(s step) {
	p.mu.Lock()
	defer p.mu.Unlock()
	s.at = time.Since(p.began)
	p.steps = append(p.steps, s)
}

// act goes through the script. After each act it waits until the guard has
// nothing more to do, so that the order of events is the script's.
func (p *peer) act(reset func()) {
	for _, a := range p.plan.script {
		select {
		case <-time.After(a.after): //nolint:forbidigo // the bubble's clock
		case <-p.ctx.Done():
			return
		}
		if a.what == "reset" {
			reset()
			return
		}
		p.inbox <- a.what
		synctest.Wait()
	}
}

// Decide is the engine of the plan.
func (p plan) Decide(ctx context.Context, _ verdict.Facts, _ time.Time) (verdict.Decision, error) {
	if p.think > 0 && p.engine != "give up" {
		time.Sleep(p.think) //nolint:forbidigo // the bubble's clock
	}
	missing := kubeheader.ReasonCredentialMissing.Problem(kubeheader.Authorization)
	forbidden := kubeheader.ReasonHostNotAllowed.Problem(kubeheader.Server)
	switch p.engine {
	case "allow", "report":
		answer, err := EncodeAllow(sampleAllow())
		allowed := &verdict.Allowed{Answer: answer, Credential: verdict.CredentialToken, Host: "api.example.com"}
		if p.engine == "report" {
			allowed.Reported = []kubeheader.Problem{forbidden}
		}
		return verdict.Decision{Verdict: allowed, Cached: p.think == 0}, err
	case "reject":
		return verdict.Decision{Verdict: &verdict.Rejected{Rejection: kubeheader.NewRejection(missing)}}, nil
	case "reject much":
		return verdict.Decision{Verdict: &verdict.Rejected{Rejection: kubeheader.NewRejection(forbidden, missing)}}, nil
	case "fail":
		return verdict.Decision{}, errors.New("no key")
	case "give up": // as a wait for a turn that is too long
		<-ctx.Done()
		return verdict.Decision{}, ctx.Err()
	case "panic":
		bug()
	}
	return verdict.Decision{}, nil
}

// play runs a plan in a bubble of its own time.
func play(t *testing.T, p plan) (out trace) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		logs, seen := new(syncBuffer), &witness{faults: p.faults}
		server, err := New(Config{
			Engine: p, Observer: seen, Limits: Limits{BodyTimeout: bodyTimeout, PendingRejections: 1},
			Log: slog.New(slog.NewJSONHandler(logs, &slog.HandlerOptions{Level: slog.LevelDebug})),
		})
		require.NoError(t, err)
		codec, err := Codec()
		require.NoError(t, err)
		if p.crowded {
			server.waiting.enter()
		}
		ctx, cancel := context.WithCancel(context.Background())
		other := &peer{plan: p, ctx: ctx, codec: codec, began: time.Now(), inbox: make(chan string, len(p.script))}
		done := make(chan struct{})
		go func() {
			defer close(done)
			out.end = status.Code(server.Process(other))
			out.took = time.Since(other.began)
			cancel() // as grpc does when a handler returns
		}()
		other.act(cancel)
		<-done
		synctest.Wait()
		out.left, out.steps, out.logs = other.reading, other.steps, logs.String()
		out.events, out.calls, out.places = seen.events, seen.calls, server.waiting.now
	})
	return out
}
