package server

import (
	"encoding/base64"
	"fmt"
	"net/netip"
	"strconv"
	"testing"
	"time"

	"github.com/modelcontextprotocol/go-sdk/mcp"
	"github.com/stretchr/testify/require"

	"kubernetes-mcp-edge/extproc/kubeheader"
	"kubernetes-mcp-edge/extproc/policy"
	"kubernetes-mcp-edge/extproc/proof"
	"kubernetes-mcp-edge/extproc/trial"
	"kubernetes-mcp-edge/mcpbackend/admit"
	"kubernetes-mcp-edge/mcpbackend/tool"
)

// visitor is a caller with this token from this address.
func (w *world) visitor(t *testing.T, api *brokenAPI, token, address string) admit.Caller {
	t.Helper()
	return admit.Caller{Verified: w.verified(t, api.headers(token)), Address: netip.MustParsePrefix(address)}
}

// TestOneCredentialIsOneCaller, with whatever CA bundles he sends it.
func TestOneCredentialIsOneCaller(t *testing.T) {
	api := newBrokenAPI(t)
	w := newWorld(t, api)
	plain := w.visitor(t, api, "alice-token", "203.0.113.1/32")
	headers := api.headers("alice-token")
	bundle, err := base64.StdEncoding.DecodeString(headers[kubeheader.CertificateAuthority])
	require.NoError(t, err)
	headers[kubeheader.CertificateAuthority] = base64.StdEncoding.EncodeToString(append(bundle, trial.NewAuthority(t).CertificatePEM()...))
	padded := admit.Caller{Verified: w.verified(t, headers), Address: plain.Address}
	require.NotEqual(t, plain.Verified.Fingerprint(), padded.Verified.Fingerprint())

	limits := policy.BackendLimits{CallsPerCaller: 1, Calls: 9, CallsPerSecond: 10, NewcomersPerSecond: 1, ServerCallsPerSecond: 1000}
	r, proven, _ := proofed(limits)
	proven[plain.Verified.Fingerprint()], proven[padded.Verified.Fingerprint()] = true, true
	n, over := taken(r, plain, padded)
	require.Equal(t, 20, n)
	require.Equal(t, limitCallerRate, over)

	l := newLimiter(limits, func(proof.Verified) bool { return true }, newCounts(nil))
	l.calls.wait = 0
	give, over := l.begin(t.Context(), methodCallTool, plain)
	require.Empty(t, over)
	_, over = l.begin(t.Context(), methodCallTool, padded)
	require.Equal(t, limitCaller, over)
	give()
}

// proofed are rates whose clock and proven callers a test sets.
func proofed(l policy.BackendLimits) (r *rates, proven map[string]bool, pass func(time.Duration)) {
	now := time.Unix(0, 0)
	proven = map[string]bool{}
	r = newRates(l, func(v proof.Verified) bool { return proven[v.Fingerprint()] })
	r.now = func() time.Time { return now }
	return r, proven, func(d time.Duration) { now = now.Add(d) }
}

// taken is how many calls go through at once, at most 1000, and the limit that
// the next one meets.
func taken(r *rates, callers ...admit.Caller) (n int, over string) {
	for n < 1000 {
		if over = r.take(callers[n%len(callers)]); over != "" {
			return n, over
		}
		n++
	}
	return n, ""
}

// TestRateOfACaller: two seconds' worth at once, then what comes in; nobody else
// is any the worse.
func TestRateOfACaller(t *testing.T) {
	api := newBrokenAPI(t)
	w := newWorld(t, api)
	r, proven, pass := proofed(policy.BackendLimits{CallsPerSecond: 10, NewcomersPerSecond: 1, ServerCallsPerSecond: 1000})
	alice, bob := w.visitor(t, api, "alice-token", "203.0.113.1/32"), w.visitor(t, api, "bob-token", "203.0.113.1/32")
	proven[alice.Verified.Fingerprint()], proven[bob.Verified.Fingerprint()] = true, true
	n, over := taken(r, alice)
	require.Equal(t, 20, n)
	require.Equal(t, limitCallerRate, over)
	n, _ = taken(r, bob)
	require.Equal(t, 20, n)
	pass(time.Second)
	n, _ = taken(r, alice)
	require.Equal(t, 10, n)

	clear(proven) // the pool let go of their clients: they stay who they are
	pass(time.Second)
	n, over = taken(r, alice)
	require.Equal(t, 10, n)
	require.Equal(t, limitCallerRate, over)
	r.refused(alice) // until a server says no
	n, over = taken(r, alice)
	require.Equal(t, 10, n)
	require.Equal(t, limitNewcomerRate, over)
}

