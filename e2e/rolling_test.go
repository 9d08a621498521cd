package e2e

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net/http"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"kubernetes-mcp-edge/e2e/harness"
	"kubernetes-mcp-edge/e2e/rig"
)

// shippedDrain is the default of limits.guard.drain: what operators get.
const shippedDrain = 10 * time.Second

// guards is how many stand behind the Envoy of these tests.
const guards = 2

// healthyGuards waits until Envoy takes all guards for well.
func healthyGuards(t *testing.T, s *harness.Stack) {
	t.Helper()
	rig.Eventually(t, func() error {
		if n := rig.EnvoyStat(t, s, "cluster.guard.membership_healthy"); n != guards {
			return fmt.Errorf("%d guards are healthy", n)
		}
		return nil
	})
}

// ended waits until a process has ended by itself, without an error.
func ended(t *testing.T, p *harness.Process) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 2*shippedDrain)
	defer cancel()
	select {
	case <-p.Done():
		require.NoError(t, p.Err(), "the guard did not end well")
	case <-ctx.Done():
		t.Fatal("the guard did not end")
	}
}

// TestRollingRestart: two guards behind one Envoy are told to end and replaced,
// one after the other, twice around, while callers call without pause. No call
// fails, and each guard has its share of them after every replacement.
func TestRollingRestart(t *testing.T) {
	t.Parallel()
	const rotations = 2
	world := ownWorld(t)
	s := world.StartStack(t, harness.Options{Guards: guards, Drain: shippedDrain})
	healthyGuards(t, s)
	ledger := world.NewEdge(t, s, world.Policy).Ledger(t)
	tr := world.StartTraffic(t, rig.Load{URL: s.URL, Each: 2})
	tr.More(t, &tr.Good)
	for range rotations {
		for i := range guards {
			old := s.Guard(i)
			old.Signal(syscall.SIGTERM)
			ended(t, old)
			require.NoError(t, s.StartGuardNumber(t.Context(), i))
			healthyGuards(t, s)
			before := decisions(t, s)
			rig.Eventually(t, func() error {
				for guard, n := range decisions(t, s) {
					if n == before[guard] {
						return fmt.Errorf("%s decides nothing", guard)
					}
				}
				return nil
			})
		}
	}
	tr.Stop()
	t.Log(tr)
	require.Empty(t, tr.Errors())
	require.Zero(t, tr.Bad.Load(), "calls failed: %v", tr.Reasons())
	require.Greater(t, tr.Good.Load(), int64(1000), "this is no load")
	ledger.Acted(t, int(tr.Good.Load()))
}

// ownWorld is one whose API server nobody else asks anything, so that a test can
// count what reaches it and run beside others.
func ownWorld(t *testing.T) *rig.World {
	t.Helper()
	cluster, err := harness.StartSecondCluster(t.Context(), shared.Binaries.Cluster, filepath.Join(shared.ShortDir(t), "k"))
	require.NoError(t, err)
	t.Cleanup(cluster.Stop)
	policy, err := harness.Policy(t.Context(), cluster.Server)
	require.NoError(t, err)
	return &rig.World{Binaries: shared.Binaries, Cluster: cluster, Policy: policy, Dir: shared.Dir}
}

// decisions is how many streams Envoy has opened to each guard, by address.
func decisions(t *testing.T, s *harness.Stack) map[string]string {
	t.Helper()
	out := map[string]string{}
	for line := range strings.Lines(rig.Fetch(t.Context(), t, new(http.Client), s.EnvoyAdmin+"/clusters")) {
		// guard::ADDRESS::rq_total::NUMBER
		fields := strings.Split(strings.TrimSpace(line), "::")
		if len(fields) == 4 && fields[0] == "guard" && fields[2] == "rq_total" {
			out[fields[1]] = fields[3]
		}
	}
	require.Len(t, out, guards, "Envoy does not count by guard")
	return out
}

