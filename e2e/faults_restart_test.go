package e2e

import (
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"kubernetes-mcp-edge/e2e/harness"
	"kubernetes-mcp-edge/e2e/rig"
)

// TestFaultGuardEndsUnderTraffic: the real guard is killed, told to end, or
// stands still while callers call. Each gets his own answer or a readable
// error, the backend acts for exactly those who got an answer, and once the
// guard is back all is well, with the Envoy that was there all the time.
func TestFaultGuardEndsUnderTraffic(t *testing.T) {
	s := shared.StartStack(t, harness.Options{Drain: 500 * time.Millisecond})
	e := shared.NewEdge(t, s, shared.Policy)
	pid := s.Envoy.PID()
	restart := func(t *testing.T) {
		t.Helper()
		require.NoError(t, s.StartGuard(t.Context()))
	}
	for _, c := range []struct {
		name      string
		end, back func(t *testing.T)
	}{
		{"killed", func(*testing.T) { s.Extproc.Kill() }, restart},
		{"told to end", func(t *testing.T) {
			t.Helper()
			s.Extproc.Signal(syscall.SIGTERM)
			select {
			case <-s.Extproc.Done():
				require.NoError(t, s.Extproc.Err(), "the guard did not end by itself")
			case <-rig.Soon(t).Done():
				t.Fatal("the guard did not end")
			}
		}, restart},
		{
			"standing still",
			func(*testing.T) { s.Extproc.Signal(syscall.SIGSTOP) },
			func(*testing.T) { s.Extproc.Signal(syscall.SIGCONT) },
		},
	} {
		t.Run(c.name, func(t *testing.T) {
			ledger := e.Ledger(t)
			tr := shared.StartTraffic(t, rig.Load{URL: s.URL})
			tr.More(t, &tr.Good)
			c.end(t)
			tr.More(t, &tr.Bad)
			c.back(t)
			back := time.Now()
			tr.More(t, &tr.Good)
			t.Logf("%s; well again after %s", tr, time.Since(back).Round(time.Millisecond))
			tr.Stop()
			require.Empty(t, tr.Errors())
			ledger.Acted(t, int(tr.Good.Load()))
		})
	}
	require.Equal(t, pid, s.Envoy.PID())
	select {
	case <-s.Envoy.Done():
		t.Fatal("Envoy has ended")
	default:
	}
}
