package hostile

import (
	"bytes"
	"context"
	"fmt"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"testing"
	"time"

	dto "github.com/prometheus/client_model/go"
	"github.com/stretchr/testify/require"

	"kubernetes-mcp-edge/e2e/harness"
	"kubernetes-mcp-edge/e2e/rig"
	"kubernetes-mcp-edge/extproc/kubeheader"
)

// flood is one way to waste other people's time.
type flood struct {
	name    string
	workers int
	acts    int64 // how many make the flood: the honest are looked at until then
	// begin makes the act for a crowd that is about to start.
	begin func(tb testing.TB, s *harness.Stack) func(ctx context.Context, n int64) error
	// arrived is Envoy's counter that shows that the flood reached it, and how
	// often at least for each act.
	arrived string
	share   float64
	// queue is what decisions may take where the flood's own are all that is slow:
	// dear keys wait for each other at a narrow door, and most of them are the
	// flood's. 0 means that they have to be as quick as everybody's.
	queue time.Duration
	// growth is how much larger each program may become, in MiB.
	growth int
}

// quick is what 99 of 100 decisions take at most.
const quick = 5 * time.Millisecond

// ping asks for nothing that the backend would have to do.
const ping = `{"jsonrpc":"2.0","method":"ping","id":1}`

// TestFloods: while strangers do their worst, those who came before them and
// those who come after are served.
func TestFloods(t *testing.T) {
	for _, f := range floods() {
		t.Run(f.name, func(t *testing.T) { f.run(t) })
	}
}

func (f flood) run(t *testing.T) {
	t.Helper()
	s := world.StartStack(t, harness.Options{})
	before := memory(t, s)
	arrived := counted(t, s, f.arrived)
	act := f.begin(t, s)
	honest := world.StartTraffic(t, rig.Load{URL: s.URL, Every: 40 * time.Millisecond, Failures: []kubeheader.Reason{
		kubeheader.ReasonGuardUnavailable, kubeheader.ReasonGuardTimeout,
	}})
	honest.More(t, &honest.Good)
	crowd := startCrowd(t, f.workers, act)
	waitFor(t, 20*time.Second, func() error {
		if n := crowd.acts.Load(); n < f.acts {
			return fmt.Errorf("%d of %d acts", n, f.acts)
		}
		return nil
	})
	honest.More(t, &honest.Good)
	crowd.Stop()
	honest.Stop()
	t.Logf("%d acts, %d of them cut off; honest: %s", crowd.acts.Load(), crowd.failed.Load(), honest)
	decided := decisions(t, s)
	t.Logf("decisions: %s", decided)

	served, all := honest.Good.Load(), honest.Good.Load()+honest.Bad.Load()+honest.Wrong.Load()
	require.GreaterOrEqual(t, float64(served)/float64(all), 0.99, "honest callers lost calls: %v", honest.Errors())
	require.LessOrEqual(t, decided.within(0.99), max(quick, f.queue), "the guard takes its time")
	require.LessOrEqual(t, sum([]*dto.Metric{remembered(t, s)}).within(0.99), quick, "honest callers, who were here before, wait for the flood")
	require.GreaterOrEqual(t, float64(counted(t, s, f.arrived)-arrived), f.share*float64(crowd.acts.Load()), "the flood did not arrive")
	for name, size := range memory(t, s) {
		grown := size - before[name]
		t.Logf("%s grew by %d MiB to %d MiB", name, grown>>20, size>>20)
		require.LessOrEqual(t, grown, f.growth<<20, "%s keeps what strangers send", name)
	}
	for _, p := range s.Processes() {
		select {
		case <-p.Done():
			require.Fail(t, "a program ended", p.Name)
		default:
		}
	}
}

