// Package server runs the backend: it loads what the operator configured, opens
// the port, lets verified requests through to the MCP server, follows the files,
// and drains when it is told to end. It owns no credential for any cluster and
// looks for none: no kubeconfig, no service account, no environment.
package server

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"net/netip"
	"runtime/debug"
	"sync"
	"time"

	"kubernetes-mcp-edge/extproc/harden"
	"kubernetes-mcp-edge/extproc/kubeheader"
	"kubernetes-mcp-edge/extproc/mtls"
	"kubernetes-mcp-edge/extproc/nearby"
	"kubernetes-mcp-edge/extproc/policy"
	"kubernetes-mcp-edge/extproc/proof"
	"kubernetes-mcp-edge/mcpbackend/admit"
	"kubernetes-mcp-edge/mcpbackend/kube"
	"kubernetes-mcp-edge/mcpbackend/tool"
)

// Options is what an operator decides. Secrets come by file path only.
type Options struct {
	// Listen is host:port or unix:PATH.
	Listen string
	// InsecureListen allows an address that other machines can reach.
	InsecureListen bool
	// PolicyFile is the policy that the guard reads too.
	PolicyFile string
	// KeysFile is the JWKS file with the guard's public keys.
	KeysFile string
	// Audience names this backend in the guard's signatures.
	Audience string
	// Toolsets are offered; a request can only narrow them.
	Toolsets []string
	// DNS is HOST:PORT of the server that resolves the names of API servers, in
	// place of the machine's; "" means those.
	DNS string
	// TLS asks for mutual TLS on the port, if any of it is set.
	TLS mtls.Files
	// Admin is where metrics and health are served: host:port, unix:PATH or off.
	Admin string
	// Version is what MCP clients are told, and Revision what it was built from.
	Version, Revision string
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
	kube.QuietLibraries(o.Log)
	floored, end := context.WithCancel(ctx)
	defer end()
	keepFloor(floored, floor{bytes: heapFloor, most: debug.SetMemoryLimit(-1)})
	b, err := load(o)
	if err != nil {
		return err
	}
	defer b.close()
	port := nearby.Port{Address: o.Listen, Insecure: o.InsecureListen, TLS: b.transport(), Danger: "requests to this port carry keys in the clear"}
	listener, err := port.Listen(ctx)
	if err != nil {
		return err
	}
	if warning := port.Warning(); warning != "" {
		o.Log.Warn(warning)
	}
	page, err := b.startAdmin(ctx)
	if err != nil {
		return errors.Join(err, listener.Close())
	}
	defer page.Close() //nolint:contextcheck // ctx has ended by then; Close bounds itself
	return b.serve(ctx, listener)
}

// backend is a loaded backend that does not listen yet.
type backend struct {
	options      Options
	limits       policy.BackendLimits // those of the start
	policy       *policy.File
	keys         *proof.KeySet
	identity     *mtls.Identity // nil without mutual TLS
	verifier     *proof.Verifier
	clients      *kube.Clients
	catalog      *tool.Catalog
	counts       *counts
	handler      *handler
	files        []*followed
	refused      uint64 // clients, as far as the log has told
	pollInterval time.Duration
}

// load reads the files and puts the parts together.
func load(o Options) (*backend, error) {
	if o.DNS != "" {
		if _, err := netip.ParseAddrPort(o.DNS); err != nil {
			return nil, errors.New("--dns-server has to be an IP address and a port, such as 10.96.0.10:53")
		}
	}
	rules, err := policy.Open(o.PolicyFile)
	if err != nil {
		return nil, fmt.Errorf("policy: %w", err)
	}
	keys, err := proof.LoadKeySet(o.KeysFile)
	if err != nil {
		return nil, fmt.Errorf("keys: %w", err)
	}
	b := &backend{options: o, limits: rules.Current().Limits.Backend, policy: rules, keys: keys, pollInterval: pollInterval}
	if o.TLS.Wanted() {
		if b.identity, err = mtls.Load(o.TLS); err != nil {
			return nil, err // it names the flag or the file
		}
	}
	if err := b.assemble(); err != nil {
		return nil, err
	}
	b.announce()
	o.Log.Info("loaded", "audience", o.Audience, "toolsets", o.Toolsets, "keys", keys.IDs(), "mutual_tls", b.identity != nil)
	return b, nil
}

