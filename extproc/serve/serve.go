// Package serve runs the guard: it loads what the operator configured, opens
// the port, serves Envoy's streams and health probes, follows the signing keys,
// and drains when it is told to end.
package serve

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"sync"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/health"
	healthv1 "google.golang.org/grpc/health/grpc_health_v1"

	"kubernetes-mcp-edge/extproc/harden"
	"kubernetes-mcp-edge/extproc/nearby"
	"kubernetes-mcp-edge/extproc/policy"
	"kubernetes-mcp-edge/extproc/proof"
	"kubernetes-mcp-edge/extproc/stream"
	"kubernetes-mcp-edge/extproc/verdict"
)

// Options is what an operator decides. Secrets come by file path only.
type Options struct {
	// Listen is host:port or unix:PATH.
	Listen string
	// InsecureListen allows an address that other machines can reach.
	InsecureListen bool
	// PolicyFile is the policy that the backend reads too.
	PolicyFile string
	// SigningKeyFile holds the Ed25519 keys that sign checked headers.
	SigningKeyFile string
	// Audience names the backend that the signatures are for.
	Audience string
	// BodyTimeout is how long the body of a rejected request is waited for.
	BodyTimeout time.Duration
	// Drain is how long an end may take, from the signal to the last stream.
	Drain time.Duration
	// Log takes all output.
	Log *slog.Logger
}

// keyInterval is how often the signing keys are looked at. A rotated key is
// activated 60 s after it was made, so it is known well before.
const keyInterval = 3 * time.Second

// Run serves until ctx ends and the drain is over; then it returns nil. Any
// other error is a start that failed, in one sentence that says what to mend.
// No goroutine outlives it.
func Run(ctx context.Context, o Options) error {
	if err := harden.NoCoreDumps(); err != nil {
		return fmt.Errorf("turn core dumps off: %w", err)
	}
	g, err := load(o)
	if err != nil {
		return err
	}
	defer g.engine.Close()
	port := nearby.Port{Address: o.Listen, Insecure: o.InsecureListen, Danger: "whoever reaches this port can have headers signed"}
	listener, err := port.Listen(ctx)
	if err != nil {
		return err
	}
	if warning := port.Warning(); warning != "" {
		o.Log.Warn(warning)
	}
	return g.serve(ctx, listener)
}

// guard is a loaded guard that does not listen yet.
type guard struct {
	options     Options
	keys        *proof.SigningKeys
	engine      *verdict.Engine
	server      *grpc.Server
	probes      *health.Server
	keyInterval time.Duration
}

// load reads the files and puts the parts together.
func load(o Options) (*guard, error) {
	rules, err := policy.Load(o.PolicyFile)
	if err != nil {
		return nil, err // it says what was being read, and where
	}
	keys, err := proof.LoadSigningKeys(o.SigningKeyFile)
	if err != nil {
		return nil, err // so does this
	}
	signer, err := proof.NewSigner(keys, o.Audience)
	if err != nil {
		return nil, err
	}
	engine, err := verdict.New(verdict.Config{
		Policy: func() *policy.Policy { return rules }, Signer: signer,
		Audience: o.Audience, Encode: stream.EncodeAllow,
	})
	if err != nil {
		return nil, err
	}
	g := &guard{options: o, keys: keys, engine: engine, probes: health.NewServer(), keyInterval: keyInterval}
	if err := g.assemble(); err != nil {
		engine.Close()
		return nil, err
	}
	for _, warning := range rules.Warnings() {
		o.Log.Warn(warning, "policy", o.PolicyFile)
	}
	o.Log.Info("loaded", "policy", o.PolicyFile, "policy_digest", rules.Digest, "audience", o.Audience)
	return g, nil
}

// assemble makes the grpc server with both services.
func (g *guard) assemble() error {
	streams, err := stream.New(stream.Config{
		Engine: g.engine, Log: g.options.Log,
		Limits: func() stream.Limits { return stream.Limits{BodyTimeout: g.options.BodyTimeout} },
	})
	if err != nil {
		return err
	}
	g.server, err = newServer()
	if err != nil {
		return err
	}
	streams.Register(g.server)
	healthv1.RegisterHealthServer(g.server, g.probes)
	g.probes.SetServingStatus(stream.ServiceName, healthv1.HealthCheckResponse_SERVING)
	return nil
}

// serve answers on the listener until ctx ends, then drains.
func (g *guard) serve(ctx context.Context, listener net.Listener) error {
	var background sync.WaitGroup
	defer background.Wait()
	following, stop := context.WithCancel(ctx)
	defer stop()
	background.Go(func() { g.followKeys(following) })

	served := make(chan error, 1)
	background.Go(func() { served <- g.server.Serve(listener) })
	g.options.Log.Info("listening", "address", listener.Addr().String())
	select {
	case err := <-served:
		return fmt.Errorf("serve: %w", err)
	case <-ctx.Done():
	}
	g.options.Log.Info("draining", "budget", g.options.Drain.String())
	drain(g.server, g.probes, g.options.Drain)
	if err := <-served; err != nil && !errors.Is(err, grpc.ErrServerStopped) {
		return fmt.Errorf("serve: %w", err)
	}
	g.options.Log.Info("stopped")
	return nil
}

// followKeys looks at the signing key file from time to time. A file that
// cannot be used leaves the keys as they were. Polling the content survives
// what file events do not: a mounted Secret is swapped by renaming a symlink.
func (g *guard) followKeys(ctx context.Context) {
	ticker := time.NewTicker(g.keyInterval)
	defer ticker.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
		}
		changed, err := g.keys.Refresh(time.Now())
		switch {
		case err != nil:
			g.options.Log.Error("the last good signing keys stay in use", "error", err)
		case changed:
			g.engine.Forget()
			g.options.Log.Info("signing keys reloaded")
		}
	}
}
