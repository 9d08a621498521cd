package stream

import (
	"encoding/json"
	"log/slog"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"kubernetes-mcp-edge/extproc/kubeheader"
	"kubernetes-mcp-edge/extproc/policy"
	"kubernetes-mcp-edge/extproc/verdict"
)

// logged are the lines of a log but for their times.
func logged(t *testing.T, logs *syncBuffer) (out []map[string]any) {
	t.Helper()
	for text := range strings.Lines(logs.String()) {
		var one map[string]any
		require.NoError(t, json.Unmarshal([]byte(text), &one))
		delete(one, "time")
		out = append(out, one)
	}
	return out
}

// hosted refuses or lets through a request to a host that the policy forbids.
func hosted(tb testing.TB, letThrough bool) decide {
	tb.Helper()
	forbidden := kubeheader.ReasonHostNotAllowed.Problem(kubeheader.Server)
	port := kubeheader.ReasonPortNotAllowed.Problem(kubeheader.Server)
	if letThrough {
		answer, err := EncodeAllow(sampleAllow())
		require.NoError(tb, err)
		return func(verdict.Facts) (verdict.Verdict, error) {
			return &verdict.Allowed{
				Answer: answer, Credential: verdict.CredentialToken, Host: "api.example.com", Reported: []kubeheader.Problem{forbidden, port},
			}, nil
		}
	}
	return func(verdict.Facts) (verdict.Verdict, error) {
		r := kubeheader.NewRejection(forbidden, port)
		r.Host = "api.example.com"
		return &verdict.Rejected{Rejection: r}, nil
	}
}

func info(c *Config, logs *syncBuffer) {
	c.Log = slog.New(slog.NewJSONHandler(logs, nil))
}

// TestHostInTheLog: one line per rejection and per request that a report lets
// through, with the host in the form that the policy wants.
func TestHostInTheLog(t *testing.T) {
	for form, shown := range map[policy.HostForm]string{
		policy.HostPlain: "api.example.com", policy.HostHashed: policy.HostHashed.Show("api.example.com"), policy.HostOmitted: "",
	} {
		for _, letThrough := range []bool{false, true} {
			logs := new(syncBuffer)
			g := start(t, hosted(t, letThrough), func(c *Config) { info(c, logs); c.HostForm = form.Show })
			c := g.open()
			c.send(headers(true, post(line("kubernetes-server", canary))...))
			c.receive()
			require.NoError(t, g.end())
			want := map[string]any{"level": "INFO", "decision": decision}
			if letThrough {
				want["msg"], want["reasons"] = "request would be rejected", []any{"host-not-allowed", "port-not-allowed"}
			} else {
				want["msg"], want["reason"], want["header"], want["problems"] = "request rejected", "host-not-allowed", kubeheader.Server, 2.0
			}
			if shown != "" {
				want["host"] = shown
			}
			require.Equal(t, []map[string]any{want}, logged(t, logs))
		}
	}
}

func TestHostIsPlainByDefault(t *testing.T) {
	logs := new(syncBuffer)
	g := start(t, hosted(t, false), func(c *Config) { info(c, logs) })
	c := g.open()
	c.send(headers(true, post()...))
	c.receive()
	require.NoError(t, g.end())
	require.Equal(t, "api.example.com", logged(t, logs)[0]["host"])
}

// flood writes lines of a kind, and counts those that get through.
func flood(j *journal, reason kubeheader.Reason, n int) (written int) {
	for range n {
		j.write(slog.LevelInfo, "request rejected", reason, func() []slog.Attr { written++; return nil })
	}
	return written
}

// TestAFloodDoesNotFillTheLog: a flood of one kind is cut down, the others are
// not, and what was left out is counted.
func TestAFloodDoesNotFillTheLog(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		logs := new(syncBuffer)
		j := newJournal(slog.New(slog.NewJSONHandler(logs, nil)))
		require.Equal(t, 300, flood(j, kubeheader.ReasonTokenExpired, 300), "a burst is written as a whole")
		flood(j, kubeheader.ReasonTokenExpired, 100_000)
		require.Equal(t, ownBurst+sharedBurst, strings.Count(logs.String(), "\n"))
		require.NotContains(t, logs.String(), "suppressed")

		require.Equal(t, ownBurst, flood(j, kubeheader.ReasonHostNotAllowed, 100), "another kind has its own allowance")
		lines := strings.Count(logs.String(), "\n")
		for range 100 { // ten seconds
			time.Sleep(100 * time.Millisecond) //nolint:forbidigo // the bubble's clock
			flood(j, kubeheader.ReasonTokenExpired, 1000)
		}
		require.InDelta(t, 10*(ownRate+sharedRate), strings.Count(logs.String(), "\n")-lines, 2)

		written := logged(t, logs)
		left := 0.0
		for _, l := range written {
			if n, ok := l["suppressed"].(float64); ok {
				left += n
			}
		}
		last := j.kinds[kind{"request rejected", kubeheader.ReasonTokenExpired}].suppressed
		expired := len(written) - ownBurst
		require.InDelta(t, 100_300+100_000, float64(expired)+left+float64(last), 0, "every line is written or counted")
		time.Sleep(time.Hour) //nolint:forbidigo // the bubble's clock
		require.Equal(t, 500, flood(j, kubeheader.ReasonTokenExpired, 500), "when it is over all is as before")
	})
}

// TestAClockThatIsSetBackStopsNoLine: nothing is owed to a time that never was.
func TestAClockThatIsSetBackStopsNoLine(t *testing.T) {
	var b bucket
	now := time.Now()
	require.True(t, b.take(now, 1, 1))
	require.False(t, b.take(now.Add(-time.Hour), 1, 1))
	require.True(t, b.take(now.Add(-time.Hour+time.Second), 1, 1))
}

// TestFloodOfRejectionsThroughTheServer: whatever fails in a flood, the log grows
// by a bounded number of lines.
func TestFloodOfRejectionsThroughTheServer(t *testing.T) {
	for name, engine := range map[string]Decider{
		"rejections": rejecting(), "reports": hosted(t, true), "failures": failingEngine(), "panics": panickingEngine{},
	} {
		logs := new(syncBuffer)
		server, err := New(Config{Engine: engine, Log: slog.New(slog.NewJSONHandler(logs, nil))})
		require.NoError(t, err)
		for range 2000 {
			_ = server.Process(&oneMessage{message: headers(true, post()...)})
		}
		n := strings.Count(logs.String(), "\n")
		require.GreaterOrEqual(t, n, ownBurst+sharedBurst, name)
		require.Less(t, n, 1500, name)
	}
}
