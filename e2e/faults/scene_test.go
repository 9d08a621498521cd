package faults

import (
	"context"
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"kubernetes-mcp-edge/e2e/harness"
	"kubernetes-mcp-edge/extproc/kubeheader"
)

// recoveryLimit is how long after a fault's end a call may still fail: Envoy
// probes its guard once a second, and comes back with the first good probe.
const recoveryLimit = 2 * time.Second

// row is one fault.
type row struct {
	name string
	// expected is what has to happen, for people.
	expected string
	// tells are the reasons that callers may be told, by their class; nil means
	// that the guard does not answer, or not in time.
	tells func(class) []kubeheader.Reason
	// passes: no call may fail. Otherwise some have to, or the fault was none.
	passes bool
	// unheard: the backend's log is lost, and the API server's audit log alone tells
	// what it did. That does not know the service account.
	unheard bool
	// lossy: the backend itself is killed, and what it was about to answer is acted
	// on all the same. Otherwise it acts for exactly those who are told so.
	lossy bool
	// pace is how many times slower callers call than otherwise; 0 means as fast.
	pace int
	// limit is how long recovery may take; 0 means recoveryLimit.
	limit time.Duration
	// before names the guard of the whole row, for one that is no change of guard;
	// nil leaves the real one.
	before func(s *scene) string
	// after undoes what before did beside that; nil for nothing.
	after func(s *scene)
	// strike makes the fault, sees that it is there, and ends it. It returns the
	// moment at which all was mended.
	strike func(s *scene) time.Time
}

// scene is one fault on its stage.
type scene struct {
	*lab

	t    *testing.T
	flow *flow
}

// only makes tells of reasons that are the same for everybody.
func only(reasons ...kubeheader.Reason) func(class) []kubeheader.Reason {
	return func(class) []kubeheader.Reason { return reasons }
}

// silent is what is told of a guard that is gone, or does not answer.
func silent() func(class) []kubeheader.Reason {
	return only(kubeheader.ReasonGuardUnavailable, kubeheader.ReasonGuardTimeout)
}

// play calls through a fault and judges what came of it.
func (r row) play(t *testing.T, l *lab) {
	t.Helper()
	if r.tells == nil {
		r.tells = silent()
	}
	good := goodCallers(t)
	if r.unheard {
		good = audited(good)
	}
	s := &scene{lab: l, t: t}
	if r.before != nil {
		l.path.lead(t, r.before(s))
		l.reaches(t)
		defer func() {
			if r.after != nil {
				r.after(s)
			}
			l.path.lead(t, l.guardAt)
			l.reaches(t)
		}()
	}
	before, witnessedBefore := l.bookmark(t), l.witness.count()
	streams := l.streams(t, good)
	for i := range streams {
		streams[i].every = time.Duration(max(r.pace, 1)) * streams[i].every
	}
	s.flow = startFlow(t, r.tells, streams...)
	s.answers(100 / max(r.pace, 1))
	require.Zero(t, s.flow.Counts().failed, "calls fail before there is a fault: %v", s.flow.wrong)
	end := r.strike(s)
	recovered := s.recovery(end)
	s.flow.Stop()

	counts, seen := s.flow.Counts(), l.witness.count().minus(witnessedBefore)
	e := before.evidence(t)
	result := result{
		name: r.name, expected: r.expected, counts: counts, unchecked: e.unchecked() + seen.unchecked + seen.bad, recovery: recovered,
	}
	t.Log(result)
	require.Empty(t, s.flow.wrong, "answers that nobody may get")
	require.Zero(t, e.unchecked(), "the backend acted on what the guard did not check")
	require.Zero(t, seen.unchecked, "a request without the guard's word came through Envoy")
	require.Zero(t, seen.bad, "a request with bad headers came through Envoy")
	acted, told := len(e.acted), 0
	for _, n := range s.flow.served {
		told += n
	}
	if r.lossy && acted > told {
		told = acted
	}
	require.Equal(t, told, acted, "the backend acted for a caller who was told that it did not, or not for one who was told so")
	if r.passes {
		require.Zero(t, counts.failed, "calls failed: %v", counts.reasons)
	} else {
		const some = 50
		require.GreaterOrEqual(t, counts.failed, some, "the fault was hardly felt")
	}
	if r.limit == 0 {
		r.limit = recoveryLimit
	}
	require.LessOrEqual(t, recovered, r.limit, "too long until all was well again")
	record(result)
}

// until waits for a condition of the counts.
func (s *scene) until(what string, enough func(counts) bool) {
	s.t.Helper()
	require.NoError(s.t, harness.Until(soon(s.t), func(context.Context) error {
		if c := s.flow.Counts(); !enough(c) {
			return fmt.Errorf("%s: not with %d requests, %d of them failed", what, c.requests(), c.failed)
		}
		return nil
	}))
}

// answers waits until so many more are answered.
func (s *scene) answers(n int) {
	s.t.Helper()
	want := s.flow.Counts().requests() + n
	s.until("more answers", func(c counts) bool { return c.requests() >= want })
}

// failures waits until so many more have failed.
func (s *scene) failures(n int) {
	s.t.Helper()
	want := s.flow.Counts().failed + n
	s.until("more failures", func(c counts) bool { return c.failed >= want })
}

// recovery waits for the first second without a failure.
func (s *scene) recovery(end time.Time) time.Duration {
	s.t.Helper()
	var took time.Duration
	require.NoError(s.t, harness.Until(soon(s.t), func(context.Context) error {
		var err error
		took, err = s.flow.calm(end)
		return err
	}), "%v %v", s.flow.Counts().reasons, s.flow.wrong)
	return took
}
