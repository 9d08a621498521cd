package e2e

import (
	"context"
	"fmt"
	"net/http"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"kubernetes-mcp-edge/e2e/harness"
	"kubernetes-mcp-edge/extproc/kubeheader"
)

// traffic is callers that call without pause and take note of every answer.
type traffic struct {
	good, bad atomic.Int64
	mu        sync.Mutex
	wrong     []error // answers that nobody may get
	stop      context.CancelFunc
	done      sync.WaitGroup
}

// startTraffic sends calls from some token and certificate callers over both
// protocols until Stop.
func startTraffic(t *testing.T, url string) *traffic {
	t.Helper()
	tr := new(traffic)
	var ctx context.Context
	ctx, tr.stop = context.WithCancel(t.Context())
	for i, c := range callers() {
		client := newClient(t, i%2 == 0)
		headers := c.headers.With("MCP-Protocol-Version", "2025-11-25")
		tr.done.Go(func() {
			for ctx.Err() == nil {
				// Not ctx: a call that was begun is always read to its end, so
				// that the counts agree.
				res, err := client.Post(context.WithoutCancel(ctx), url, headers, faultBody)
				if err == nil {
					err = tr.note(c.user, res)
				}
				if err != nil {
					tr.mu.Lock()
					tr.wrong = append(tr.wrong, fmt.Errorf("caller %d: %w", i, err))
					tr.mu.Unlock()
					return
				}
			}
		})
	}
	t.Cleanup(tr.Stop)
	return tr
}

// note counts an answer. It is either the caller's own name, or Envoy's word
// that the guard failed.
func (tr *traffic) note(user string, res harness.Response) error {
	if who, err := decodeUser(res); err == nil {
		if who != user {
			return fmt.Errorf("%s was taken for somebody else", user)
		}
		tr.good.Add(1)
		return nil
	}
	want := refusal{status: http.StatusServiceUnavailable, code: -32603, reason: kubeheader.ReasonGuardUnavailable}
	err := want.differs(res)
	if err != nil {
		want.reason = kubeheader.ReasonGuardTimeout
		if want.differs(res) == nil {
			err = nil
		}
	}
	tr.bad.Add(1)
	return err
}

// Stop ends the traffic once the calls under way are answered.
func (tr *traffic) Stop() {
	tr.stop()
	tr.done.Wait()
}

// more waits until some more of these answers have come.
func more(t *testing.T, count *atomic.Int64) {
	t.Helper()
	want := count.Load() + int64(len(callers()))
	require.NoError(t, harness.Until(soon(t), func(context.Context) error {
		if n := count.Load(); n < want {
			return fmt.Errorf("%d of %d", n, want)
		}
		return nil
	}))
}

// TestFaultGuardEndsUnderTraffic: the real guard is killed, told to end, or
// stands still while callers call. Each gets his own answer or a readable
// error, the backend acts for exactly those who got an answer, and once the
// guard is back all is well, with the Envoy that was there all the time.
func TestFaultGuardEndsUnderTraffic(t *testing.T) {
	s := startStack(t, harness.Options{})
	e := newEdge(t, s, shared.policy)
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
			case <-soon(t).Done():
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
			before := toolCalls(s)
			tr := startTraffic(t, s.URL)
			more(t, &tr.good)
			c.end(t)
			more(t, &tr.bad)
			c.back(t)
			back := time.Now()
			more(t, &tr.good)
			t.Logf("%d good answers, %d errors, well again after %s", tr.good.Load(), tr.bad.Load(), time.Since(back).Round(time.Millisecond))
			tr.Stop()
			require.Empty(t, tr.wrong)
			e.nothingActed(t, func() {}) // all before has been counted
			require.Equal(t, before+int(tr.good.Load())+1, toolCalls(s), "the backend acted for a caller who was told that it did not, or not for one who was told so")
		})
	}
	require.Equal(t, pid, s.Envoy.PID())
	select {
	case <-s.Envoy.Done():
		t.Fatal("Envoy has ended")
	default:
	}
}
