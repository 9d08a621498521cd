package clients

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"kubernetes-mcp-edge/e2e/harness"
	"kubernetes-mcp-edge/extproc/kubeheader"
)

// installed is a file that make node or make python laid into .cache.
func installed(tb testing.TB, target string, path ...string) string {
	tb.Helper()
	file := filepath.Join(append([]string{harness.Root(), ".cache"}, path...)...)
	require.FileExists(tb, file, "run make %s", target)
	return file
}

func node(tb testing.TB) string {
	tb.Helper()
	return installed(tb, "node", "node", "bin", "node")
}

// tool is the file that Node runs for a package of package.json.
func tool(tb testing.TB, path ...string) string {
	tb.Helper()
	return installed(tb, "node", append([]string{"node-clients", "node_modules", "@modelcontextprotocol"}, path...)...)
}

// outcome is what a person gets to see of a run.
type outcome struct {
	stdout, stderr string
	status         int
}

// programTimeout is long enough for a loaded machine.
const programTimeout = time.Minute

// run runs a program with this environment and nothing of the test's own. A
// trace of the stack or a credential in what it prints fails the test.
func run(t *testing.T, env []string, secrets harness.Headers, program string, args ...string) outcome {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), programTimeout)
	defer cancel()
	cmd := exec.CommandContext(ctx, program, args...)
	cmd.Dir = t.TempDir()
	cmd.Env = append([]string{
		"PATH=" + filepath.Dir(world.Binaries.KubeMCP) + ":/usr/bin:/bin", "HOME=" + t.TempDir(),
		"MCP_URL=" + world.Stack.URL, "PYTHONDONTWRITEBYTECODE=1",
	}, env...)
	var stdout, stderr bytes.Buffer
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	err := cmd.Run()
	if exit := new(exec.ExitError); !errors.As(err, &exit) {
		require.NoError(t, err)
	}
	got := outcome{stdout.String(), stderr.String(), cmd.ProcessState.ExitCode()}
	require.NotContains(t, got.stdout+got.stderr, "Traceback")
	require.NotRegexp(t, `(?m)^ +at .*:\d+:\d+\)?$`, got.stdout+got.stderr)
	got.requireNoSecret(t, secrets)
	return got
}

// requireNoSecret looks for the credentials among these headers, as they are,
// decoded and encoded.
func (got outcome) requireNoSecret(t *testing.T, headers harness.Headers) {
	t.Helper()
	for _, name := range []string{kubeheader.Authorization, kubeheader.ClientKey} {
		value := strings.TrimPrefix(headers.Get(name), "Bearer ")
		parts := []string{value}
		if pem, err := base64.StdEncoding.DecodeString(value); err == nil {
			parts = append(parts, strings.Split(string(pem), "\n")...)
		}
		for _, part := range parts {
			if len(part) < len("secret") || strings.HasPrefix(part, "-----") || strings.HasPrefix(part, "${") {
				continue
			}
			for _, spelling := range []string{part, base64.StdEncoding.EncodeToString([]byte(part)), hex.EncodeToString([]byte(part))} {
				if strings.Contains(got.stdout+got.stderr, spelling) { // NotContains would print the value
					t.Errorf("the output holds what %s held", name)
				}
			}
		}
	}
}

// environment are the variables that kubemcp headers --format env exports.
func environment(headers harness.Headers) []string {
	out := make([]string, 0, len(headers))
	for _, h := range headers {
		out = append(out, strings.ToUpper(strings.ReplaceAll(h.Name, "-", "_"))+"="+h.Value)
	}
	return out
}
