package e2e

import (
	"context"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"kubernetes-mcp-edge/e2e/harness"
)

// shared is what all tests of this package use: one embedded Kubernetes and
// one stack in front of it. A test that breaks something starts its own stack.
var shared struct {
	binaries harness.Binaries
	cluster  *harness.Cluster
	stack    *harness.Stack
	policy   string
	dir      string
}

func TestMain(m *testing.M) {
	flag.Parse()
	code, err := runAll(m)
	if err != nil {
		fmt.Fprintln(os.Stderr, "end-to-end tests:", err)
		code = 1
	}
	os.Exit(code)
}

// runAll starts what is shared, runs the tests, and stops everything.
func runAll(m *testing.M) (int, error) {
	ctx, cancel := context.WithTimeout(context.Background(), 2*time.Minute)
	defer cancel()
	var err error
	if shared.binaries, err = harness.Find(); err != nil {
		return 1, err
	}
	if shared.dir, err = os.MkdirTemp("", "e2e-"); err != nil {
		return 1, err
	}
	defer func() { _ = os.RemoveAll(shared.dir) }()
	if shared.cluster, err = harness.StartCluster(ctx, shared.binaries.Cluster, filepath.Join(shared.dir, "k")); err != nil {
		return 1, err
	}
	defer shared.cluster.Stop()
	if shared.policy, err = harness.Policy(ctx, shared.cluster.Server); err != nil {
		return 1, err
	}
	shared.stack, err = harness.Start(ctx, harness.Options{
		Binaries: shared.binaries, Dir: filepath.Join(shared.dir, "s"), Policy: shared.policy,
	})
	if err != nil {
		return 1, err
	}
	defer shared.stack.Stop()
	return m.Run(), nil
}

// startStack starts a stack of the test's own, stopped when the test ends. Zero
// options mean those of the shared one; its output is shown when the test fails.
func startStack(t *testing.T, o harness.Options) *harness.Stack {
	t.Helper()
	o.Binaries = shared.binaries
	if o.Policy == "" {
		o.Policy = shared.policy
	}
	if o.Dir == "" {
		o.Dir = shortDir(t)
	}
	s, err := harness.Start(t.Context(), o)
	require.NoError(t, err)
	t.Cleanup(func() {
		s.Stop()
		for _, p := range s.Processes() {
			if t.Failed() {
				t.Logf("%s printed:\n%s", p.Name, p.Output())
			}
		}
	})
	return s
}

// shortDir is t.TempDir with a path short enough for a Unix socket.
func shortDir(t *testing.T) string {
	t.Helper()
	dir, err := os.MkdirTemp(shared.dir, "t-") //nolint:usetesting // t.TempDir is too long for a socket
	require.NoError(t, err)
	return dir
}

// newClient returns an HTTP client of the test's own.
func newClient(t *testing.T, http2 bool) *harness.Client {
	t.Helper()
	c := harness.NewClient(http2)
	t.Cleanup(c.Close)
	return c
}
