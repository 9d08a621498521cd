package faults

import (
	"bytes"
	"errors"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"kubernetes-mcp-edge/e2e/harness"
	"kubernetes-mcp-edge/extproc/kubeheader"
)

// withoutRBAC takes the filter that wants the guard's word out of a rendered
// configuration.
func withoutRBAC(config []byte) ([]byte, error) {
	const begin, end = "          # Envoy lets a request through when", "          - name: envoy.filters.http.router\n"
	before, rest, ok1 := bytes.Cut(config, []byte(begin))
	_, after, ok2 := bytes.Cut(rest, []byte(end))
	if !ok1 || !ok2 {
		return nil, errors.New("the RBAC filter is not where this test looks for it")
	}
	return bytes.Join([][]byte{before, []byte(end), after}, nil), nil
}

// failingOpen makes Envoy let everything through that the guard does not answer.
func failingOpen(config []byte) ([]byte, error) {
	return replaced(config, "failure_mode_allow: false", "failure_mode_allow: true")
}

// failingOpenWithoutRBAC is both.
func failingOpenWithoutRBAC(config []byte) ([]byte, error) {
	config, err := withoutRBAC(config)
	if err != nil {
		return nil, err
	}
	return failingOpen(config)
}

// replaced replaces what has to be there once.
func replaced(config []byte, before, after string) ([]byte, error) {
	if bytes.Count(config, []byte(before)) != 1 {
		return nil, errors.New("the configuration does not hold exactly one " + before)
	}
	return bytes.Replace(config, []byte(before), []byte(after), 1), nil
}

// TestBothLayersHaveToFail: with one layer taken away, the other one still acts
// on nothing unchecked. With both away the counters of this package count: a
// count that cannot rise would show nothing.
func TestBothLayersHaveToFail(t *testing.T) {
	l := newLab(t, labOptions{})
	for _, row := range []struct {
		name string
		edit func([]byte) ([]byte, error) // one layer: Envoy's
		open bool                         // the other one: the proof
		gone bool                         // the guard is gone, and does not only close cleanly
		red  bool                         // both layers are away
	}{
		{"a clean close, whole Envoy, open backend", nil, true, false, false},
		{"a clean close, Envoy without RBAC, whole backend", withoutRBAC, false, false, false},
		{"a clean close, Envoy without RBAC, open backend", withoutRBAC, true, false, true},
		{"no guard, Envoy fails open, open backend", failingOpen, true, true, false},
		{"no guard, Envoy fails open without RBAC, whole backend", failingOpenWithoutRBAC, false, true, false},
		{"no guard, Envoy fails open without RBAC, open backend", failingOpenWithoutRBAC, true, true, true},
	} {
		t.Run(row.name, func(t *testing.T) {
			backend := l.backAt
			if row.open {
				backend = l.witness.address
			}
			edge := l.startEnvoy(t, backend, labOptions{edit: row.edit})
			if to := freeAddress(t); row.gone {
				l.path.lead(t, to)
			} else {
				l.path.lead(t, newFakeGuard(t, closesCleanly))
			}
			before, witnessed := l.bookmark(t), l.witness.count()
			all := append(goodCallers(t), badCallers(t, l.genuine(t))...)
			// Only what is counted is looked at here; see TestFaults for the answers.
			f := startFlow(t, only(kubeheader.Reasons()...), calls{url: edge.URL, callers: all, every: 5 * time.Millisecond, witnessed: row.open})
			(&scene{lab: l, t: t, flow: f}).answers(200)
			f.Stop()
			seen, e := l.witness.count().minus(witnessed), before.evidence(t)
			require.Empty(t, e.acted, "the backend acted")
			if !row.red {
				require.Zero(t, seen, "the witness acted")
				require.Zero(t, f.Counts().good)
				return
			}
			require.Positive(t, seen.unchecked, "both layers are gone, and nothing is counted")
			require.Positive(t, seen.bad, "both layers are gone, and bad callers are not counted")
			require.Zero(t, seen.checked)
		})
	}
}

// TestTheEvidenceSeesWhatTheGuardDidNot: a call that reaches the backend past the
// guard, with a proof made by the test, is found by comparing what both wrote.
func TestTheEvidenceSeesWhatTheGuardDidNot(t *testing.T) {
	l := newLab(t, labOptions{})
	before := l.bookmark(t)
	client := harness.NewClient(false)
	t.Cleanup(client.Close)
	for range 3 {
		result, rpc, err := client.CallTool(t.Context(), "http://"+l.backAt+"/mcp", l.genuine(t), "whoami", `{}`)
		require.NoError(t, err)
		require.Nil(t, rpc.Error)
		require.False(t, result.IsError)
	}
	result, _, err := client.CallTool(t.Context(), l.real.URL, world.Cluster.Token("alice"), "whoami", `{}`)
	require.NoError(t, err)
	require.False(t, result.IsError)
	e := before.evidence(t)
	require.Len(t, e.acted, 4)
	require.Len(t, e.audited, 4)
	require.Equal(t, 3, e.unchecked())
}
