package stream

import (
	"cmp"
	"net/http"
	"strings"
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
	g := start(t, rejecting(), func(c *Config) { c.Limits = Limits{BodyTimeout: time.Minute, PendingRejections: limit} })
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
	require.Equal(t, 5, g.seen.count("crowded"))
}

func TestDefaultOfPendingRejections(t *testing.T) {
	g, _ := crowded(t, 0)
	turnedAway(t, g)
}

// TestLimitsOfNoUseAreTheDefaults, or a mistake would turn every rejection away.
func TestLimitsOfNoUseAreTheDefaults(t *testing.T) {
	server, err := New(Config{Engine: rejecting(), Limits: Limits{BodyTimeout: -1, PendingRejections: -1}})
	require.NoError(t, err)
	require.Equal(t, Limits{BodyTimeout: DefaultBodyTimeout, PendingRejections: DefaultPendingRejections}, server.config.Limits)
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
	require.Zero(t, g.seen.count("crowded"))
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
