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
	t.Parallel()
	for _, signal := range []syscall.Signal{syscall.SIGHUP, syscall.SIGQUIT, syscall.SIGTERM} {
		r := runStack(t, onKubeconfig("alice"), "--port", "0")
		r.up(t)
		r.endsInOrder(t, signal)
	}
}

// endsInOrder sends a signal.
func (r *stackRun) endsInOrder(t *testing.T, signal syscall.Signal) {
	t.Helper()
	below := descendants(t, r.cmd.Process.Pid)
	require.GreaterOrEqual(t, len(below), 3, "guard, backend, Envoy")
	require.NoError(t, r.cmd.Process.Signal(signal))
	require.Equal(t, 0, r.wait(t), r.out.String())
	gone(t, below)
	r.leftNothing(t)
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

// TestStackKilledLeavesNoOrphan: not even SIGKILL leaves a process behind, and what
// files it left, the next one removes.
func TestStackKilledLeavesNoOrphan(t *testing.T) {
	t.Parallel()
	killed := runStack(t, nil, "--port", "0")
	killed.up(t)
	below := descendants(t, killed.cmd.Process.Pid)
	require.GreaterOrEqual(t, len(below), 12)
	require.NoError(t, killed.cmd.Process.Kill())
	killed.wait(t)
	gone(t, below)
	require.FileExists(t, killed.state())

	next := runStackIn(t, killed.dir, killed.temp, []string{"CLUSTER_BIN=/bin/false"}, "--port", "0")
	require.Equal(t, 1, next.wait(t), "it cannot start, and cleans up all the same")
	next.leftNothing(t)
}

// TestStackIsAloneInItsDirectory: a second one would take the first one's
// stack.json away.
func TestStackIsAloneInItsDirectory(t *testing.T) {
	t.Parallel()
	first := runStack(t, onKubeconfig("alice"), "--port", "0")
	first.up(t)
	second := runStackIn(t, first.dir, shared.ShortDir(t), nil, "--port", "0")
	require.Equal(t, 1, second.wait(t))
	require.Contains(t, second.out.String(), "another stack is up in "+first.dir)
	require.FileExists(t, first.state())
}

// TestDemoThatIsInterruptedFails: a time-out must not read as a success.
func TestDemoThatIsInterruptedFails(t *testing.T) {
	t.Parallel()
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
	t.Parallel()
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
