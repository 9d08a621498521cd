package envoy_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"testing"

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
