package e2e

import (
	"net"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"kubernetes-mcp-edge/e2e/harness"
)

// TestPythonUnreachable: an endpoint that is away, silent or none, and one whose
// guard is away, which Envoy answers for without an id.
func TestPythonUnreachable(t *testing.T) {
	t.Parallel()
	var listen net.ListenConfig
	closed, err := listen.Listen(t.Context(), "tcp", "127.0.0.1:0")
	require.NoError(t, err)
	require.NoError(t, closed.Close())
	silent, err := listen.Listen(t.Context(), "tcp", "127.0.0.1:0") // the kernel accepts, nobody reads
	require.NoError(t, err)
	t.Cleanup(func() { _ = silent.Close() })
	site, api := serve(t, "text/html", "<html></html>"), serve(t, "application/json", `{"kind":"Status"}`)
	unguarded := shared.StartStack(t, harness.Options{Guard: "unix:" + filepath.Join(shared.ShortDir(t), "none.sock")})
	env := pythonEnv(shared.Cluster.Token("alice"))
	for _, sdk := range pythonSDKs(t) {
		t.Run(sdk.file, func(t *testing.T) {
			t.Parallel()
			for _, c := range []struct {
				name, url, timeout, says string
				status                   int
			}{
				{"closed port", "http://" + closed.Addr().String() + "/mcp", "30", "Cannot connect to ", pythonUnreachable},
				{"silent", "http://" + silent.Addr().String() + "/mcp", "1", "did not answer in time", pythonUnreachable},
				{"wrong path", strings.TrimSuffix(shared.Stack.URL, "/mcp") + "/other", "30", "no MCP endpoint: it answered with HTTP status 404", pythonUnreachable},
				{"a web site", site, "3", "no MCP endpoint: it answered with HTTP status 200", pythonUnreachable},
				{"another API", api, "3", "no MCP endpoint: it answered with HTTP status 200", pythonUnreachable},
				{"no guard", unguarded.URL, "30", "\n  reason:   guard-unavailable\n", pythonRejected},
			} {
				t.Run(c.name, func(t *testing.T) {
					got := sdk.run(t, env, "--url", c.url, "--timeout", c.timeout)
					require.Equal(t, c.status, got.status, got.stderr)
					require.Empty(t, got.stdout)
					require.Contains(t, got.stderr, c.says)
				})
			}
		})
	}
}

// serve starts a server that knows nothing of MCP and returns its URL.
func serve(t *testing.T, contentType, body string) string {
	t.Helper()
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", contentType)
		_, _ = w.Write([]byte(body))
	}))
	t.Cleanup(server.Close)
	return server.URL
}
