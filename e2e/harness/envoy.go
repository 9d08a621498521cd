package harness

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"

	"kubernetes-mcp-edge/envoy"
)

// envoyName is what Envoy's process is called.
const envoyName = "envoy"

// startEnvoy renders the configuration for this version and starts Envoy with it.
// Envoy chooses the admin port, and the other one too unless one was named, and
// tells.
func (s *Stack) startEnvoy(ctx context.Context, version string) error {
	c := envoy.Default()
	c.ListenPort, c.AdminPort = uint16(s.options.Port), 0 //nolint:gosec // a port
	c.Guard, c.Backend, c.AccessLog = s.guards[0].seen, s.backend, s.AccessLogFile()
	for _, g := range s.guards[1:] {
		c.Guards = append(c.Guards, g.seen)
	}
	c.GuardTLS, c.BackendTLS = s.options.GuardTLS.client(), s.options.BackendTLS.client()
	c.Version = version
	if s.options.Envoy != nil {
		s.options.Envoy(&c)
	}
	text, err := envoy.Render(c)
	if err == nil && s.options.EditEnvoy != nil {
		text, err = s.options.EditEnvoy(text)
	}
	if err != nil {
		return err
	}
	file, admin := filepath.Join(s.options.Dir, "envoy.yaml"), filepath.Join(s.options.Dir, "admin.txt")
	if err := os.WriteFile(file, text, 0o600); err != nil {
		return err
	}
	_ = os.Remove(admin) // of an earlier Envoy
	p, err := s.component(envoyName, nil, s.options.Binaries.Envoy, "-c", file, "--admin-address-path", admin,
		"--use-dynamic-base-id", "--concurrency", "2", "--log-level", "info",
		"--file-flush-interval-msec", "100") // of the access log; 10 s otherwise
	if err != nil {
		return err
	}
	s.Envoy = p
	if err := s.await(ctx, p, "", func(ctx context.Context) error { return s.findEnvoy(ctx, admin) }); err != nil {
		return err
	}
	if want := s.options.Binaries.EnvoyVersion; want != "" && s.EnvoyVersion != want {
		return fmt.Errorf("%s is Envoy %s, not %s", s.options.Binaries.Envoy, s.EnvoyVersion, want)
	}
	return nil
}

// findEnvoy learns Envoy's addresses and looks whether it serves.
func (s *Stack) findEnvoy(ctx context.Context, adminFile string) error {
	address, err := os.ReadFile(adminFile)
	if err != nil || len(address) == 0 {
		return errors.Join(err, errors.New("no admin address yet"))
	}
	s.EnvoyAdmin = "http://" + string(address)
	text, err := get(ctx, s.EnvoyAdmin+"/listeners")
	if err != nil {
		return err
	}
	// One line per listener: its name, "::", and its address.
	_, listener, ok := strings.Cut(strings.TrimSpace(string(text)), "::")
	if !ok || strings.HasSuffix(listener, ":0") {
		return errors.New("no listener yet")
	}
	if s.EnvoyVersion, err = envoyVersion(ctx, s.EnvoyAdmin); err != nil {
		return err
	}
	s.URL = "http://" + listener + "/mcp"
	_, err = get(ctx, "http://"+listener+"/healthz")
	return err
}

// envoyVersion asks Envoy who it is.
func envoyVersion(ctx context.Context, admin string) (string, error) {
	text, err := get(ctx, admin+"/server_info")
	if err != nil {
		return "", err
	}
	var info struct {
		Version string `json:"version"`
	}
	if err := json.Unmarshal(text, &info); err != nil {
		return "", err
	}
	return shortVersion(info.Version)
}

// EnvoyVersion asks a binary for its version, such as 1.40.0.
func EnvoyVersion(ctx context.Context, path string) (string, error) {
	out, err := exec.CommandContext(ctx, path, "--version").Output()
	if err != nil {
		return "", fmt.Errorf("%s --version: %w", path, err)
	}
	_, long, _ := strings.Cut(string(out), "version: ")
	return shortVersion(long)
}

// shortVersion is the second part of HASH/VERSION/STATUS/TYPE/SSL.
func shortVersion(long string) (string, error) {
	parts := strings.Split(long, "/")
	if len(parts) != 5 {
		return "", fmt.Errorf("what Envoy calls its version is %q", long)
	}
	return parts[1], nil
}
