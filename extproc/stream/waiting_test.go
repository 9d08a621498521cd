package stream

import (
	"cmp"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
)

// crowded is a guard whose places are all taken. A limit of zero is the default.
func crowded(t *testing.T, limit int) (*guard, []*call) {
	t.Helper()
	g := start(t, rejecting(), func(c *Config) { c.Limits = limited(time.Minute, limit) })
	calls := make([]*call, cmp.Or(limit, DefaultPendingRejections))
	for i := range calls {
		calls[i] = g.open()
		require.NotNil(t, calls[i].rejected().GetModeOverride())
	}
	return g, calls
}

// turnedAway requires that the next rejection is answered at once.
func turnedAway(t *testing.T, g *guard) {
	t.Helper()
	c := g.open()
	got := c.rejected()
	a := immediate(t, got)
	require.Equal(t, http.StatusBadRequest, a.Status)
	require.Empty(t, a.ID)
	require.Equal(t, "credential-missing", a.Error.Data.Reason)
	require.Equal(t, decision, a.Error.Data.Decision)
	require.Nil(t, got.GetModeOverride())
	requireMetadata(t, got, rejectMetadata)
	c.closed()
	require.NoError(t, g.end())
}

// TestPendingRejectionsAreBounded: whoever sends headers and no body holds a
// stream, and needs no credential for it; the number of those is bounded.
func TestPendingRejectionsAreBounded(t *testing.T) {
	g, _ := crowded(t, 3)
	for range 5 {
		turnedAway(t, g)
	}
	require.EqualValues(t, 5, g.server.Crowded())
}

func TestDefaultOfPendingRejections(t *testing.T) {
	g, _ := crowded(t, 0)
	turnedAway(t, g)
}

// TestLimitsReachTheNextRejection: they are asked for each time, so that a
// change needs no new server.
func TestLimitsReachTheNextRejection(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var now atomic.Pointer[Limits]
		now.Store(&Limits{BodyTimeout: time.Minute, PendingRejections: 1})
		g := start(t, rejecting(), func(c *Config) { c.Limits = func() Limits { return *now.Load() } })
		first := g.open()
		first.rejected()
		turnedAway(t, g)
		synctest.Wait() // the first waits
		now.Store(&Limits{BodyTimeout: time.Hour, PendingRejections: 2})
		second := g.open()
		second.rejected()
		turnedAway(t, g)
		began := time.Now()
		immediate(t, first.receive())
		require.Equal(t, time.Minute, time.Since(began), "who waits already goes on as told")
		immediate(t, second.receive())
		require.Equal(t, time.Hour, time.Since(began))
	})
}

// TestLimitsOfNoUseAreTheDefaults, or a mistake would turn every rejection away.
func TestLimitsOfNoUseAreTheDefaults(t *testing.T) {
	server, err := New(Config{Engine: rejecting(), Limits: limited(-1, -1)})
	require.NoError(t, err)
	require.Equal(t, Limits{BodyTimeout: DefaultBodyTimeout, PendingRejections: DefaultPendingRejections}, server.limits())
}

// TestEveryEndFreesAPlace: a place that some end forgets to give back would be
// gone for good.
func TestEveryEndFreesAPlace(t *testing.T) {
	for name, end := range map[string]func(*call){
		"body":            func(c *call) { c.send(body([]byte(`{"id":1,"method":"m"}`), true)); c.receive() },
		"trailers":        func(c *call) { c.send(trailers()); c.receive() },
		"time":            func(c *call) { c.receive() },
		"cancel":          func(c *call) { c.cancel() },
		"half-close":      func(c *call) { require.NoError(c.t, c.stream.CloseSend()) },
		"illegal message": func(c *call) { c.send(responseBody()) },
		"unknown message": func(c *call) { c.send(unknown()) },
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				g, calls := crowded(t, 1)
				end(calls[0])
				_ = g.end()
				c := g.open()
				require.NotNil(t, c.rejected().GetModeOverride(), "the place is free again")
				turnedAway(t, g)
			})
		})
	}
}

// TestRequestsThatNeedNoPlaceTakeNone: what is answered with one message is
// answered as ever.
func TestRequestsThatNeedNoPlaceTakeNone(t *testing.T) {
	g, _ := crowded(t, 1)
	c := g.open()
	c.send(headers(true, post()...))
	immediate(t, c.receive())
	c.closed()
	require.Zero(t, g.server.Crowded())
}

// TestACrowdIsLoggedOnce: a line per request would be one more thing to flood.
func TestACrowdIsLoggedOnce(t *testing.T) {
	g, calls := crowded(t, 4)
	lines := func(text string) int { return strings.Count(g.logs.String(), text) }
	for range 9 {
		turnedAway(t, g)
	}
	require.Equal(t, 1, lines(`"level":"WARN","msg":"too many rejected requests`))
	for i, c := range calls {
		require.Equal(t, min(i/2, 1), lines("with their ids again"), "%d places are free", i)
		c.cancel()
		require.Equal(t, codes.Canceled, status.Code(g.end()))
	}
	require.Equal(t, 1, lines(`"answered_without":9}`))
	require.Equal(t, 1, lines("too many rejected requests"))
}
