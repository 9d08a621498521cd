package main

import (
	"context"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"kubernetes-mcp-edge/extproc/proof"
	"kubernetes-mcp-edge/extproc/trial"
)

// TestLogThatNobodyTakes: a standard error that takes nothing holds up no answer
// and no end.
func TestLogThatNobodyTakes(t *testing.T) {
	for name, stderr := range trial.UselessFiles() {
		t.Run(name, func(t *testing.T) {
			dir, to := t.TempDir(), stderr(t)
			ctx, stop := context.WithCancel(t.Context())
			defer stop()
			ended := make(chan int, 1)
			arguments := backendFlags(t, dir)
			go func() { ended <- run(ctx, arguments, os.Getenv, io.Discard, to) }()

			client := overSocket(filepath.Join(dir, "backend.sock"))
			const requests = 1000 // each is a line: more than a kernel's pipe holds
			for range requests {
				require.Contains(t, ask(t, client), "proof-missing")
			}
			stop()
			patience := time.NewTimer(20 * time.Second)
			defer patience.Stop()
			select {
			case status := <-ended:
				require.Equal(t, exitOK, status)
			case <-patience.C:
				require.Fail(t, "the backend does not end")
			}
		})
	}
}

// backendFlags are those of a backend with its files and socket in dir.
func backendFlags(t *testing.T, dir string) []string {
	t.Helper()
	key, err := proof.GenerateSigningKey(time.Time{})
	require.NoError(t, err)
	keys, err := proof.EncodeKeySet(key.Public())
	require.NoError(t, err)
	require.NoError(t, os.WriteFile(filepath.Join(dir, "keys.json"), keys, 0o600))
	require.NoError(t, os.WriteFile(filepath.Join(dir, "policy.yaml"), []byte("apiVersion: kubernetes-mcp-edge/v1\nkind: Policy\n"+
		"hosts: {suffixes: [.example.com]}\nlimits: {backend: {drain: 100ms}}\n"), 0o600))
	return []string{
		"--policy=" + filepath.Join(dir, "policy.yaml"), "--keys=" + filepath.Join(dir, "keys.json"), "--log-level=debug",
		"--listen=unix:" + filepath.Join(dir, "backend.sock"), "--admin=off",
	}
}

// overSocket is a client that waits for the socket to be there.
func overSocket(path string) *http.Client {
	return &http.Client{Timeout: 10 * time.Second, Transport: &http.Transport{
		DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
			ticker := time.NewTicker(10 * time.Millisecond)
			defer ticker.Stop()
			for {
				c, err := new(net.Dialer).DialContext(ctx, "unix", path)
				if err == nil || ctx.Err() != nil {
					return c, err
				}
				<-ticker.C
			}
		},
	}}
}

// ask sends a request that nobody signed and returns the answer.
func ask(t *testing.T, client *http.Client) string {
	t.Helper()
	request, err := http.NewRequestWithContext(t.Context(), http.MethodPost, "http://localhost/mcp", strings.NewReader(`{"jsonrpc":"2.0","id":1,"method":"ping"}`))
	require.NoError(t, err)
	request.Header.Set("Content-Type", "application/json")
	response, err := client.Do(request)
	require.NoError(t, err)
	defer func() { _ = response.Body.Close() }()
	text, err := io.ReadAll(response.Body)
	require.NoError(t, err)
	return string(text)
}
