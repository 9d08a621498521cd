package main

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"runtime/debug"
	"time"

	"github.com/alecthomas/kong"

	"kubernetes-mcp-edge/extproc/logpipe"
	"kubernetes-mcp-edge/extproc/mtls"
	"kubernetes-mcp-edge/mcpbackend/server"
)

// The exit statuses.
const (
	exitOK    = 0
	exitFail  = 1 // the backend could not start, or did not end well
	exitUsage = 2 // the command line is wrong
)

// flags are the command line. Secrets come by file path, never by value.
type flags struct {
	Listen         string         `default:"127.0.0.1:9003" help:"Where Envoy reaches the backend: HOST:PORT on loopback or with the --tls flags, or unix:PATH."`
	Policy         string         `required:"" placeholder:"FILE" help:"Policy file; the guard reads the same one."`
	Keys           string         `required:"" placeholder:"FILE" help:"JWKS file with the guard's public keys, as made by kubemcp keys new."`
	Audience       string         `default:"kubernetes-mcp" help:"Name of this backend in the guard's signatures."`
	LogLevel       slog.Level     `default:"info" help:"debug, info, warn or error. No level prints a header value or an argument of a tool."`
	LogFormat      logpipe.Format `default:"json" enum:"json,text" help:"json or text."`
	InsecureListen bool           `help:"Listen on an address that other machines can reach, in plain text. Requests carry keys in the clear."`
	TLSCertificate string         `name:"tls-certificate" placeholder:"FILE" help:"Certificate chain of the port (PEM). The four --tls flags go together: they ask Envoy for a client certificate."`
	TLSKey         string         `name:"tls-key" placeholder:"FILE" help:"Its private key (PEM, mode 0600)."`
	TLSClientCA    string         `name:"tls-client-ca" placeholder:"FILE" help:"Authorities that sign client certificates (PEM)."`
	TLSClientSAN   []string       `name:"tls-client-san" sep:"none" placeholder:"SAN" help:"Name of a client that may connect, in full: dns:NAME or uri:spiffe://… Repeat it for more."`
	DNSServer      string         `name:"dns-server" placeholder:"HOST:PORT" help:"DNS server for the names of API servers; left out: the machine's. Every address it gives is judged by the policy."`
	Admin          string         `default:"127.0.0.1:9103" help:"Where metrics and health are served: HOST:PORT, unix:PATH or off."`
	Toolsets       []string       `default:"core" help:"Toolsets to offer, separated by commas. A request can only narrow them."`
}

// run is the program with everything it touches handed in. It returns the exit
// status. The environment is not looked at: no variable can lend the backend a
// cluster, a credential or a proxy.
func run(ctx context.Context, args []string, _ func(string) string, stdout, stderr io.Writer) int {
	var f flags
	helped := false
	parser, err := kong.New(&f,
		kong.Name("mcpbackend"),
		kong.Description("The MCP server behind the guard: reads the Kubernetes cluster that each request's checked headers name."),
		kong.Writers(stdout, stderr),
		kong.Exit(func(int) { helped = true }), // only --help asks to exit
	)
	if err != nil {
		_, _ = fmt.Fprintf(stderr, "mcpbackend: %v\n", err)
		return exitFail
	}
	_, err = parser.Parse(args)
	if helped {
		return exitOK
	}
	if err != nil {
		_, _ = fmt.Fprintf(stderr, "mcpbackend: %v; try --help\n", err)
		return exitUsage
	}
	if err := f.serve(ctx, stderr); err != nil {
		_, _ = fmt.Fprintf(stderr, "mcpbackend: %v\n", err)
		return exitFail
	}
	return exitOK
}

// logFarewell is how long the last lines of the log may take at the end.
const logFarewell = time.Second

// serve runs the backend. Its log goes through a pipe that nobody waits for, so
// that neither a full disk nor a reader that stopped can hold up a call.
func (f flags) serve(ctx context.Context, stderr io.Writer) error {
	log, pipe := logpipe.Open(stderr, f.LogLevel, f.LogFormat)
	defer pipe.Close(logFarewell)
	return server.Run(ctx, f.options(log))
}

func (f flags) options(log *slog.Logger) server.Options {
	version, revision := built()
	return server.Options{
		Listen: f.Listen, InsecureListen: f.InsecureListen, PolicyFile: f.Policy, KeysFile: f.Keys,
		TLS:   mtls.Files{Certificate: f.TLSCertificate, Key: f.TLSKey, ClientCA: f.TLSClientCA, AllowedSANs: f.TLSClientSAN},
		Admin: f.Admin, DNS: f.DNSServer, Audience: f.Audience, Toolsets: f.Toolsets, Version: version, Revision: revision, Log: log,
	}
}

// built is the module's version and the commit, where the build knows them.
func built() (version, revision string) {
	version, revision = "(devel)", "unknown"
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return version, revision
	}
	if info.Main.Version != "" {
		version = info.Main.Version
	}
	for _, s := range info.Settings {
		if s.Key == "vcs.revision" {
			revision = s.Value
		}
	}
	return version, revision
}
