// Package rig is what the end-to-end tests of several packages share: the world
// that they run in, callers with their identities, traffic that checks each
// answer, the form that a rejection has to have, and the count of what was acted
// on. It starts everything through package harness and holds no test itself.
package rig

import (
	"context"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"strconv"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"kubernetes-mcp-edge/e2e/harness"
)

// World is what all tests of a package use: one embedded Kubernetes and one
// stack in front of it. A test that breaks something starts its own stack.
type World struct {
	Bare     bool // set before Main: no shared stack, since all tests start their own
	Binaries harness.Binaries
	Cluster  *harness.Cluster
	Stack    *harness.Stack
	Policy   string // text of a policy file that allows the cluster and nothing else
	Dir      string // removed at the end; its path is short
}

// startTimeout bounds the start of a world.
const startTimeout = 2 * time.Minute

// Main is the body of a TestMain: it fills the world, runs the tests, stops
// everything, and returns the exit status.
func Main(m *testing.M, w *World) int {
	flag.Parse()
	overlap()
	code, err := w.run(m)
	if err != nil {
		fmt.Fprintln(os.Stderr, "end-to-end tests:", err)
		return 1
	}
	return code
}

// overlap lets more tests that say Parallel run at a time than there are
// processors, unless the command line says how many: they wait for programs most of
// the time.
func overlap() {
	const least = 4
	given := false
	flag.Visit(func(f *flag.Flag) { given = given || f.Name == "test.parallel" })
	if !given && runtime.GOMAXPROCS(0) < least {
		_ = flag.Set("test.parallel", strconv.Itoa(least)) // fails for no number
	}
}

// run starts what is shared, runs the tests, and stops everything.
func (w *World) run(m *testing.M) (int, error) {
	ctx, cancel := context.WithTimeout(context.Background(), startTimeout)
	defer cancel()
	var err error
	if w.Binaries, err = harness.Find(); err != nil {
		return 1, err
	}
	if w.Dir, err = os.MkdirTemp("", "e2e-"); err != nil {
		return 1, err
	}
	defer func() { _ = os.RemoveAll(w.Dir) }()
	if w.Cluster, err = harness.StartCluster(ctx, w.Binaries.Cluster, filepath.Join(w.Dir, "k")); err != nil {
		return 1, err
	}
	defer w.Cluster.Stop()
	if w.Policy, err = harness.Policy(ctx, w.Cluster.Server); err != nil {
		return 1, err
	}
	if w.Bare {
		return m.Run(), nil
	}
	w.Stack, err = harness.Start(ctx, harness.Options{
		Binaries: w.Binaries, Dir: filepath.Join(w.Dir, "s"), Policy: w.Policy,
	})
	if err != nil {
		return 1, err
	}
	defer w.Stack.Stop()
	return m.Run(), nil
}

// StartStack starts a stack of the test's own, stopped when the test ends. Zero
// options mean those of the shared one; its output is shown when the test fails.
func (w *World) StartStack(tb testing.TB, o harness.Options) *harness.Stack {
	tb.Helper()
	o.Binaries = w.Binaries
	if o.Policy == "" {
		o.Policy = w.Policy
	}
	if o.Dir == "" {
		o.Dir = w.ShortDir(tb)
	}
	s, err := harness.Start(tb.Context(), o)
	require.NoError(tb, err)
	tb.Cleanup(func() {
		s.Stop()
		for _, p := range s.Processes() {
			if tb.Failed() {
				tb.Logf("%s printed:\n%s", p.Name, p.Output())
			}
		}
	})
	return s
}

// ShortDir is T.TempDir with a path short enough for a Unix socket. It goes with
// the world.
func (w *World) ShortDir(tb testing.TB) string {
	tb.Helper()
	dir, err := os.MkdirTemp(w.Dir, "t-") //nolint:usetesting // T.TempDir is too long for a socket
	require.NoError(tb, err)
	return dir
}

// NewClient returns an HTTP client of the test's own.
func NewClient(tb testing.TB, http2 bool) *harness.Client {
	tb.Helper()
	c := harness.NewClient(http2)
	tb.Cleanup(c.Close)
	return c
}

// recovery is how long anything may take that takes a moment.
const recovery = 10 * time.Second

// Soon is a context for what takes a moment: 10 s.
func Soon(tb testing.TB) context.Context {
	tb.Helper()
	ctx, cancel := context.WithTimeout(tb.Context(), recovery)
	tb.Cleanup(cancel)
	return ctx
}

// Eventually waits until condition returns nil, for 10 s at most.
func Eventually(tb testing.TB, condition func() error) {
	tb.Helper()
	require.NoError(tb, harness.Until(Soon(tb), func(context.Context) error { return condition() }))
}
