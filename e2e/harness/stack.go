package harness

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"sync"
	"time"
)

// Stack is a running guard, backend and Envoy. Its components can be stopped
// and started again one by one.
type Stack struct {
	URL        string // the MCP endpoint
	BackendURL string // the backend's own, without Envoy
	EnvoyAdmin string
	// EnvoyVersion is what Envoy says of itself, such as 1.40.0.
	EnvoyVersion string
	Extproc      *Process // the first guard; nil when another one was named
	MCPBackend   *Process // nil when another backend was named
	Envoy        *Process

	options      Options
	guards       []guard
	backend      string // host:port
	backendAdmin string // host:port
	mu           sync.Mutex
	started      []*Process
}

// startTimeout bounds the start of one component.
const startTimeout = 30 * time.Second

// Start starts a stack. On an error nothing is left running.
func Start(ctx context.Context, o Options) (*Stack, error) {
	if err := o.complete(); err != nil {
		return nil, err
	}
	s := &Stack{options: o}
	if err := s.start(ctx); err != nil {
		s.Stop()
		return nil, err
	}
	return s, nil
}

func (s *Stack) start(ctx context.Context) error {
	if err := os.MkdirAll(s.options.Dir, 0o700); err != nil {
		return err
	}
	if err := s.WritePolicy(s.policyText()); err != nil {
		return err
	}
	if err := s.MakeKeys(ctx, s.SigningKeyFile(), s.KeysFile()); err != nil {
		return err
	}
	if err := s.placeBackend(); err != nil {
		return err
	}
	if err := s.placeGuards(); err != nil {
		return err
	}
	// Envoy comes last: it looks for the others at once, and then not for a second.
	var version string
	if err := together(
		func() error { return s.startBackend(ctx) },
		func() error { return s.startGuards(ctx) },
		func() (err error) {
			version, err = EnvoyVersion(ctx, s.options.Binaries.Envoy)
			return err
		},
	); err != nil {
		return err
	}
	return s.startEnvoy(ctx, version)
}

// together runs all of these at the same time, and joins their errors.
func together(all ...func() error) error {
	errs := make([]error, len(all))
	var wg sync.WaitGroup
	for i, one := range all {
		wg.Go(func() { errs[i] = one() })
	}
	wg.Wait()
	return errors.Join(errs...)
}

// placeBackend chooses where the backend listens, or takes the one that was named.
func (s *Stack) placeBackend() error {
	var err error
	if s.backend = s.options.Backend; s.backend == "" {
		if s.backend, err = freeAddress(); err != nil {
			return err
		}
	}
	if s.backendAdmin, err = freeAddress(); err != nil {
		return err
	}
	s.BackendURL = "http://" + s.backend + "/mcp"
	if s.options.BackendTLS != nil {
		s.BackendURL = "https://" + s.backend + "/mcp"
	}
	return nil
}

// startBackend starts the backend, unless another one was named.
func (s *Stack) startBackend(ctx context.Context) error {
	if s.options.Backend != "" {
		return nil
	}
	return s.StartBackend(ctx)
}

// SigningKeyFile is the guard's private key.
func (s *Stack) SigningKeyFile() string { return filepath.Join(s.options.Dir, "signing-key.pem") }

// KeysFile is the backend's key set.
func (s *Stack) KeysFile() string { return filepath.Join(s.options.Dir, "keys.json") }

// PolicyFile is the policy of both programs.
func (s *Stack) PolicyFile() string { return filepath.Join(s.options.Dir, "policy.yaml") }

// WritePolicy replaces the policy file in one step, as a program that follows it
// has to see it.
func (s *Stack) WritePolicy(text string) error {
	next := s.PolicyFile() + ".new"
	if err := os.WriteFile(next, []byte(text), 0o600); err != nil {
		return err
	}
	return os.Rename(next, s.PolicyFile())
}

// BackendAdmin is the base URL of the backend's admin listener.
func (s *Stack) BackendAdmin() string { return "http://" + s.backendAdmin }

// AccessLogFile is Envoy's access log.
func (s *Stack) AccessLogFile() string { return filepath.Join(s.options.Dir, "access.log") }

// MakeKeys runs kubemcp keys new.
func (s *Stack) MakeKeys(ctx context.Context, private, public string) error {
	out, err := exec.CommandContext(ctx, s.options.Binaries.KubeMCP, "keys", "new",
		"--signing-key", private, "--keys", public).CombinedOutput()
	if err != nil {
		return fmt.Errorf("kubemcp keys new: %w: %s", err, out)
	}
	return nil
}

// StartBackend starts the backend on its port.
func (s *Stack) StartBackend(ctx context.Context) error {
	args := []string{
		"--listen", s.backend, "--admin", s.backendAdmin, "--policy", s.PolicyFile(), "--keys", s.KeysFile(),
		"--log-level", s.options.LogLevel,
	}
	if s.options.DNS != "" {
		args = append(args, "--dns-server", s.options.DNS)
	}
	if s.options.Toolsets != "" {
		args = append(args, "--toolsets", s.options.Toolsets)
	}
	p, err := s.component("mcpbackend", s.options.Env, s.options.Binaries.MCPBackend, append(args, s.options.BackendTLS.flags()...)...)
	if err != nil {
		return err
	}
	s.MCPBackend = p
	return s.await(ctx, p, s.BackendURL, func(ctx context.Context) error {
		if s.options.BackendTLS != nil {
			return dial(ctx, s.backend) // only a guest may ask for more
		}
		_, err := get(ctx, "http://"+s.backend+"/healthz")
		return err
	})
}

// component starts a process and remembers it.
func (s *Stack) component(name string, env []string, path string, args ...string) (*Process, error) {
	p, err := spawn(s.options.Dir, name, env, path, args...)
	if err != nil {
		return nil, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.started = append(s.started, p)
	return p, nil
}

// await waits for a component and reports it.
func (s *Stack) await(ctx context.Context, p *Process, detail string, ready func(context.Context) error) error {
	ctx, cancel := context.WithTimeout(ctx, startTimeout)
	defer cancel()
	if err := p.ready(ctx, ready); err != nil {
		return err
	}
	if detail == "" {
		detail = s.URL
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.options.Progress(p.Name, detail)
	return nil
}

// Processes are all that were ever started, those that ended included.
func (s *Stack) Processes() []*Process {
	s.mu.Lock()
	defer s.mu.Unlock()
	return append([]*Process(nil), s.started...)
}

// Stop ends all processes, Envoy first, so that no request is half-way.
func (s *Stack) Stop() {
	started := s.Processes()
	for _, p := range slices.Backward(started) {
		if p.Name == envoyName {
			p.Stop()
		}
	}
	var others sync.WaitGroup
	for _, p := range started {
		others.Go(p.Stop)
	}
	others.Wait()
}

// get asks for a URL and wants status 200.
func get(ctx context.Context, address string) ([]byte, error) {
	ctx, cancel := context.WithTimeout(ctx, 2*time.Second)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, address, nil)
	if err != nil {
		return nil, err
	}
	res, err := new(http.Client).Do(req)
	if err != nil {
		return nil, err
	}
	defer func() { _ = res.Body.Close() }()
	if res.StatusCode != http.StatusOK {
		return nil, fmt.Errorf("%s answers %s", address, res.Status)
	}
	return io.ReadAll(res.Body)
}
