package server

import (
	"context"
	"errors"
	"io"
	"net/http"
	"os"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"kubernetes-mcp-edge/extproc/policy"
)

// rewrite puts another policy where the backend looks, and lets it look.
func (w *world) rewrite(t *testing.T, text string) {
	t.Helper()
	w.rewriteAt(t, text, time.Now())
}

func (w *world) rewriteAt(t *testing.T, text string, at time.Time) {
	t.Helper()
	require.NoError(t, os.WriteFile(w.options.PolicyFile, []byte(text), 0o600))
	w.look(at)
}

func (w *world) whoami(t *testing.T, headers map[string]string) string {
	t.Helper()
	_, body := w.post(t, headers, "", message("", "tools/call", `{"name":"whoami","arguments":{}}`))
	return body
}

// TestPolicyTightens: the next call of a caller whose client is warm is refused,
// whatever the guard still signs, and his cluster hears nothing of it.
func TestPolicyTightens(t *testing.T) {
	api := newBrokenAPI(t)
	w := newWorld(t, api)
	headers := api.headers("alice-token")
	require.Contains(t, w.whoami(t, headers), "User: alice")
	require.Contains(t, w.whoami(t, headers), "User: alice")
	asked := len(api.asked())

	w.rewrite(t, policyFor(nil))
	require.Contains(t, w.whoami(t, headers), `"reason":"host-not-allowed"`)
	require.Len(t, api.asked(), asked)
	require.NotEqual(t, w.edge.Digest, w.policy.Current().Digest)

	w.rewrite(t, policyFor(api))
	require.Contains(t, w.whoami(t, headers), "User: alice", "loosened again")
}

// TestAddressRulesTighten: what the headers do not show, an address, is judged by
// the new policy too, though a connection to it stands open.
func TestAddressRulesTighten(t *testing.T) {
	api := newBrokenAPI(t)
	_, port, _ := strings.Cut(api.Listener.Addr().String(), ":")
	opened := policyFor(nil) + "ports: [" + port + "]\nhosts: {exact: [loop.example.com, localhost]}\n"
	w := newWorld(t, api)
	headers := api.headers("alice-token", "kubernetes-tls-server-name", "example.com")
	headers["kubernetes-server"] = "https://localhost:" + port
	both := opened + "networks:\n- cidr: 127.0.0.1/32\n  ports: [" + port + "]\n"
	w.rewrite(t, both)
	w.edge = w.policy.Current()
	require.Contains(t, w.whoami(t, headers), "User: alice")
	asked := len(api.asked())

	w.rewrite(t, opened)
	body := w.whoami(t, headers)
	require.Contains(t, body, `"isError":true`)
	require.Contains(t, body, "policy")
	require.Len(t, api.asked(), asked)
}

// TestPolicyLoosens: from no host at all.
func TestPolicyLoosens(t *testing.T) {
	api := newBrokenAPI(t)
	w := newWorld(t, nil)
	edge, err := policy.Parse([]byte(policyFor(api)))
	require.NoError(t, err)
	w.edge = edge
	headers := api.headers("alice-token")
	require.Contains(t, w.whoami(t, headers), `"reason":"host-not-allowed"`)
	require.Len(t, w.logs.lines(t, "policy in force"), 1)

	w.rewrite(t, policyFor(api))
	require.Contains(t, w.whoami(t, headers), "User: alice")
	require.Len(t, w.logs.lines(t, "policy in force"), 2)
	require.Equal(t, edge.Digest, w.logs.lines(t, "policy in force")[1]["policy_digest"])
}

// TestPolicyDropsClients: the warm client of one whom the new policy still allows
// goes too, since it was built under the old one.
func TestPolicyDropsClients(t *testing.T) {
	api := newBrokenAPI(t)
	w := newWorld(t, api)
	headers := api.headers("alice-token")
	require.Contains(t, w.whoami(t, headers), "User: alice")
	first := api.connections.Load()
	w.look(time.Now())
	require.Contains(t, w.whoami(t, headers), "User: alice")
	require.Equal(t, first, api.connections.Load(), "the policy is the same")
	require.Zero(t, api.closed.Load())
	w.rewrite(t, policyFor(api)+"# a word\n")
	require.Eventually(t, func() bool { return api.closed.Load() == first }, 10*time.Second, time.Millisecond, "at once, not at the next call")
	require.Contains(t, w.whoami(t, headers), "User: alice")
	require.Greater(t, api.connections.Load(), first)
}

// TestBrokenPolicyKeepsTheLastGood, and says so once for each way it is broken.
func TestBrokenPolicyKeepsTheLastGood(t *testing.T) {
	const failure, mended = "policy not reloaded, the last good state stays in force", "policy readable again, nothing in it changed"
	api := newBrokenAPI(t)
	w := newWorld(t, api)
	headers := api.headers("alice-token")
	good, err := os.ReadFile(w.options.PolicyFile)
	require.NoError(t, err)
	for n, text := range []string{"hosts: [", policyFor(nil) + "hosst: {}\n"} {
		for range 20 {
			w.rewrite(t, text)
		}
		require.Contains(t, w.whoami(t, headers), "User: alice")
		require.Len(t, w.logs.lines(t, failure), n+1, "one line for each distinct failure")
	}
	require.Contains(t, w.logs.lines(t, failure)[1]["error"], "hosst")
	require.Len(t, w.logs.lines(t, "policy in force"), 1)
	w.rewrite(t, string(good))
	w.rewrite(t, string(good))
	require.Len(t, w.logs.lines(t, mended), 1)
	w.rewrite(t, "hosts: [")
	require.Len(t, w.logs.lines(t, failure), 3, "after a time without, it is news again")
	require.NoError(t, os.Remove(w.options.PolicyFile))
	w.look(time.Now())
	require.Len(t, w.logs.lines(t, failure), 4)
	require.Contains(t, w.whoami(t, headers), "User: alice")
}

