package main

import (
	"log/slog"
	"time"

	"kubernetes-mcp-edge/extproc/logpipe"
	"kubernetes-mcp-edge/extproc/mtls"
	"kubernetes-mcp-edge/extproc/serve"
)

// serveFlags are the command line of the guard at work: what has to be known
// before the policy file is read, and where files are. Secrets come by file path,
// never by value.
type serveFlags struct {
	Listen         string         `default:"127.0.0.1:9002" help:"Where Envoy reaches the guard: HOST:PORT on loopback, or unix:PATH. Any address with mutual TLS."`
	Policy         string         `required:"" placeholder:"FILE" help:"Policy file; the backend reads the same one."`
	SigningKey     string         `required:"" placeholder:"FILE" help:"Ed25519 keys that sign checked headers, as made by kubemcp keys new."`
	Audience       string         `default:"kubernetes-mcp" help:"Name of the backend that the signatures are for."`
	Admin          string         `default:"127.0.0.1:9102" help:"Where metrics, probes and the status page are: HOST:PORT, unix:PATH or off. Beyond this machine there is no status page."`
	TLSCertificate string         `name:"tls-certificate" placeholder:"FILE" help:"Certificate of the port, with intermediates. The four --tls flags go together."`
	TLSKey         string         `name:"tls-key" placeholder:"FILE" help:"Its private key."`
	TLSClientCA    string         `name:"tls-client-ca" placeholder:"FILE" help:"Authorities that sign the certificates of clients."`
	TLSClientSAN   []string       `name:"tls-client-san" placeholder:"NAME" sep:"none" help:"A client that may connect: dns:NAME or uri:URI, compared in full. Can be given several times."`
	OTLPEndpoint   string         `name:"otlp-endpoint" placeholder:"URL" help:"Collector for spans of sampled requests, OTLP over gRPC: http://HOST:PORT or https://HOST:PORT. Default: none."`
	LogLevel       slog.Level     `default:"info" help:"debug, info, warn or error. No level prints a header value."`
	LogFormat      logpipe.Format `default:"json" enum:"json,text" help:"json or text."`
	InsecureListen bool           `help:"Listen on an address that other machines can reach. Whoever reaches it can have headers signed."`
}

// logFarewell is how long the last lines of the log may take at the end.
const logFarewell = time.Second

// Run serves until the environment's context ends and the drain is over. Its
// log goes through a pipe that nobody waits for, so that neither a full disk nor
// a reader that stopped can hold up a decision.
func (f *serveFlags) Run(env *environment) error {
	log, pipe := logpipe.Open(env.stderr, f.LogLevel, f.LogFormat)
	defer pipe.Close(logFarewell)
	return serve.Run(env.ctx, f.options(log, pipe.Dropped))
}

func (f *serveFlags) options(log *slog.Logger, dropped func() uint64) serve.Options {
	return serve.Options{
		Listen: f.Listen, InsecureListen: f.InsecureListen, Admin: f.Admin,
		TLS:        mtls.Files{Certificate: f.TLSCertificate, Key: f.TLSKey, ClientCA: f.TLSClientCA, AllowedSANs: f.TLSClientSAN},
		PolicyFile: f.Policy, SigningKeyFile: f.SigningKey, Audience: f.Audience,
		OTLPEndpoint: f.OTLPEndpoint, LogDropped: dropped, Log: log,
	}
}
