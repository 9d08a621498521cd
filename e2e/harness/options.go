package harness

import (
	"errors"
	"fmt"
	"strings"
	"time"

	"kubernetes-mcp-edge/envoy"
	"kubernetes-mcp-edge/extproc/mtls"
)

// Options say what kind of stack to start.
type Options struct {
	Binaries Binaries
	// Dir takes keys, policy, sockets and logs. Keep it short: a Unix socket
	// path has 107 bytes.
	Dir string
	// Policy is the text of the policy file; see Policy for one.
	Policy string
	// PolicyExtra is more text for the end of the policy file.
	PolicyExtra string
	// Drain is limits.guard.drain; 0 means 100 ms, since Envoy goes first or stays
	// without the guard, and nobody has to notice. A text that holds limits of its
	// own says there how long a drain may take.
	Drain time.Duration
	// Guards is how many guards Envoy has to choose from; 0 means 1.
	Guards int
	// Guard is where Envoy looks for the guard; "" starts the real one.
	Guard string
	// GuardTCP lets the guards listen on loopback ports instead of Unix sockets.
	GuardTCP bool
	// GuardProxy is told where a guard listens, on a loopback port, and returns the
	// host:port where Envoy is to look for it instead; nil means right there.
	GuardProxy func(guard string) (string, error)
	// GuardTLS and BackendTLS turn a link of Envoy's into mTLS; nil leaves it plain.
	GuardTLS, BackendTLS *LinkTLS
	// Backend is the host:port that Envoy sends requests to; "" starts the real one.
	Backend string
	// DNS is where the backend resolves names, as HOST:PORT; "" means the machine's.
	DNS string
	// Toolsets is what the backend offers, separated by commas; "" means its default.
	Toolsets string
	// Envoy changes the parameters of Envoy's configuration; nil leaves them.
	Envoy func(*envoy.Config)
	// EditEnvoy changes the rendered configuration, to see what still holds
	// without a part of it; nil leaves it as it is.
	EditEnvoy func([]byte) ([]byte, error)
	// Port is the endpoint's; 0 means any free one.
	Port int
	// LogLevel is that of the two programs; "" means info.
	LogLevel string
	// Env are more NAME=VALUE for the environment of the two programs.
	Env []string
	// Progress is told of each component as it becomes ready, of one at a time; nil
	// is fine.
	Progress func(component, detail string)
}

// LinkTLS are the files of one link that is mTLS.
type LinkTLS struct {
	Server mtls.Files // what the program shows, and whom it lets in
	// What Envoy shows, and whom it believes: PEM files, and the one name that
	// the program's certificate has to hold, as dns:NAME or uri:URI.
	Certificate, Key, CA, ServerSAN string
}

// flags are those of the program's side.
func (l *LinkTLS) flags() []string {
	if l == nil {
		return nil
	}
	out := []string{"--tls-certificate", l.Server.Certificate, "--tls-key", l.Server.Key, "--tls-client-ca", l.Server.ClientCA}
	for _, name := range l.Server.AllowedSANs {
		out = append(out, "--tls-client-san", name)
	}
	return out
}

// client is Envoy's side.
func (l *LinkTLS) client() *envoy.ClientTLS {
	if l == nil {
		return nil
	}
	return &envoy.ClientTLS{CertificateFile: l.Certificate, KeyFile: l.Key, CAFile: l.CA, ServerSAN: l.ServerSAN}
}

// defaultDrain is short, as Options.Drain says.
const defaultDrain = 100 * time.Millisecond

// complete fills in what was left out.
func (o *Options) complete() error {
	if o.LogLevel == "" {
		o.LogLevel = "info"
	}
	if o.Progress == nil {
		o.Progress = func(string, string) {}
	}
	if o.Drain == 0 {
		o.Drain = defaultDrain
	}
	o.Guards = max(o.Guards, 1)
	o.GuardTCP = o.GuardTCP || o.GuardProxy != nil || o.GuardTLS != nil
	if o.Guard != "" && (o.Guards > 1 || o.GuardTCP) {
		return errors.New("harness: where a guard is named, only that one is used, as it is")
	}
	return nil
}

// policyText is the whole policy file.
func (s *Stack) policyText() string {
	text := s.options.Policy + s.options.PolicyExtra
	if strings.HasPrefix(text, "limits:") || strings.Contains(text, "\nlimits:") {
		return text
	}
	return text + fmt.Sprintf("limits: {guard: {drain: %s}}\n", s.options.Drain)
}
