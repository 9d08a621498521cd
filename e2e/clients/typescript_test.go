package clients

import (
	"net"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/require"

	"kubernetes-mcp-edge/e2e/harness"
	"kubernetes-mcp-edge/extproc/kubeheader"
)

// typescripts are both lines of the TypeScript SDK. The Python examples have
// tests of their own in package e2e.
func typescripts(t *testing.T) []sdk { t.Helper(); return sdks(t)[2:] }

// TestTypeScriptTypes: the compiler finds no mistake in the examples.
func TestTypeScriptTypes(t *testing.T) {
	got := run(t, nil, nil, node(t), installed(t, "node", "typescript", "node_modules", "typescript", "bin", "tsc"),
		"--project", filepath.Join(harness.Root(), "examples", "typescript"))
	require.Equal(t, outcome{}, got)
}

// TestTypeScriptKubeconfig: bob with the client certificate in his kubeconfig.
func TestTypeScriptKubeconfig(t *testing.T) {
	for _, s := range typescripts(t) {
		got := s.run(t, nil, nil, "--kubeconfig", world.Cluster.Users["bob"].Kubeconfig, "--context", "certificate", "--namespace", "team-b")
		require.Zero(t, got.status, got)
		require.Empty(t, got.stderr)
		require.Contains(t, got.stdout, "User: bob\n")
		require.Contains(t, got.stdout, "4 Pod (v1) in namespace team-b\n")
		got.requireNoSecret(t, world.Cluster.Certificate("bob"))
	}
}

// TestTypeScriptSendsNothingUnusable: what cannot be sent is said without
// quoting it.
func TestTypeScriptSendsNothingUnusable(t *testing.T) {
	good := world.Cluster.Token("alice")
	token := good.Get(kubeheader.Authorization)
	for _, s := range typescripts(t) {
		for _, c := range []struct {
			name, says string
			send       harness.Headers
			args       []string
		}{
			{"nothing is set", "no KUBERNETES_* variable is set", nil, nil},
			{"line break", "KUBERNETES_AUTHORIZATION holds a line break", good.With(kubeheader.Authorization, token+"\nnext"), nil},
			{"outside ASCII", "KUBERNETES_AUTHORIZATION holds a line break or a character outside", good.With(kubeheader.Authorization, token+"\u00f6"), nil},
			{"no kubeconfig", "its own message is above", nil, []string{"--kubeconfig", filepath.Join(t.TempDir(), "none")}},
			{"unknown option", "the arguments are wrong", good, []string{"--token", "abc"}},
			{"no JSON", "the arguments of --call whoami are no JSON object", good, []string{"--call", "whoami={"}},
			{"no time", "--timeout takes seconds", good, []string{"--timeout", "soon"}},
			{"password in the URL", "is not a URL such as", good, []string{"--url", "http://me:" + strings.TrimPrefix(token, "Bearer ") + "@127.0.0.1/mcp"}},
		} {
			got := s.run(t, c.send, nil, c.args...)
			require.Equal(t, exampleNothingSent, got.status, "%s: %v", c.name, got)
			require.Empty(t, got.stdout)
			require.Contains(t, got.stderr, "Nothing was sent: ")
			require.Contains(t, got.stderr, c.says)
		}
	}
}

// TestTypeScriptUnreachable: an endpoint that is away, silent, none, or leads
// elsewhere, and one whose guard is away, which Envoy answers for without an id.
func TestTypeScriptUnreachable(t *testing.T) {
	var listen net.ListenConfig
	closed, err := listen.Listen(t.Context(), "tcp", "127.0.0.1:0")
	require.NoError(t, err)
	require.NoError(t, closed.Close())
	silent, err := listen.Listen(t.Context(), "tcp", "127.0.0.1:0") // the kernel accepts, nobody reads
	require.NoError(t, err)
	defer func() { _ = silent.Close() }()
	site := serve(t, func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/html")
		_, _ = w.Write([]byte("<html></html>"))
	})
	var strangers atomic.Int64
	stranger := serve(t, func(http.ResponseWriter, *http.Request) { strangers.Add(1) })
	redirect := serve(t, func(w http.ResponseWriter, r *http.Request) {
		http.Redirect(w, r, stranger, http.StatusTemporaryRedirect)
	})
	unguarded := world.StartStack(t, harness.Options{Guard: "unix:" + filepath.Join(world.ShortDir(t), "none.sock")})
	for _, s := range typescripts(t) {
		for _, c := range []struct {
			name, url, timeout, says string
			status                   int
		}{
			{"closed port", "http://" + closed.Addr().String() + "/mcp", "30", "Cannot connect to http://" + closed.Addr().String() + "/mcp (ECONNREFUSED).", exampleUnreachable},
			{"silent", "http://" + silent.Addr().String() + "/mcp", "1", "did not answer in time", exampleUnreachable},
			{"wrong path", strings.TrimSuffix(world.Stack.URL, "/mcp") + "/other", "30", "no MCP endpoint: it answered with HTTP status 404", exampleUnreachable},
			{"a web site", site, "3", "no MCP endpoint: it answered with HTTP status 200", exampleUnreachable},
			{"a redirect", redirect, "30", "(the answer is a redirect)", exampleUnreachable},
			{"no guard", unguarded.URL, "30", "\n  reason:   guard-unavailable\n", exampleRejected},
		} {
			got := s.run(t, world.Cluster.Token("alice"), nil, "--url", c.url, "--timeout", c.timeout)
			require.Equal(t, c.status, got.status, "%s, %s: %v", s.name, c.name, got)
			require.Empty(t, got.stdout)
			require.Contains(t, got.stderr, c.says, s.name)
		}
	}
	require.Zero(t, strangers.Load(), "the headers followed a redirect to another host")
}

// serve starts a server that knows nothing of MCP and returns its URL.
func serve(t *testing.T, answer http.HandlerFunc) string {
	t.Helper()
	server := httptest.NewServer(answer)
	t.Cleanup(server.Close)
	return server.URL
}
