package rig

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"kubernetes-mcp-edge/e2e/harness"
)

// Ledger counts from two sides what was acted on since it was opened: the tools
// that the backend called, and the questions about identity that reached the API
// server. What callers were told they got has to agree with both, or something
// was acted on that nobody had checked.
type Ledger struct {
	edge           *Edge
	tools, reviews int
}

// Ledger opens one. Nobody else may call tools through the edge's stack, nor
// whoami on the cluster, until Acted.
func (e *Edge) Ledger(tb testing.TB) *Ledger {
	tb.Helper()
	return &Ledger{edge: e, tools: toolCalls(tb, e.Stack), reviews: e.world.IdentityReviews(tb.Context(), tb)}
}

// Acted sees that exactly n calls of whoami were acted on. It makes one more
// good call itself, which shows that both sides count, and that all before has
// been counted.
func (l *Ledger) Acted(tb testing.TB, n int) {
	tb.Helper()
	e, w := l.edge, l.edge.world
	require.Equal(tb, "alice", Whoami(tb, NewClient(tb, false), e.Stack.BackendURL, e.Now(tb, w.Cluster.Token("alice"))))
	n++
	require.Equal(tb, l.tools+n, toolCalls(tb, e.Stack), "the backend called tools for requests that were refused, or not for one that was answered")
	require.NoError(tb, harness.Until(Soon(tb), func(ctx context.Context) error { // counted after the answer is sent
		if w.IdentityReviews(ctx, tb) < l.reviews+n {
			return errors.New("the API server has not counted the last call yet")
		}
		return nil
	}))
	require.Equal(tb, l.reviews+n, w.IdentityReviews(tb.Context(), tb), "the API server was asked who somebody is")
}

// toolCalls is ToolCalls with AwaitLog.
func toolCalls(tb testing.TB, s *harness.Stack) int {
	tb.Helper()
	AwaitLog(tb, s)
	return ToolCalls(s)
}

// AwaitLog waits until the backend's audit log holds every call that has ended:
// nobody waits for the log, but a call is in the metrics before it is answered. The
// backend must not have been started twice.
func AwaitLog(tb testing.TB, s *harness.Stack) {
	tb.Helper()
	ended := 0
	for line := range strings.Lines(Fetch(tb.Context(), tb, new(http.Client), s.BackendAdmin()+"/metrics")) {
		if !strings.HasPrefix(line, "kube_backend_calls_total{") {
			continue
		}
		n, err := strconv.Atoi(strings.TrimSpace(line[strings.LastIndexByte(line, ' '):]))
		require.NoError(tb, err)
		ended += n
	}
	Eventually(tb, func() error {
		if logged := ToolCalls(s) + strings.Count(string(s.MCPBackend.Output()), `"msg":"prompt call"`); logged < ended {
			return fmt.Errorf("%d of %d calls are in the log", logged, ended)
		}
		return nil
	})
}

// ToolCalls counts the tool calls in the backend's audit log.
func ToolCalls(s *harness.Stack) int {
	return strings.Count(string(s.MCPBackend.Output()), `"msg":"tool call"`)
}

// IdentityReviews is how often the API server has answered what whoami asks.
func (w *World) IdentityReviews(ctx context.Context, tb testing.TB) int {
	tb.Helper()
	admin := w.Cluster.Users["admin"]
	pair, err := tls.X509KeyPair([]byte(admin.Certificate), []byte(admin.Key))
	require.NoError(tb, err)
	roots := x509.NewCertPool()
	require.True(tb, roots.AppendCertsFromPEM([]byte(w.Cluster.CA)))
	transport := &http.Transport{TLSClientConfig: &tls.Config{RootCAs: roots, Certificates: []tls.Certificate{pair}, MinVersion: tls.VersionTLS12}}
	defer transport.CloseIdleConnections()
	text := Fetch(ctx, tb, &http.Client{Transport: transport}, w.Cluster.Server+"/metrics")
	total := 0
	for line := range strings.Lines(text) {
		if !strings.HasPrefix(line, "apiserver_request_total{") || !strings.Contains(line, `resource="selfsubjectreviews"`) {
			continue
		}
		n, err := strconv.Atoi(strings.TrimSpace(line[strings.LastIndexByte(line, ' '):]))
		require.NoError(tb, err)
		total += n
	}
	return total
}

// Upstream is how many requests Envoy has sent to the backend; its health
// checks do not count.
func Upstream(tb testing.TB, s *harness.Stack) int {
	tb.Helper()
	return EnvoyStat(tb, s, "cluster.backend.upstream_rq_total")
}

// EnvoyStat is one counter or gauge of Envoy's, by its full name.
func EnvoyStat(tb testing.TB, s *harness.Stack, name string) int {
	tb.Helper()
	text := Fetch(tb.Context(), tb, new(http.Client), s.EnvoyAdmin+"/stats?filter=^"+name+"$")
	_, value, found := strings.Cut(text, name+": ")
	require.True(tb, found, "Envoy does not count %s", name)
	n, err := strconv.Atoi(strings.TrimSpace(value))
	require.NoError(tb, err)
	return n
}

// Fetch is GET for pages of Envoy, of the admin listeners and of the API server;
// any status but 200 ends the test.
func Fetch(ctx context.Context, tb testing.TB, client *http.Client, url string) string {
	tb.Helper()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	require.NoError(tb, err)
	res, err := client.Do(req)
	require.NoError(tb, err)
	defer func() { _ = res.Body.Close() }()
	require.Equal(tb, http.StatusOK, res.StatusCode)
	text, err := io.ReadAll(res.Body)
	require.NoError(tb, err)
	return string(text)
}
