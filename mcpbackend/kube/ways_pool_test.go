package kube

import (
	"net/http"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// TestEveryWayTellsThePool: 401 and a failed handshake take the entry out of it,
// 403 and success prove it, whichever way the request went.
func TestEveryWayTellsThePool(t *testing.T) {
	for name, go1 := range ways() {
		for status, proven := range map[int]bool{401: false, 403: true, 500: false, 503: false} {
			h := newHostile(t, func(w http.ResponseWriter, _ *http.Request) { refuse(w, status, "no", "web-0") })
			e, clients := newEdge(t), newClients(t, mayExec, mayWrite)
			v := e.caller(t, h.headers("alice-token")...)
			c, err := clients.For(t.Context(), v, decision)
			require.NoError(t, err)
			require.Error(t, go1(within(t, 5*time.Second), c.Writing().Executing()), name)
			require.Equal(t, proven, clients.Proven(v), "%s %d", name, status)
			require.Equal(t, status != 401, entryOf(t, clients, e, h.headers("alice-token")) == c.entry, "%s %d", name, status)
		}
		h, e, clients := newHostile(t, plain), newEdge(t), newClients(t, mayExec, mayWrite)
		headers := h.headers("alice-token")
		headers[3] = pemData(newAuthority(t).cert)
		c, err := clients.For(t.Context(), e.caller(t, headers...), decision)
		require.NoError(t, err)
		require.Equal(t, Untrusted, trouble(t, go1(within(t, 5*time.Second), c.Writing().Executing())), name)
		require.NotSame(t, c.entry, entryOf(t, clients, e, headers), name)
		require.EqualValues(t, 1, clients.Stats().Evictions[CauseTLSFailure], name)
	}
}

// TestExecProves: a connection that was taken over is an answer to this caller.
func TestExecProves(t *testing.T) {
	for name, handler := range runs(t, greet) {
		h, e, clients := newHostile(t, handler), newEdge(t), newClients(t, mayExec)
		v := e.caller(t, h.headers("alice-token")...)
		c, err := clients.For(t.Context(), v, decision)
		require.NoError(t, err)
		_, err = c.Executing().Exec(within(t, 5*time.Second), "team-a", "web-0", ExecOptions{Command: []string{"true"}})
		require.NoError(t, err)
		require.True(t, clients.Proven(v), name)
	}
}

// TestPermitCostsNothing where there are no access rules: it judges every warm
// call.
func TestPermitCostsNothing(t *testing.T) {
	g := &guard{}
	req := asked(t, http.MethodGet, "/api/v1/namespaces/team-a/pods?labelSelector=app")
	require.Zero(t, testing.AllocsPerRun(100, func() { _ = g.permit(req, 0) }))
}