func floods() []flood {
	const request = "http.mcp.downstream_rq_total"
	return []flood{
		{"many unknown headers", 8, 1500, posts(func(int64) harness.Headers { return unknown(80) }), request, 0.9, 0, 64},
		{"more headers than Envoy takes", 8, 1500, posts(func(int64) harness.Headers { return unknown(150) }), request, 0.9, 0, 64},
		{"headers of 64 KiB", 8, 1500, posts(func(int64) harness.Headers {
			return world.Cluster.Token("alice").With(kubeheader.CertificateAuthority, strings.Repeat("QUFB", 16<<10))
		}), request, 0.9, 0, 64},
		{"bundles of BEGIN lines", 8, 1500, posts(func(n int64) harness.Headers {
			lines := bytes.Repeat([]byte("-----BEGIN CERTIFICATE-----\n"), 1200)
			return world.Cluster.Token("alice").With(kubeheader.CertificateAuthority, base64Of(append(lines, byte('0'+n%10))))
		}), request, 0.9, 0, 64},
		{"RSA-4096 keys", 8, 1500, beginLargestKeys, request, 0.9, 2 * quick, 96},
		{"RSA-8192 keys", 8, 1500, beginTooLargeKeys, request, 0.9, 0, 64},
		{"a token for every request", 8, 1500, posts(func(n int64) harness.Headers {
			return world.Cluster.Token("alice").With(kubeheader.Authorization, token(n))
		}), request, 0.9, 0, 96},
		{"bodies that never end", 300, 900, beginSlowBodies(unknown(1)), request, 0.2, 0, 96},
		{"bodies of checked requests that never end", 300, 900, beginSlowBodies(nil), request, 0.2, 0, 128},
		{"connections without a request", 300, 900, beginSilence, "http.mcp.downstream_cx_total", 0.3, 0, 96},
		{"rapid reset", 4, 1500, beginFrames(rapidReset(unknown(3))), "http2.rx_reset", 0.5, 0, 96},
		{"rapid reset of checked requests", 4, 1500, beginRapidAlice, "http2.rx_reset", 0.5, 0, 96},
		{"CONTINUATION without end", 8, 900, beginContinuations, "http.mcp.downstream_cx_protocol_error", 0.9, 0, 128},
	}
}

// unknown are n headers that the contract does not know.
func unknown(n int) harness.Headers {
	out := make(harness.Headers, n)
	for i := range out {
		out[i] = harness.Header{Name: fmt.Sprintf("Kubernetes-X-%d", i), Value: "x"}
	}
	return out
}

// posts is an act that sends a request with these headers and reads the answer.
func posts(headers func(n int64) harness.Headers) func(testing.TB, *harness.Stack) func(context.Context, int64) error {
	return func(tb testing.TB, s *harness.Stack) func(context.Context, int64) error {
		tb.Helper()
		clients := [2]*harness.Client{rig.NewClient(tb, false), rig.NewClient(tb, true)}
		return func(ctx context.Context, n int64) error {
			_, err := clients[n%2].Post(ctx, s.URL, headers(n).With("MCP-Protocol-Version", "2025-11-25"), ping)
			return err
		}
	}
}

// beginLargestKeys sends the dearest credential that the contract takes, in a
// request that differs from all others, so that no verdict is remembered.
func beginLargestKeys(tb testing.TB, s *harness.Stack) func(context.Context, int64) error {
	tb.Helper()
	pair, err := largestKey()
	require.NoError(tb, err)
	target := world.Cluster.Token("alice").Without(kubeheader.Authorization)
	return posts(func(n int64) harness.Headers {
		return append(target.With(kubeheader.Namespace, fmt.Sprintf("flood-%d", n)), pair...)
	})(tb, s)
}

func beginTooLargeKeys(tb testing.TB, s *harness.Stack) func(context.Context, int64) error {
	tb.Helper()
	key, err := tooLargeKey()
	require.NoError(tb, err)
	return posts(func(int64) harness.Headers { return world.Cluster.Certificate("alice").With(kubeheader.ClientKey, key) })(tb, s)
}

// beginSlowBodies begins requests with a body of 1 MiB that comes by the byte;
// with nil they are alice's, which the guard lets through.
func beginSlowBodies(headers harness.Headers) func(testing.TB, *harness.Stack) func(context.Context, int64) error {
	return func(tb testing.TB, s *harness.Stack) func(context.Context, int64) error {
		tb.Helper()
		if headers == nil {
			headers = world.Cluster.Token("alice")
		}
		var text strings.Builder
		text.WriteString("POST /mcp HTTP/1.1\r\nHost: mcp.example.com\r\nContent-Type: application/json\r\nAccept: application/json, text/event-stream\r\nContent-Length: 1048576\r\n")
		for _, h := range headers {
			fmt.Fprintf(&text, "%s: %s\r\n", h.Name, h.Value)
		}
		text.WriteString("\r\n{")
		return holding(address(tb, s), text.String())
	}
}