// TestRateOfNewcomers: however many credentials somebody makes up, they share
// what is his address's; another address has its own, and a caller who is known
// does not pay for his neighbours.
func TestRateOfNewcomers(t *testing.T) {
	api := newBrokenAPI(t)
	w := newWorld(t, api)
	r, proven, pass := proofed(policy.BackendLimits{CallsPerSecond: 10, NewcomersPerSecond: 3, ServerCallsPerSecond: 10_000})
	guesses := make([]admit.Caller, 0, 100)
	for i := range 100 {
		guesses = append(guesses, w.visitor(t, api, fmt.Sprint("guess-", i), "203.0.113.1/32"))
	}
	n, over := taken(r, guesses...)
	require.Equal(t, 30, n)
	require.Equal(t, limitNewcomerRate, over)
	n, _ = taken(r, w.visitor(t, api, "guess-1", "203.0.113.2/32"))
	require.Equal(t, 30, n)
	alice := w.visitor(t, api, "alice-token", "203.0.113.1/32")
	proven[alice.Verified.Fingerprint()] = true
	n, _ = taken(r, alice)
	require.Equal(t, 20, n)
	pass(time.Second)
	n, _ = taken(r, guesses...)
	require.Equal(t, 3, n)
	n, over = taken(r, admit.Caller{Verified: w.verified(t, nil), Address: netip.MustParsePrefix("203.0.113.3/32")})
	require.Equal(t, 30, n, "anonymous")
	require.Equal(t, limitNewcomerRate, over)
}

// TestRateOfAServer: all callers of it share it, half is kept from those who are
// not known, and another server has its own.
func TestRateOfAServer(t *testing.T) {
	api := newBrokenAPI(t)
	w := newWorld(t, api)
	r, proven, pass := proofed(policy.BackendLimits{CallsPerSecond: 1000, NewcomersPerSecond: 1000, ServerCallsPerSecond: 10})
	stranger := w.visitor(t, api, "guess", "203.0.113.1/32")
	alice, bob := w.visitor(t, api, "alice-token", "203.0.113.1/32"), w.visitor(t, api, "bob-token", "203.0.113.1/32")
	proven[alice.Verified.Fingerprint()], proven[bob.Verified.Fingerprint()] = true, true
	n, over := taken(r, stranger)
	require.Equal(t, 11, n)
	require.Equal(t, limitServerRate, over)
	n, over = taken(r, alice, bob)
	require.Equal(t, 9, n)
	require.Equal(t, limitServerRate, over)
	headers := api.headers("alice-token")
	headers["kubernetes-certificate-authority-data"], _ = clientPair(t)
	elsewhere := admit.Caller{Verified: w.verified(t, headers), Address: stranger.Address}
	n, _ = taken(r, elsewhere)
	require.Equal(t, 11, n, "another CA means another server")
	pass(time.Second)
	n, _ = taken(r, alice)
	require.Equal(t, 10, n)
}

// TestBucketsAreBounded: a flood of keys leaves at most so many, and those that
// were used last.
func TestBucketsAreBounded(t *testing.T) {
	b := newBuckets(1, 2*time.Second)
	now := time.Unix(0, 0)
	require.True(t, b.take("alice", now, 0))
	for i := range 3 * mostBuckets {
		b.take(strconv.Itoa(i), now, 0)
		if i%1000 == 0 {
			b.of("alice")
		}
		require.LessOrEqual(t, len(b.young)+len(b.old), mostBuckets)
	}
	require.True(t, b.has("alice"))
	require.True(t, b.take("alice", now, 0))
	require.False(t, b.take("alice", now, 0), "the bucket is the same one")
	require.False(t, b.has("0"))
}

// TestRatesOfTheBackend: the limits are the policy's, what is refused reaches no
// cluster, and a program can tell it from other failures.
func TestRatesOfTheBackend(t *testing.T) {
	api := newBrokenAPI(t)
	w := newWorld(t, api, limited("newcomersPerSecond: 1"))
	_, series := w.scrape(t)
	s := w.session(t, api.headers("guess"))
	list := &mcp.CallToolParams{Name: "resources_list", Arguments: map[string]any{"kind": 7}} // never asks a server, so never proves anything
	for range 10 {
		_, err := s.CallTool(t.Context(), list)
		require.NoError(t, err)
	}
	asked := len(api.asked())
	result, err := s.CallTool(t.Context(), list)
	require.NoError(t, err)
	require.True(t, result.IsError)
	require.Equal(t, busyNewcomerRate, result.Content[0].(*mcp.TextContent).Text)
	require.Equal(t, "busy", result.Meta[tool.ReasonKey])
	require.Len(t, api.asked(), asked)
	require.Equal(t, "1", series(`kube_backend_calls_busy_total{limit="newcomer-rate"}`))
	_, err = s.ListTools(t.Context(), nil)
	require.NoError(t, err, "what reaches no cluster has no rate")

	known := newWorld(t, api, limited("newcomersPerSecond: 1, callsPerSecond: 1000"))
	alice := known.session(t, api.headers("alice-token"))
	for range 50 {
		ok(t, alice, "whoami", nil)
	}
}
