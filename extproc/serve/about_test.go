package serve

import (
	"context"
	"encoding/json"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	healthv1 "google.golang.org/grpc/health/grpc_health_v1"

	"kubernetes-mcp-edge/extproc/admin"
	"kubernetes-mcp-edge/extproc/observe"
)

// look asks an admin listener on a Unix socket, on a connection of its own.
func look(tb testing.TB, socket, page string) (int, string) {
	tb.Helper()
	transport := &http.Transport{
		DisableKeepAlives: true,
		DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
			return new(net.Dialer).DialContext(ctx, "unix", socket)
		},
	}
	request, err := http.NewRequestWithContext(tb.Context(), http.MethodGet, "http://localhost"+page, nil)
	require.NoError(tb, err)
	response, err := (&http.Client{Transport: transport}).Do(request)
	require.NoError(tb, err)
	defer func() { require.NoError(tb, response.Body.Close()) }()
	body, err := io.ReadAll(response.Body)
	require.NoError(tb, err)
	return response.StatusCode, string(body)
}

// administered is a guard that serves, with its admin listener.
func administered(t *testing.T, change ...func(*guard)) (*running, string) {
	t.Helper()
	socket := filepath.Join(t.TempDir(), "admin.sock")
	var server *admin.Server
	r := start(t, append(change, func(g *guard) {
		g.options.Admin = "unix:" + socket
		var err error
		server, err = g.administer(t.Context())
		require.NoError(t, err)
	})...)
	t.Cleanup(server.Close)
	return r, socket
}

func TestAdminListenerShowsTheGuard(t *testing.T) {
	r, socket := administered(t)
	require.Equal(t, "allow", r.verdict(authority(t)))
	_, answer := r.ask(post()...)
	require.Equal(t, "reject", verdictOf(answer))
	key := r.guard.keys.Active(time.Now()).ID()

	status, numbers := look(t, socket, "/metrics")
	require.Equal(t, http.StatusOK, status)
	for _, want := range []string{
		`kube_guard_decisions_total{reason="none",verdict="allow"} 1`,
		`kube_guard_decisions_total{reason="server-missing",verdict="reject"} 1`,
		`kube_guard_cache_misses_total 2`, `kube_guard_cache_entries 1`, `kube_guard_streams_total 2`,
		`kube_guard_policy_info{digest="` + r.guard.policy.Current().Digest + `"} 1`,
		`kube_guard_signing_key_active{key_id="` + key + `"} 1`, `kube_guard_ready 1`, `kube_guard_insecure_listen 0`,
		`kube_guard_reloads_total{file="policy",result="failure"} 0`, `kube_guard_last_reload_successful{file="signing-key"} 1`,
	} {
		require.Contains(t, numbers, "\n"+want+"\n")
	}
	require.NotContains(t, numbers, "kube_guard_tls")

	status, text := look(t, socket, "/status.json")
	require.Equal(t, http.StatusOK, status)
	var s observe.Status
	require.NoError(t, json.Unmarshal([]byte(text), &s))
	require.Equal(t, key, s.SigningKeys.Keys[0].ID)
	require.Equal(t, "server-missing", s.Recent[0].Reason)
	require.Equal(t, "api.example.com", s.Recent[1].Host)
	require.Equal(t, decision, s.Recent[1].Decision)
	status, page := look(t, socket, "/status")
	require.Equal(t, http.StatusOK, status)
	require.Contains(t, page, "server-missing")
}

// TestReadinessFollowsTheDrain: alive to the end, ready until it is told to end.
func TestReadinessFollowsTheDrain(t *testing.T) {
	r, socket := administered(t, func(g *guard) { g.limits.Drain = time.Hour })
	status, word := look(t, socket, "/readyz")
	require.Equal(t, http.StatusOK, status, word)
	waiting, _ := r.ask(post()...) // the drain waits for it
	r.stop()
	require.Eventually(t, func() bool { status, _ := look(t, socket, "/readyz"); return status != http.StatusOK }, 10*time.Second, time.Millisecond)
	status, word = look(t, socket, "/readyz")
	require.Equal(t, http.StatusServiceUnavailable, status)
	require.Equal(t, errDraining.Error()+"\n", word)
	status, _ = look(t, socket, "/healthz")
	require.Equal(t, http.StatusOK, status)
	require.NoError(t, waiting.Send(body([]byte(`{"id":1,"method":"m"}`))))
	_, err := waiting.Recv()
	require.NoError(t, err)
	require.NoError(t, <-r.ended)
}

// TestNotReadyBeforeItServes: what is loaded and does not listen yet gets nothing.
func TestNotReadyBeforeItServes(t *testing.T) {
	g, err := load(options(t, io.Discard))
	require.NoError(t, err)
	defer g.engine.Close()
	require.ErrorIs(t, g.phase.ready(), errStarting)
	for _, service := range []string{"", "envoy.service.ext_proc.v3.ExternalProcessor"} {
		response, err := g.probes.Check(t.Context(), &healthv1.HealthCheckRequest{Service: service})
		require.NoError(t, err)
		require.Equal(t, healthv1.HealthCheckResponse_NOT_SERVING, response.GetStatus())
	}
}

func TestHostsOnTheStatusPageAreThePolicys(t *testing.T) {
	r, socket := administered(t)
	require.Equal(t, "allow", r.verdict(authority(t)))
	replace(t, r.options.PolicyFile, policyYAML+"logs: {hosts: omitted}\n")
	r.guard.files.policy.look(time.Now())
	_, text := look(t, socket, "/status.json")
	require.NotContains(t, text, "api.example.com")
}

func TestInsecureListenIsAMetric(t *testing.T) {
	o := options(t, io.Discard)
	o.InsecureListen = true
	g, err := load(o)
	require.NoError(t, err)
	defer g.engine.Close()
	require.Contains(t, metricsOf(t, g), "\nkube_guard_insecure_listen 1\n")
}

func TestLinesThatTheLogLostAreAMetric(t *testing.T) {
	o := options(t, io.Discard)
	o.LogDropped = func() uint64 { return 42 }
	g, err := load(o)
	require.NoError(t, err)
	defer g.engine.Close()
	require.Contains(t, metricsOf(t, g), "\nkube_guard_log_lines_dropped_total 42\n")
}

// metricsOf asks without a listener.
func metricsOf(tb testing.TB, g *guard) string {
	tb.Helper()
	w := httptest.NewRecorder()
	request, err := http.NewRequestWithContext(tb.Context(), http.MethodGet, "/metrics", nil)
	require.NoError(tb, err)
	g.observer.Metrics().ServeHTTP(w, request)
	return w.Body.String()
}
