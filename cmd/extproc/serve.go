package main

import (
	"io"
	"log/slog"
	"time"

	"kubernetes-mcp-edge/extproc/serve"
)

// serveFlags are the command line of the guard at work. Secrets come by file
// path, never by value.
type serveFlags struct {
	Listen         string        `default:"127.0.0.1:9002" help:"Where Envoy reaches the guard: HOST:PORT on loopback, or unix:PATH."`
	Policy         string        `required:"" placeholder:"FILE" help:"Policy file; the backend reads the same one."`
	SigningKey     string        `required:"" placeholder:"FILE" help:"Ed25519 keys that sign checked headers, as made by kubemcp keys new."`
	Audience       string        `default:"kubernetes-mcp" help:"Name of the backend that the signatures are for."`
	LogLevel       slog.Level    `default:"info" help:"debug, info, warn or error. No level prints a header value."`
	LogFormat      string        `default:"json" enum:"json,text" help:"json or text."`
	InsecureListen bool          `help:"Listen on an address that other machines can reach. Whoever reaches it can have headers signed."`
	BodyTimeout    time.Duration `default:"2s" help:"How long to wait for the body of a rejected request, which holds the id to answer with."`
	Drain          time.Duration `default:"10s" help:"How long a shutdown may take. Keep it below the supervisor's grace period."`
}

// Run serves until the environment's context ends and the drain is over.
func (f *serveFlags) Run(env *environment) error {
	return serve.Run(env.ctx, f.options(slog.New(f.handler(env.stderr))))
}

func (f *serveFlags) options(log *slog.Logger) serve.Options {
	return serve.Options{
		Listen: f.Listen, InsecureListen: f.InsecureListen, PolicyFile: f.Policy, SigningKeyFile: f.SigningKey,
		Audience: f.Audience, BodyTimeout: f.BodyTimeout, Drain: f.Drain, Log: log,
	}
}

func (f *serveFlags) handler(stderr io.Writer) slog.Handler {
	options := &slog.HandlerOptions{Level: f.LogLevel}
	if f.LogFormat == "text" {
		return slog.NewTextHandler(stderr, options)
	}
	return slog.NewJSONHandler(stderr, options)
}
