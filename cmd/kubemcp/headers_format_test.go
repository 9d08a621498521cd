package main

import (
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestQuoteIsReadBackByAShell(t *testing.T) {
	shell, err := exec.LookPath("sh")
	require.NoError(t, err)
	for _, word := range []string{
		"", "plain", "two words", `it's`, `''`, `a'b"c`, `$HOME ${HOME} $(id) ` + "`id`", `back\slash`, "line\nbreak", "!history", "-n", "*", "~", "#", ";&|<>()",
	} {
		out, err := exec.CommandContext(t.Context(), shell, "-c", "printf '[%s]' "+quote(word)).Output()
		require.NoError(t, err, word)
		require.Equal(t, "["+word+"]", string(out))
	}
}

func TestHeadersStopsWhenInterrupted(t *testing.T) {
	dir := t.TempDir()
	require.NoError(t, makePKI(dir))
	file := filepath.Join(dir, "config")
	require.NoError(t, writeKubeconfig(file, dir))

	var stdout, stderr strings.Builder
	require.Equal(t, exitOK, run(t.Context(), []string{"headers", "--kubeconfig", file}, noEnvironment, &stdout, &stderr), stderr.String())
	require.NotEmpty(t, stdout.String())

	stdout.Reset()
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	require.Equal(t, exitFail, run(ctx, []string{"headers", "--kubeconfig", file}, noEnvironment, &stdout, &stderr))
	require.Empty(t, stdout.String())
	require.Contains(t, stderr.String(), "interrupted")
}

func noEnvironment(string) string { return "" }

func writeKubeconfig(file, pki string) error {
	return os.WriteFile(file, []byte(`
apiVersion: v1
kind: Config
current-context: alice
contexts: [{name: alice, context: {cluster: test, user: alice}}]
clusters: [{name: test, cluster: {server: "https://api.example.com", certificate-authority: `+pki+`/ca.crt}}]
users: [{name: alice, user: {token: canary-token}}]
`), 0o600)
}
