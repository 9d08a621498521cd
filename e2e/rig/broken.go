package rig

import (
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"kubernetes-mcp-edge/e2e/harness"
)

// BrokenStack is Envoy between a guard that fails and a backend.
type BrokenStack struct {
	*harness.Stack

	Guard *harness.BrokenGuard
}

// StartBroken starts a stack with a fake guard that fails; at first it ends each
// stream with an error.
func (w *World) StartBroken(tb testing.TB, o harness.Options) BrokenStack {
	tb.Helper()
	o.Dir = w.ShortDir(tb)
	guard, err := harness.NewBrokenGuard(tb.Context(), filepath.Join(o.Dir, "broken.sock"), harness.Errors)
	require.NoError(tb, err)
	o.Guard = guard.Address
	tb.Cleanup(guard.Stop) // before StartStack, so that it runs after the stack's end
	return BrokenStack{w.StartStack(tb, o), guard}
}
