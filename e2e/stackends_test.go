package e2e

import (
	"context"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"kubernetes-mcp-edge/e2e/harness"
)

// TestStackEndsInOrderOnEverySignal: a closed terminal is an end like any
// other; credentials do not stay behind.
func TestStackEndsInOrderOnEverySignal(t *testing.T) {
	signals := []syscall.Signal{syscall.SIGHUP, syscall.SIGQUIT, syscall.SIGTERM}
	runs := make([]*stackRun, len(signals))
	for i := range runs {
		runs[i] = runStack(t, nil, "--port", "0", "--second-cluster=false")
	}
	for i, signal := range signals {
		r := runs[i]
		r.up(t)
		below := descendants(t, r.cmd.Process.Pid)
		require.NoError(t, r.cmd.Process.Signal(signal))
		require.Equal(t, 0, r.wait(t), r.out.String())
		gone(t, below)
		r.leftNothing(t)
	}
}

// leftNothing looks at both directories.
func (r *stackRun) leftNothing(t *testing.T) {
	t.Helper()
	left, err := os.ReadDir(r.temp)
	require.NoError(t, err)
	require.Empty(t, left)
	require.NoFileExists(t, r.state())
	require.NoFileExists(t, filepath.Join(r.dir, "demo.py"))
}

// TestStackCleansUpAfterOneThatWasKilled: what SIGKILL left, the next removes.
func TestStackCleansUpAfterOneThatWasKilled(t *testing.T) {
	killed := runStack(t, nil, "--port", "0", "--second-cluster=false")
	killed.up(t)
	require.NoError(t, killed.cmd.Process.Kill())
	killed.wait(t)
	require.FileExists(t, killed.state())

	next := runStackIn(t, killed.dir, killed.temp, []string{"CLUSTER_BIN=/bin/false"}, "--port", "0")
	require.Equal(t, 1, next.wait(t), "it cannot start, and cleans up all the same")
	next.leftNothing(t)
}

// TestStackIsAloneInItsDirectory: a second one would take the first one's
// stack.json away.
func TestStackIsAloneInItsDirectory(t *testing.T) {
	first := runStack(t, nil, "--port", "0", "--second-cluster=false")
	first.up(t)
	second := runStackIn(t, first.dir, shared.ShortDir(t), nil, "--port", "0")
	require.Equal(t, 1, second.wait(t))
	require.Contains(t, second.out.String(), "another stack is up in "+first.dir)
	require.FileExists(t, first.state())
}

// TestDemoThatIsInterruptedFails: a time-out must not read as a success.
func TestDemoThatIsInterruptedFails(t *testing.T) {
	r := runStack(t, nil, "--once", "--port", "0", "--second-cluster=false")
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	require.NoError(t, harness.Until(ctx, func(context.Context) error {
		_, err := os.Stat(filepath.Join(r.dir, "lock"))
		return err
	}))
	require.NoError(t, r.cmd.Process.Signal(syscall.SIGTERM))
	require.Equal(t, 130, r.wait(t), r.out.String())
	require.Contains(t, r.out.String(), "interrupted before everything was shown")
	r.leftNothing(t)
}

// TestStackOnAnInsecureKubeconfig: the policy allows what the context needs.
func TestStackOnAnInsecureKubeconfig(t *testing.T) {
	text, err := os.ReadFile(shared.Cluster.Users["alice"].Kubeconfig)
	require.NoError(t, err)
	var lines []string
	for line := range strings.Lines(string(text)) {
		if before, _, found := strings.Cut(line, "certificate-authority-data"); found {
			line = before + "insecure-skip-tls-verify: true\n"
		}
		lines = append(lines, line)
	}
	path := filepath.Join(t.TempDir(), "kubeconfig")
	require.NoError(t, os.WriteFile(path, []byte(strings.Join(lines, "")), 0o600))
	r := runStack(t, []string{"CLUSTER=kubeconfig", "KUBECONFIG=" + path}, "--once", "--port", "0")
	require.Equal(t, 0, r.wait(t), r.out.String())
	require.Contains(t, r.out.String(), "User: alice")
}
