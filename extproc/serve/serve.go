// Package serve runs the guard: it loads what the operator configured, opens
// the ports, serves Envoy's streams and health probes, follows the files, and
// drains when it is told to end.
package serve

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"sync"
	"time"

	"golang.org/x/net/netutil"
	"google.golang.org/grpc"
	"google.golang.org/grpc/health"
	healthv1 "google.golang.org/grpc/health/grpc_health_v1"

	"kubernetes-mcp-edge/extproc/harden"
	"kubernetes-mcp-edge/extproc/mtls"
	"kubernetes-mcp-edge/extproc/nearby"
	"kubernetes-mcp-edge/extproc/observe"
	"kubernetes-mcp-edge/extproc/policy"
	"kubernetes-mcp-edge/extproc/proof"
	"kubernetes-mcp-edge/extproc/stream"
	"kubernetes-mcp-edge/extproc/tracing"
	"kubernetes-mcp-edge/extproc/verdict"
)

// Options is what an operator decides on the command line; all else stands in
// the policy file. Secrets come by file path only.
type Options struct {
	// Listen is host:port or unix:PATH.
	Listen string
	// InsecureListen allows an address that other machines can reach.
	InsecureListen bool
	// TLS are the files of mutual TLS; none means none.
	TLS mtls.Files
	// Admin is where metrics, probes and the status page are: host:port,
	// unix:PATH or admin.Off.
	Admin string
	// PolicyFile is the policy that the backend reads too.
	PolicyFile string
	// SigningKeyFile holds the Ed25519 keys that sign checked headers.
	SigningKeyFile string
	// Audience names the backend that the signatures are for.
	Audience string
	// OTLPEndpoint is where spans of sampled requests go: http://HOST:PORT or
	// https://HOST:PORT of a collector; "" sends none.
	OTLPEndpoint string
	// LogDropped is how many lines the log has lost; nil: it loses none.
	LogDropped func() uint64
	// Log takes all output.
	Log *slog.Logger
}

// Run serves until ctx ends and the drain is over; then it returns nil. Any
// other error is a start that failed, in one sentence that says what to mend.
// No goroutine outlives it.
func Run(ctx context.Context, o Options) error {
	if err := harden.NoCoreDumps(); err != nil {
		return fmt.Errorf("turn core dumps off: %w", err)
	}
	g, err := load(o) //nolint:contextcheck // what it begins ends after ctx has
	if err != nil {
		return err
	}
	defer g.close() //nolint:contextcheck // it ends after ctx has
	port := nearby.Port{Address: o.Listen, Insecure: o.InsecureListen, Danger: "whoever reaches this port can have headers signed"}
	if g.identity != nil {
		port.TLS = g.identity.Server()
	}
	listener, err := port.Listen(ctx)
	if err != nil {
		return err
	}
	if warning := port.Warning(); warning != "" {
		o.Log.Warn(warning)
	}
	// The admin listener is there first and goes last: it says why the guard is
	// not ready, while it is not.
	about, err := g.administer(ctx)
	if err != nil {
		return errors.Join(err, listener.Close())
	}
	defer about.Close() //nolint:contextcheck // it ends after ctx has
	return g.serve(ctx, listener)
}

// guard is a loaded guard that does not listen yet.
type guard struct {
	options  Options
	policy   *policy.File
	keys     *proof.SigningKeys
	identity *mtls.Identity // nil without mutual TLS
	engine   *verdict.Engine
	observer *observe.Observer
	tracer   *tracing.Tracer // nil without an endpoint
	server   *grpc.Server
	probes   *health.Server
	limits   policy.GuardLimits // of the policy at the start
	phase    phase
	files    files
	interval time.Duration // how often the files are looked at
}

// load reads the files and puts the parts together.
func load(o Options) (*guard, error) {
	g := &guard{options: o, probes: health.NewServer(), interval: fileInterval}
	var err error
	if g.policy, err = policy.Open(o.PolicyFile); err != nil {
		return nil, err // it says what was being read, and where
	}
	if g.keys, err = proof.LoadSigningKeys(o.SigningKeyFile); err != nil {
		return nil, err // so does this
	}
	if o.TLS.Wanted() {
		if g.identity, err = mtls.Load(o.TLS); err != nil {
			return nil, err // and this
		}
	}
	signer, err := proof.NewSigner(g.keys, o.Audience)
	if err != nil {
		return nil, err
	}
	rules := g.policy.Current()
	g.limits = rules.Limits.Guard
	g.engine, err = verdict.New(verdict.Config{
		Policy: g.policy.Current, Signer: signer, Audience: o.Audience, Encode: stream.EncodeAllow,
		CacheEntries: g.limits.CacheEntries, CacheBytes: g.limits.CacheBytes,
	})
	if err != nil {
		return nil, err
	}
	g.follow()
	if err := g.assemble(); err != nil {
		g.close()
		return nil, err
	}
	g.warn(rules)
	o.Log.Info("loaded", "policy", o.PolicyFile, "policy_digest", rules.Digest, "audience", o.Audience)
	return g, nil
}

// assemble makes the observer and the grpc server with both services.
func (g *guard) assemble() error {
	var err error
	if g.observer, err = g.observe(); err != nil {
		return err
	}
	listener, err := g.trace()
	if err != nil {
		return err
	}
	streams, err := stream.New(stream.Config{
		Engine: g.engine, Observer: listener, Log: g.options.Log,
		Limits:   stream.Limits{BodyTimeout: g.limits.BodyTimeout, PendingRejections: g.limits.PendingRejections},
		HostForm: func(host string) string { return g.policy.Current().LogHosts.Show(host) },
	})
	if err != nil {
		return err
	}
	g.server, err = newServer(g.limits, g.identity)
	if err != nil {
		return err
	}
	streams.Register(g.server)
	healthv1.RegisterHealthServer(g.server, g.probes)
	g.say(healthv1.HealthCheckResponse_NOT_SERVING)
	return nil
}

// close ends what load began.
func (g *guard) close() {
	g.engine.Close()
	if g.tracer != nil {
		g.tracer.Close()
	}
}

// say tells the probes, those that name the service and those that do not.
func (g *guard) say(status healthv1.HealthCheckResponse_ServingStatus) {
	g.probes.SetServingStatus("", status)
	g.probes.SetServingStatus(stream.ServiceName, status)
}

// serve answers on the listener until ctx ends, then drains.
func (g *guard) serve(ctx context.Context, listener net.Listener) error {
	var background sync.WaitGroup
	defer background.Wait()
	following, stop := context.WithCancel(ctx)
	defer stop()
	for _, f := range g.files.all() {
		background.Go(func() { f.follow(following, g.interval) })
	}

	served := make(chan error, 1)
	background.Go(func() { served <- g.server.Serve(netutil.LimitListener(listener, maxConnections)) })
	g.phase.set(serving)
	g.say(healthv1.HealthCheckResponse_SERVING)
	g.options.Log.Info("listening", "address", listener.Addr().String(), "mutual_tls", g.identity != nil)
	select {
	case err := <-served:
		g.phase.set(ended)
		return fmt.Errorf("serve: %w", err)
	case <-ctx.Done():
	}
	g.phase.set(draining)
	g.options.Log.Info("draining", "budget", g.limits.Drain.String())
	drain(g.server, g.probes, g.limits.Drain)
	if err := <-served; err != nil && !errors.Is(err, grpc.ErrServerStopped) {
		return fmt.Errorf("serve: %w", err)
	}
	g.options.Log.Info("stopped")
	return nil
}