// TestRollingKillIsFelt: what a guard does that ends without a word, for
// comparison: all that it had in hand fails, readably, and nothing unchecked is
// acted on. It also shows that the test above would see a failure.
func TestRollingKillIsFelt(t *testing.T) {
	s := shared.StartStack(t, harness.Options{Guards: guards})
	healthyGuards(t, s)
	ledger := shared.NewEdge(t, s, shared.Policy).Ledger(t)
	tr := shared.StartTraffic(t, rig.Load{URL: s.URL, Each: 2})
	for range 2 {
		for i := range guards {
			tr.More(t, &tr.Good)
			s.Guard(i).Kill()
			tr.More(t, &tr.Good)
			require.NoError(t, s.StartGuardNumber(t.Context(), i))
			healthyGuards(t, s)
		}
	}
	tr.Stop()
	t.Log(tr)
	require.Empty(t, tr.Errors())
	ledger.Acted(t, int(tr.Good.Load()))
}

// TestRollingAsksTheOther: a guard that is gone without a word is asked until the
// probes have noticed. Its port refuses, nobody has read anything there, and the
// other guard is asked: who calls now hears nothing of it.
func TestRollingAsksTheOther(t *testing.T) {
	s := shared.StartStack(t, harness.Options{Guards: guards})
	healthyGuards(t, s)
	client, alice := rig.NewClient(t, true), shared.Cluster.Token("alice")
	require.Equal(t, "alice", rig.Whoami(t, client, s.URL, alice))
	s.Guard(0).Kill()
	for range 10 {
		require.Equal(t, "alice", rig.Whoami(t, client, s.URL, alice))
	}
	require.Positive(t, rig.EnvoyStat(t, s, "cluster.guard.upstream_rq_retry_success"), "the probes were quicker than ten calls")
}

// TestRollingAsksAnother: many callers at once take turns, so that the second try
// of one could meet the guard that is gone just like the first. It never does,
// however long the probes take to notice; without previous_hosts it does.
func TestRollingAsksAnother(t *testing.T) {
	t.Parallel()
	const (
		often     = "      interval: 1s\n      no_traffic_interval: 1s\n"
		seldom    = "      interval: 60s\n      no_traffic_interval: 60s\n"
		predicate = "envoy.retry_host_predicates.previous_hosts"
	)
	anyHost := regexp.MustCompile(`(?m)^ *retry_host_predicate:\n.*` + predicate + `\n.*typed_config: .*\n`)
	for name, felt := range map[string]bool{"as shipped": false, "without previous_hosts": true} {
		t.Run(name, func(t *testing.T) {
			s := shared.StartStack(t, harness.Options{Guards: guards, EditEnvoy: func(config []byte) ([]byte, error) {
				if !bytes.Contains(config, []byte(often)) || !anyHost.Match(config) {
					return nil, errors.New("the configuration is not as this test knows it")
				}
				config = bytes.Replace(config, []byte(often), []byte(seldom), 1) // the first is the guard's
				if felt {
					config = anyHost.ReplaceAll(config, nil)
				}
				return config, nil
			}})
			healthyGuards(t, s)
			s.Guard(0).Kill() // nobody has called: no stream ends with it
			tr := shared.StartTraffic(t, rig.Load{URL: s.URL, Each: 4})
			for range 10 {
				tr.More(t, &tr.Good)
			}
			tr.Stop()
			t.Log(tr)
			require.Empty(t, tr.Errors())
			require.Equal(t, felt, tr.Bad.Load() > 0, "%d calls failed: %v", tr.Bad.Load(), tr.Reasons())
			require.Positive(t, rig.EnvoyStat(t, s, "cluster.guard.upstream_rq_retry_success"), "no call met the guard that is gone")
			require.Equal(t, guards, rig.EnvoyStat(t, s, "cluster.guard.membership_healthy"), "the probes have noticed")
		})
	}
}
