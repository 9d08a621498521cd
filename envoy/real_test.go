package envoy_test

import (
	"context"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// binaryPath is the Envoy to try configurations on: $ENVOY, or the newest that
// is installed.
func binaryPath(t *testing.T) string {
	t.Helper()
	if binary := os.Getenv("ENVOY"); binary != "" {
		return binary
	}
	installed, err := filepath.Glob(filepath.Join("..", ".cache", "envoy-*", "bin", "envoy"))
	require.NoError(t, err)
	require.NotEmpty(t, installed, "no Envoy to validate with: run make envoy, or name a binary in $ENVOY")
	slices.Sort(installed) // minor versions have two digits
	return installed[len(installed)-1]
}

// binaryVersion is the version of that Envoy, such as 1.40.0.
func binaryVersion(t *testing.T) string {
	t.Helper()
	out, err := exec.CommandContext(t.Context(), binaryPath(t), "--version").Output()
	require.NoError(t, err)
	found := regexp.MustCompile(`/(1\.\d+\.\d+)`).FindSubmatch(out)
	require.NotNil(t, found, "no version in %q", out)
	return string(found[1])
}

// accepts asks the real Envoy, which alone knows whether its regular expressions
// compile, its extensions exist and its files can be read.
func accepts(t *testing.T, config string) {
	t.Helper()
	file := filepath.Join(t.TempDir(), "bootstrap.yaml")
	require.NoError(t, os.WriteFile(file, []byte(config), 0o600))
	out, err := exec.CommandContext(t.Context(), binaryPath(t), "--mode", "validate", "-c", file).CombinedOutput()
	require.NoError(t, err, "%s", out[max(0, len(out)-600):])
	require.Contains(t, string(out), "OK")
	require.NotContains(t, string(out), "deprecated", "a deprecated field goes away with some later Envoy")
}

// shows runs Envoy until the test ends, and returns what its admin interface
// answers to a path once done says that it is what it should be.
func shows(t *testing.T, bootstrap, path string, done func(answer string) bool) string {
	t.Helper()
	dir := t.TempDir()
	file, address := filepath.Join(dir, "bootstrap.yaml"), filepath.Join(dir, "admin")
	require.NoError(t, os.WriteFile(file, []byte(bootstrap), 0o600))
	ctx, stop := context.WithCancel(t.Context())
	var log strings.Builder
	cmd := exec.CommandContext(ctx, binaryPath(t), "-c", file, "--admin-address-path", address, "--concurrency", "1", "--disable-hot-restart", "--log-level", "warning")
	cmd.Stderr = &log
	cmd.Cancel = func() error { return cmd.Process.Signal(os.Interrupt) }
	cmd.WaitDelay = 10 * time.Second
	require.NoError(t, cmd.Start())
	exited := make(chan struct{})
	go func() { defer close(exited); _ = cmd.Wait() }()
	t.Cleanup(func() { stop(); <-exited })

	var answer string
	ended := false
	require.Eventually(t, func() bool {
		select {
		case <-exited:
			ended = true
			return true
		default:
		}
		host, err := os.ReadFile(address)
		if err != nil {
			return false
		}
		request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "http://"+string(host)+path, nil)
		if err != nil {
			return false
		}
		response, err := http.DefaultTransport.RoundTrip(request)
		if err != nil {
			return false
		}
		defer response.Body.Close()
		body, err := io.ReadAll(response.Body)
		answer = string(body)
		return err == nil && done(answer)
	}, 20*time.Second, 20*time.Millisecond, "Envoy does not show what it was told")
	require.False(t, ended, "Envoy ended: %s", &log)
	return answer
}