func beginSilence(tb testing.TB, s *harness.Stack) func(context.Context, int64) error {
	tb.Helper()
	return holding(address(tb, s), "POST /mcp HTTP/1.1\r\nHost: mcp")
}

// holding opens a connection, sends the begin of something, and holds it while a
// hundred others begin too, a byte every 50 ms.
func holding(address, begin string) func(context.Context, int64) error {
	return func(ctx context.Context, _ int64) error {
		c, err := dial(ctx, address)
		if err != nil {
			return err
		}
		defer func() { _ = c.Close() }()
		if _, err := c.Write([]byte(begin)); err != nil {
			return err
		}
		ticker := time.NewTicker(50 * time.Millisecond)
		defer ticker.Stop()
		for range 20 {
			select {
			case <-ctx.Done():
				return ctx.Err()
			case <-ticker.C:
			}
			if _, err := c.Write([]byte(" ")); err != nil {
				return err
			}
		}
		return nil
	}
}

// beginFrames gives each worker in turn one of a few connections.
func beginFrames(act func(*frames) error) func(testing.TB, *harness.Stack) func(context.Context, int64) error {
	return func(tb testing.TB, s *harness.Stack) func(context.Context, int64) error {
		tb.Helper()
		const connections = 4
		free := make(chan *held, connections)
		for range connections {
			free <- &held{address: address(tb, s)}
		}
		tb.Cleanup(func() {
			for range connections {
				if h := <-free; h.f != nil {
					_ = h.f.conn.Close()
				}
			}
		})
		return func(ctx context.Context, _ int64) error {
			h := <-free
			defer func() { free <- h }()
			return h.on(ctx, act)
		}
	}
}

func beginRapidAlice(tb testing.TB, s *harness.Stack) func(context.Context, int64) error {
	tb.Helper()
	return beginFrames(rapidReset(world.Cluster.Token("alice")))(tb, s)
}

// beginContinuations makes a connection for every act: Envoy stops reading one
// at the first frame too many, and closes it a second later.
func beginContinuations(tb testing.TB, s *harness.Stack) func(context.Context, int64) error {
	tb.Helper()
	return func(ctx context.Context, _ int64) error {
		f, err := newFrames(ctx, address(tb, s))
		if err != nil {
			return err
		}
		defer func() { _ = f.conn.Close() }()
		return continuations(f)
	}
}

func address(tb testing.TB, s *harness.Stack) string {
	tb.Helper()
	u, err := url.Parse(s.URL)
	require.NoError(tb, err)
	return u.Host
}

// counted is one of Envoy's counters. One that it has had no use for yet is not
// there.
func counted(tb testing.TB, s *harness.Stack, name string) int {
	tb.Helper()
	text := rig.Fetch(tb.Context(), tb, new(http.Client), s.EnvoyAdmin+"/stats?filter=^"+name+"$")
	_, value, _ := strings.Cut(text, name+": ")
	n, err := strconv.Atoi(strings.TrimSpace("0" + value))
	require.NoError(tb, err)
	return n
}

// memory is the resident memory of each program, in bytes.
func memory(tb testing.TB, s *harness.Stack) map[string]int {
	tb.Helper()
	out := map[string]int{}
	for _, p := range []*harness.Process{s.Extproc, s.MCPBackend, s.Envoy} {
		out[p.Name] = resident(tb, p)
	}
	return out
}

func resident(tb testing.TB, p *harness.Process) int {
	tb.Helper()
	size, err := p.Memory()
	require.NoError(tb, err)
	return size
}

// waitFor waits for a condition at most so long.
func waitFor(tb testing.TB, long time.Duration, ready func() error) {
	tb.Helper()
	ctx, cancel := context.WithTimeout(tb.Context(), long)
	defer cancel()
	require.NoError(tb, harness.Until(ctx, func(context.Context) error { return ready() }))
}
