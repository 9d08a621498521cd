package main

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"time"

	"github.com/alecthomas/kong"

	"kubernetes-mcp-edge/extproc/serve"
)

// The exit statuses.
const (
	exitOK    = 0
	exitFail  = 1 // the guard could not start, or did not end well
	exitUsage = 2 // the command line is wrong
)

// flags are the command line. Secrets come by file path, never by value.
type flags struct {
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

// run is the program with everything it touches handed in. It returns the exit
// status.
func run(ctx context.Context, args []string, _ func(string) string, stdout, stderr io.Writer) int {
	var f flags
	helped := false
	parser, err := kong.New(&f,
		kong.Name("extproc"),
		kong.Description("The guard: checks, normalises and signs kubernetes-* headers for Envoy."),
		kong.Writers(stdout, stderr),
		kong.Exit(func(int) { helped = true }), // only --help asks to exit
	)
	if err != nil {
		_, _ = fmt.Fprintf(stderr, "extproc: %v\n", err)
		return exitFail
	}
	_, err = parser.Parse(args)
	if helped {
		return exitOK
	}
	if err != nil {
		_, _ = fmt.Fprintf(stderr, "extproc: %v; try --help\n", err)
		return exitUsage
	}
	log := slog.New(handler(f, stderr))
	if err := serve.Run(ctx, f.options(log)); err != nil {
		_, _ = fmt.Fprintf(stderr, "extproc: %v\n", err)
		return exitFail
	}
	return exitOK
}

func (f flags) options(log *slog.Logger) serve.Options {
	return serve.Options{
		Listen: f.Listen, InsecureListen: f.InsecureListen, PolicyFile: f.Policy, SigningKeyFile: f.SigningKey,
		Audience: f.Audience, BodyTimeout: f.BodyTimeout, Drain: f.Drain, Log: log,
	}
}

func handler(f flags, stderr io.Writer) slog.Handler {
	options := &slog.HandlerOptions{Level: f.LogLevel}
	if f.LogFormat == "text" {
		return slog.NewTextHandler(stderr, options)
	}
	return slog.NewJSONHandler(stderr, options)
}
