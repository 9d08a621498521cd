package serve

import (
	"context"
	"time"

	"kubernetes-mcp-edge/extproc/admin"
	"kubernetes-mcp-edge/extproc/observe"
	"kubernetes-mcp-edge/extproc/stream"
	"kubernetes-mcp-edge/extproc/tracing"
)

// observe makes the observer and tells it where to ask.
func (g *guard) observe() (*observe.Observer, error) {
	config := observe.Config{
		Build: observe.ReadBuild(), Ready: g.phase.ready, InsecureListen: g.options.InsecureListen, LogDropped: g.options.LogDropped,
		Policy: g.aboutPolicy, Keys: g.aboutKeys, Cache: g.engine.Stats,
	}
	if g.identity != nil {
		config.TLS = g.aboutTLS
	}
	if g.options.OTLPEndpoint != "" {
		config.SpansLost = func() uint64 { return g.tracer.Lost() }
	}
	return observe.New(config)
}

// trace puts the tracer in front of the observer, if there is to be one. The
// connection to the collector is made in the background and is not the start's.
func (g *guard) trace() (stream.Observer, error) {
	if g.options.OTLPEndpoint == "" {
		return g.observer, nil
	}
	var err error
	g.tracer, err = tracing.New(context.Background(),
		tracing.Config{Endpoint: g.options.OTLPEndpoint, Version: observe.ReadBuild().Version, Log: g.options.Log}, g.observer)
	return g.tracer, err
}

func (g *guard) aboutPolicy() observe.Policy {
	rules := g.policy.Current()
	return observe.Policy{
		File: g.files.policy.status(), Digest: rules.Digest, Warnings: rules.Warnings(), ShowHost: rules.LogHosts.Show,
	}
}

func (g *guard) aboutKeys() observe.Keys {
	out := observe.Keys{File: g.files.keys.status()}
	active := g.keys.Active(time.Now()).ID()
	for _, key := range g.keys.All() {
		out.Keys = append(out.Keys, observe.Key{ID: key.ID(), ActivateAt: key.ActivateAt(), Active: key.ID() == active})
	}
	return out
}

func (g *guard) aboutTLS() observe.TLS {
	state := g.identity.Status()
	return observe.TLS{
		File: g.files.tls.status(), NotAfter: state.NotAfter.UTC(), Refused: state.Refused, LastRefusal: state.LastRefusal,
	}
}

// administer starts the admin listener.
func (g *guard) administer(ctx context.Context) (*admin.Server, error) {
	page, err := g.observer.StatusPage()
	if err != nil {
		return nil, err
	}
	return admin.Start(ctx, admin.Config{
		Address: g.options.Admin, Metrics: g.observer.Metrics(), Ready: g.phase.ready,
		Status: page, StatusJSON: g.observer.StatusJSON(), Log: g.options.Log,
	})
}
