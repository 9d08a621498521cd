package soak

import (
	"bytes"
	"context"
	"errors"
	"flag"
	"fmt"
	"math/rand/v2"
	"os"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"kubernetes-mcp-edge/e2e/harness"
)

// length is how long the soak lasts.
var length = flag.Duration("soak", 30*time.Second, "how long the soak lasts")

const (
	clusters = 20
	tenants  = 50
	// pooled is how many clients the backend may keep: a fifteenth of the pairs
	// of tenant and cluster.
	pooled = 64
)

// TestIsolation: no answer is another caller's or another cluster's, no call
// fails, and the race detector has nothing to say of either program.
func TestIsolation(t *testing.T) {
	binaries, err := harness.Find()
	require.NoError(t, err)
	ca := newAuthority(t)
	mocks := make([]*mock, clusters)
	ports := make([]string, clusters)
	for i := range mocks {
		mocks[i] = startMock(t, ca, fmt.Sprintf("cluster-%d", i))
		ports[i] = strconv.Itoa(mocks[i].port)
	}
	s := start(t, binaries, strings.Join(ports, ", "))

	ctx, cancel := context.WithTimeout(t.Context(), *length)
	defer cancel()
	var calls, failed atomic.Int64
	var report sync.Mutex
	var mixed, failures []error
	var running sync.WaitGroup
	for n := range tenants {
		who := &tenant{number: n, ca: ca, client: harness.NewClient(n%3 == 0), random: rand.New(rand.NewPCG(uint64(n), 1))}
		t.Cleanup(who.client.Close)
		running.Go(func() {
			for ctx.Err() == nil {
				// No call is cut off: what was cut off could not be compared.
				err := who.act(context.WithoutCancel(ctx), s.URL, mocks[who.random.IntN(clusters)])
				calls.Add(1)
				if err == nil {
					continue
				}
				report.Lock()
				if _, ok := errors.AsType[mixedError](err); ok {
					mixed = append(mixed, err)
				} else if failed.Add(1) <= 10 {
					failures = append(failures, err)
				}
				report.Unlock()
			}
		})
	}
	running.Wait()
	t.Logf("%d calls of %d tenants on %d clusters with a pool of %d in %s: %d mixed up, %d failed", calls.Load(), tenants, clusters, pooled, *length, len(mixed), failed.Load())
	s.Stop()
	for _, p := range s.Processes() {
		require.False(t, bytes.Contains(p.Output(), []byte("DATA RACE")), "%s", p.Output())
	}
	require.Empty(t, mixed)
	require.Empty(t, failures)
	require.Greater(t, calls.Load(), int64(tenants*lifetime), "too few calls to mean anything")
}

// start starts a stack whose backend keeps too few clients.
func start(tb testing.TB, binaries harness.Binaries, ports string) *harness.Stack {
	tb.Helper()
	dir, err := os.MkdirTemp("", "soak-") //nolint:usetesting // T.TempDir is too long for a socket
	require.NoError(tb, err)
	tb.Cleanup(func() { _ = os.RemoveAll(dir) })
	s, err := harness.Start(tb.Context(), harness.Options{
		Binaries: binaries, Dir: dir, LogLevel: "warn",
		Policy: "apiVersion: kubernetes-mcp-edge/v1\nkind: Policy\nplaintextIngress: allow\nhosts:\n  exact: [\"127.0.0.1\"]\n" +
			"ports: [" + ports + "]\nnetworks:\n- cidr: 127.0.0.1/32\n  ports: [" + ports + "]\n",
		PolicyExtra: fmt.Sprintf("limits:\n  guard:\n    drain: 500ms\n  backend:\n    clients: %d\n    newcomersPerSecond: 100000 # all tenants have one address, and new tokens all the time\n    drain: 1s\n", pooled),
	})
	require.NoError(tb, err)
	tb.Cleanup(s.Stop)
	return s
}