// assemble puts the parts together. Verifier and clients ask for the policy at
// every request and at every new client, so a new one is in force at once.
func (b *backend) assemble() (err error) {
	if b.catalog, err = catalog(); err != nil {
		return err
	}
	b.counts = newCounts(b.catalog.Names())
	b.verifier, err = proof.NewVerifier(b.keys, b.options.Audience,
		func() *kubeheader.Policy { return &b.policy.Current().Header },
		proof.Limits{Entries: b.limits.ProofEntries, Bytes: b.limits.ProofBytes})
	if err != nil {
		return fmt.Errorf("audience: %w", err)
	}
	if b.clients, err = kube.New(b.kubeConfig()); err != nil {
		b.verifier.Close()
		return err
	}
	server, err := b.newMCP()
	if err != nil {
		b.close()
		return err
	}
	b.handler = b.newHandler(server)
	b.files = b.followed(time.Now())
	return nil
}

// kubeConfig is what the clients of API servers need. What no tool of the
// configured toolsets does, none of them can do.
func (b *backend) kubeConfig() kube.Config {
	l := b.limits
	c := kube.Config{
		Rules: func() kube.Rules {
			rules := b.policy.Current()
			return kube.Rules{Hosts: rules.Header.Hosts, DNS: b.options.DNS, Access: rules.Access, PublicRoots: rules.PublicRoots, Generation: rules.Digest}
		},
		Limits:  kube.Limits{Entries: l.Clients, Bytes: l.ClientBytes, Idle: l.ClientIdle, Age: l.ClientAge, Target: l.ServerRequests},
		Observe: b.counts.asked,
	}
	c.Writes, c.Execs = b.catalog.Needs(b.options.Toolsets)
	return c
}

// admitted is the door in front of MCP. Where other machines reach the port in
// plain text, anybody can say that he is Envoy.
func (b *backend) admitted() func(http.Handler) http.Handler {
	return admit.New(admit.Config{
		Verifier: b.verifier, Log: b.options.Log, Refused: b.counts.refused,
		TrustAddress: !b.options.InsecureListen, BodyTimeout: b.limits.BodyTimeout,
	})
}

// transport is what the port speaks; nil is plain text. Envoy takes HTTP/2.
func (b *backend) transport() *tls.Config {
	if b.identity == nil {
		return nil
	}
	return b.identity.Server("h2", "http/1.1")
}

func (b *backend) close() {
	b.clients.Close()
	b.verifier.Close()
}

// serve answers on the listener until ctx ends, then drains: /healthz says no,
// no new connection is taken, calls under way finish within the budget.
func (b *backend) serve(ctx context.Context, listener net.Listener) error {
	var background sync.WaitGroup
	defer background.Wait()
	following, stop := context.WithCancel(ctx)
	defer stop()
	background.Go(func() { b.follow(following) })

	srv := newHTTPServer(b.handler, b.limits, b.transport(), b.options.Log)
	secured := srv.TLSConfig != nil // Serve writes a configuration of its own there
	served := make(chan error, 1)
	background.Go(func() {
		if secured {
			served <- srv.ServeTLS(listener, "", "") // the certificates come with the configuration
			return
		}
		served <- srv.Serve(listener)
	})
	b.options.Log.Info("listening", "address", listener.Addr().String(), "mutual_tls", secured)
	select {
	case err := <-served:
		return fmt.Errorf("serve: %w", err)
	case <-ctx.Done():
	}
	b.options.Log.Info("draining", "budget", b.limits.Drain.String())
	b.handler.draining.Store(true)
	budget, cancel := context.WithTimeout(context.WithoutCancel(ctx), b.limits.Drain)
	defer cancel()
	if err := srv.Shutdown(budget); err != nil {
		b.options.Log.Warn("calls were cut off at the end of the drain budget")
		_ = srv.Close()
	}
	if err := <-served; !errors.Is(err, http.ErrServerClosed) {
		return fmt.Errorf("serve: %w", err)
	}
	b.options.Log.Info("stopped")
	return nil
}