// TestLimitsAreThoseOfTheStart, and the log says so.
func TestLimitsAreThoseOfTheStart(t *testing.T) {
	api := newBrokenAPI(t)
	w := newWorld(t, api, limited("drain: 5s, calls: 7"))
	require.Equal(t, 7, w.limits.Calls)
	w.rewrite(t, policyFor(api)+"limits: {backend: {drain: 5s, calls: 8, clientIdle: 1m}}\n")
	lines := w.logs.lines(t, "these limits take effect at the next start")
	require.Len(t, lines, 1)
	require.Equal(t, []any{"limits.backend.calls", "limits.backend.clientIdle"}, lines[0]["keys"])
	require.Equal(t, 7, w.limits.Calls)
}

// TestLimitsReachTheirPlaces: each limit of the policy bounds what it names.
func TestLimitsReachTheirPlaces(t *testing.T) {
	w := newWorld(t, nil, limited("drain: 5s, streams: 17, callTimeout: 9m"))
	srv := newHTTPServer(nil, w.limits, nil, w.options.Log)
	require.Equal(t, 17, srv.HTTP2.MaxConcurrentStreams)
	require.Greater(t, srv.WriteTimeout, readTimeout+callWait+9*time.Minute)
}

// TestLimitOfClients: one client is kept, so two callers in turn cannot both
// find theirs.
func TestLimitOfClients(t *testing.T) {
	api := newBrokenAPI(t)
	w := newWorld(t, api, limited("clients: 1"))
	for range 5 {
		for _, user := range []string{"alice", "bob"} {
			require.Contains(t, w.whoami(t, api.headers(user+"-token")), "User: "+user)
		}
	}
	stats := w.clients.Stats()
	require.LessOrEqual(t, stats.Entries, 1)
	require.Greater(t, stats.Misses, uint64(2))
}

// TestLimitOfTheBody: a refusal does not wait for it longer than that.
func TestLimitOfTheBody(t *testing.T) {
	w := newWorld(t, nil, limited("bodyTimeout: 100ms"))
	body, more := io.Pipe()
	defer more.Close()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, w.url+"/mcp", body)
	require.NoError(t, err)
	start := time.Now()
	resp, err := bare(t, true).Do(req)
	require.NoError(t, err)
	require.NoError(t, resp.Body.Close())
	require.Less(t, time.Since(start), 1900*time.Millisecond, "the standard is two seconds")
}

// TestEveryFileIsFollowed, often enough for a policy change to be in force
// everywhere within 45 s.
func TestEveryFileIsFollowed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var looks [2]int
		b := &backend{pollInterval: pollInterval}
		for n := range looks {
			b.files = append(b.files, &followed{refresh: func(time.Time) (bool, error) {
				looks[n]++
				return false, nil
			}})
		}
		ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
		defer cancel()
		b.follow(ctx)
		require.Equal(t, [2]int{3, 3}, looks)
	})
}

// TestFollowedCounts what metrics show.
func TestFollowedCounts(t *testing.T) {
	w := newWorld(t, nil)
	changed, failure := true, error(nil)
	f := &followed{what: "it", log: w.options.Log, changed: func() {}, refresh: func(time.Time) (bool, error) { return changed, failure }}
	at := time.Unix(1_000, 0)
	f.look(at)
	require.Equal(t, fileStatus{loaded: at, reloads: 1}, f.state())
	changed, failure = false, errors.New("broken")
	f.look(at.Add(time.Second))
	f.look(at.Add(time.Second))
	require.Equal(t, fileStatus{loaded: at, reloads: 1, failures: 2, failing: true}, f.state())
	failure = nil
	f.look(at.Add(time.Second))
	require.Equal(t, fileStatus{loaded: at, reloads: 1, failures: 2}, f.state())
}

// TestPanicOverAFileIsABadFile: a reader that cannot bear a file ends neither the
// program nor its looking, and what it had in hand is not logged.
func TestPanicOverAFileIsABadFile(t *testing.T) {
	w := newWorld(t, nil)
	f := &followed{what: "policy", log: w.options.Log, changed: func() {}, refresh: func(time.Time) (bool, error) { panic("CANARY") }} //nolint:forbidigo // what is tested
	f.look(time.Now())
	require.Equal(t, uint64(1), f.state().failures)
	require.True(t, f.state().failing)
	require.Contains(t, w.logs.String(), "reading the policy: panic of type string")
	require.NotContains(t, w.logs.String(), "CANARY")
}
