// Package server runs the backend: it loads what the operator configured, opens
// the port, lets verified requests through to the MCP server, follows the keys,
// and drains when it is told to end. It owns no credential for any cluster and
// looks for none: no kubeconfig, no service account, no environment.
package server

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"sync"
	"time"

	"kubernetes-mcp-edge/extproc/harden"
	"kubernetes-mcp-edge/extproc/kubeheader"
	"kubernetes-mcp-edge/extproc/nearby"
	"kubernetes-mcp-edge/extproc/policy"
	"kubernetes-mcp-edge/extproc/proof"
	"kubernetes-mcp-edge/mcpbackend/admit"
	"kubernetes-mcp-edge/mcpbackend/kube"
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
	// CallsPerCaller is how many tool calls of one caller, whom his fingerprint
	// tells apart, may be under way at a time. 0 means 16.
	CallsPerCaller int
	// Calls is how many tool calls of all callers may be. 0 means 256.
	Calls int
	// Drain is how long an end may take.
	Drain time.Duration
	// Version is what MCP clients are told.
	Version string
	// Log takes all output.
	Log *slog.Logger
}

// keyInterval is how often the key file is looked at. An unknown key id makes
// the verifier look sooner, at most once a second.
const keyInterval = 5 * time.Second

// Run serves until ctx ends and the drain is over; then it returns nil. Any
// other error is a start that failed, in one sentence that says what to mend.
// No goroutine outlives it.
func Run(ctx context.Context, o Options) error {
	if err := harden.NoCoreDumps(); err != nil {
		return fmt.Errorf("turn core dumps off: %w", err)
	}
	kube.QuietLibraries(o.Log)
	b, err := load(o)
	if err != nil {
		return err
	}
	defer b.close()
	port := nearby.Port{Address: o.Listen, Insecure: o.InsecureListen, Danger: "requests to this port carry keys in the clear"}
	listener, err := port.Listen(ctx)
	if err != nil {
		return err
	}
	if warning := port.Warning(); warning != "" {
		o.Log.Warn(warning)
	}
	return b.serve(ctx, listener)
}

// backend is a loaded backend that does not listen yet.
type backend struct {
	options     Options
	keys        *proof.KeySet
	verifier    *proof.Verifier
	clients     *kube.Clients
	handler     *handler
	keyInterval time.Duration
}

// load reads the files and puts the parts together.
func load(o Options) (*backend, error) {
	if o.CallsPerCaller < 0 || o.Calls < 0 {
		return nil, errors.New("calls: a limit below nothing; say how many may be under way at a time")
	}
	rules, err := policy.Load(o.PolicyFile)
	if err != nil {
		return nil, fmt.Errorf("policy: %w", err)
	}
	keys, err := proof.LoadKeySet(o.KeysFile)
	if err != nil {
		return nil, fmt.Errorf("keys: %w", err)
	}
	verifier, err := proof.NewVerifier(keys, o.Audience, func() *kubeheader.Policy { return &rules.Header }, proof.Limits{})
	if err != nil {
		return nil, fmt.Errorf("audience: %w", err)
	}
	clients, err := kube.New(kube.Config{Rules: func() kube.Rules {
		return kube.Rules{Hosts: rules.Header.Hosts, PublicRoots: rules.PublicRoots, Generation: rules.Digest}
	}})
	if err != nil {
		verifier.Close()
		return nil, err
	}
	b := &backend{options: o, keys: keys, verifier: verifier, clients: clients, keyInterval: keyInterval}
	server, err := newMCP(clients, o)
	if err != nil {
		b.close()
		return nil, err
	}
	b.handler = newHandler(server, b.admitted(), o.Log)
	for _, warning := range rules.Warnings() {
		o.Log.Warn(warning, "policy", o.PolicyFile)
	}
	o.Log.Info("loaded", "policy", o.PolicyFile, "policy_digest", rules.Digest, "audience", o.Audience, "toolsets", o.Toolsets)
	return b, nil
}

// admitted is the door in front of MCP.
func (b *backend) admitted() func(http.Handler) http.Handler {
	return admit.New(admit.Config{Verifier: b.verifier, Log: b.options.Log})
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
	background.Go(func() { b.followKeys(following) })

	srv := newHTTPServer(b.handler, b.options.Log)
	served := make(chan error, 1)
	background.Go(func() { served <- srv.Serve(listener) })
	b.options.Log.Info("listening", "address", listener.Addr().String())
	select {
	case err := <-served:
		return fmt.Errorf("serve: %w", err)
	case <-ctx.Done():
	}
	b.options.Log.Info("draining", "budget", b.options.Drain.String())
	b.handler.draining.Store(true)
	budget, cancel := context.WithTimeout(context.WithoutCancel(ctx), b.options.Drain)
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

// followKeys looks at the key file from time to time. A file that cannot be
// used leaves the keys as they were. Polling the content survives what file
// events do not: a mounted ConfigMap is swapped by renaming a symlink.
func (b *backend) followKeys(ctx context.Context) {
	ticker := time.NewTicker(b.keyInterval)
	defer ticker.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case now := <-ticker.C:
			b.refreshKeys(now)
		}
	}
}

func (b *backend) refreshKeys(now time.Time) {
	changed, err := b.keys.Refresh(now)
	switch {
	case err != nil:
		b.options.Log.Error("keys not reloaded, the last good ones stay", "error", err)
	case changed:
		b.clients.Forget()
		b.options.Log.Info("keys reloaded")
	}
}
