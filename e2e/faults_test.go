package e2e

import (
	"bytes"
	"errors"
	"testing"

	"github.com/stretchr/testify/require"

	"kubernetes-mcp-edge/e2e/harness"
	"kubernetes-mcp-edge/e2e/rig"
	"kubernetes-mcp-edge/envoy"
	"kubernetes-mcp-edge/extproc/kubeheader"
)

// guardFault is one way in which a guard fails, and what the caller is told.
type guardFault struct {
	name string
	how  harness.Fault
	// reason is that of Envoy's answer. A guard that is silent where it has to
	// speak, or that says "continue" without its word, gets access-denied: that
	// is the RBAC filter's. Without it such a request goes on.
	reason kubeheader.Reason
}

func guardFaults() []guardFault {
	return []guardFault{
		{"closes its stream cleanly", harness.ClosesCleanly, kubeheader.ReasonAccessDenied},
		{"ends its stream with an error", harness.Errors, kubeheader.ReasonGuardUnavailable},
		{"hangs", harness.Hangs, kubeheader.ReasonGuardTimeout},
		{"answers with a wrong phase", harness.WrongPhase, kubeheader.ReasonGuardUnavailable},
		{"answers empty", harness.EmptyAnswer, kubeheader.ReasonGuardUnavailable},
		{"lets through without a verdict", harness.LetsThrough, kubeheader.ReasonAccessDenied},
	}
}

// TestFault: whatever the guard does wrong, Envoy answers, the
// request goes nowhere, and nothing acts on it.
func TestFault(t *testing.T) {
	s := shared.StartBroken(t, harness.Options{})
	e := shared.NewEdge(t, s.Stack, shared.Policy)
	alice := shared.Cluster.Token("alice")
	e.NothingActed(t, func() {
		for _, f := range guardFaults() {
			t.Run(f.name, func(t *testing.T) {
				s.Guard.Fail(f.how)
				asked := s.Guard.Streams()
				rig.EveryWay(t, s.URL, alice, rig.EnvoySays(f.reason))
				require.Equal(t, asked+3, s.Guard.Streams(), "the guard was to be asked about each request")
				require.Zero(t, rig.Upstream(t, s.Stack))
			})
		}
		t.Run("is not there", func(t *testing.T) {
			s.Guard.Stop()
			rig.EveryWay(t, s.URL, alice, rig.EnvoySays(kubeheader.ReasonGuardUnavailable))
			require.Zero(t, rig.Upstream(t, s.Stack))
		})
	})
}

// withoutRBAC is TEST ONLY: it takes the filter that wants the guard's word out
// of the rendered configuration. What is left is what a guard that closes its
// stream cleanly would meet in front of a proxy without such a filter.
func withoutRBAC(text []byte) ([]byte, error) {
	const begin, end = "          # Envoy lets a request through when", "          - name: envoy.filters.http.router\n"
	before, rest, ok1 := bytes.Cut(text, []byte(begin))
	_, after, ok2 := bytes.Cut(rest, []byte(end))
	if !ok1 || !ok2 {
		return nil, errors.New("the RBAC filter is not where this test looks for it")
	}
	edited := bytes.Join([][]byte{before, []byte(end), after}, nil)
	if len(envoy.Lint(edited)) == 0 {
		return nil, errors.New("the linter finds nothing to say about a configuration without the RBAC filter")
	}
	return edited, nil
}

// TestFaultWithoutRBAC: the second layer holds alone. Where Envoy lets
// an unchecked request go on, the backend refuses it for want of a proof; also
// when the caller has sent a genuine one, which Envoy strips.
func TestFaultWithoutRBAC(t *testing.T) {
	s := shared.StartBroken(t, harness.Options{EditEnvoy: withoutRBAC})
	e := shared.NewEdge(t, s.Stack, shared.Policy)
	alice := shared.Cluster.Token("alice")
	e.NothingActed(t, func() {
		for _, f := range guardFaults() {
			t.Run(f.name, func(t *testing.T) {
				s.Guard.Fail(f.how)
				before := rig.Upstream(t, s.Stack)
				if f.reason != kubeheader.ReasonAccessDenied {
					rig.EveryWay(t, s.URL, alice, rig.EnvoySays(f.reason))
					require.Equal(t, before, rig.Upstream(t, s.Stack))
					return
				}
				rig.EveryWay(t, s.URL, alice, rig.BackendRefuses)
				rig.EveryWay(t, s.URL, e.Now(t, alice), rig.BackendRefuses)
				require.Equal(t, before+6, rig.Upstream(t, s.Stack), "the hole that this test is about is not open")
			})
		}
		t.Run("is not there", func(t *testing.T) {
			s.Guard.Stop()
			before := rig.Upstream(t, s.Stack)
			rig.EveryWay(t, s.URL, alice, rig.EnvoySays(kubeheader.ReasonGuardUnavailable))
			require.Equal(t, before, rig.Upstream(t, s.Stack))
		})
	})
}

// TestFaultBeforeAnOpenBackend: the first layer holds alone. Even a
// backend that asks for no proof is not reached.
func TestFaultBeforeAnOpenBackend(t *testing.T) {
	t.Parallel()
	open := harness.NewOpenBackend()
	t.Cleanup(open.Stop)
	s := shared.StartBroken(t, harness.Options{Backend: open.Address})
	genuine := shared.NewEdge(t, s.Stack, shared.Policy).Now(t, shared.Cluster.Token("alice"))
	for _, f := range guardFaults() {
		t.Run(f.name, func(t *testing.T) {
			s.Guard.Fail(f.how)
			rig.EveryWay(t, s.URL, genuine, rig.EnvoySays(f.reason))
			require.Empty(t, open.Calls())
		})
	}
	t.Run("is not there", func(t *testing.T) {
		s.Guard.Stop()
		rig.EveryWay(t, s.URL, genuine, rig.EnvoySays(kubeheader.ReasonGuardUnavailable))
		require.Empty(t, open.Calls())
	})
	require.Zero(t, rig.Upstream(t, s.Stack))
}
