package faults

import (
	"syscall"
	"time"

	"kubernetes-mcp-edge/extproc/kubeheader"
)

// many failures take two seconds when they come at once, in which Envoy's probes
// have failed often enough for it to give the guard up.
const many = 400

// guardRows are those in which the guard is gone, slow, or talks nonsense.
func guardRows() []row {
	return []row{
		{name: "kill -9 and restart of the guard", expected: "503 until it is back", strike: func(s *scene) time.Time {
			s.guard.Kill()
			s.failures(many)
			s.startGuard(s.t, false)
			return time.Now()
		}},
		{name: "SIGSTOP and SIGCONT of the guard", expected: "503 until it goes on; what waited is answered then", strike: func(s *scene) time.Time {
			s.guard.Signal(syscall.SIGSTOP)
			s.failures(many)
			s.guard.Signal(syscall.SIGCONT)
			return time.Now()
		}},
		slowRow("0.1 s", 100*time.Millisecond, true),
		slowRow("1 s", time.Second, true),
		slowRow("5 s", 5*time.Second, false),
		{
			name: "garbage instead of gRPC", expected: "503 while it lasts",
			strike: instead(func(s *scene) string { return newGarbage(s.t) }, many),
		},
		{
			name: "a guard that closes its streams with OK", expected: "503 by the RBAC filter: Envoy takes a clean close for permission",
			tells:  only(kubeheader.ReasonAccessDenied, kubeheader.ReasonGuardUnavailable),
			strike: instead(func(s *scene) string { return newFakeGuard(s.t, closesCleanly) }, many),
		},
		{
			name: "an answer that sets a header of 10 MB", expected: "400, since the headers would outgrow Envoy's limit",
			pace:   4, // two gigabytes in a second are the machine's fault and not the guard's
			tells:  only(kubeheader.ReasonHeadersTooLarge, kubeheader.ReasonGuardUnavailable, kubeheader.ReasonGuardTimeout),
			strike: instead(func(s *scene) string { return newFakeGuard(s.t, answersTooMuch()) }, 100),
		},
	}
}

// slowRow is a guard that takes its time with every message.
func slowRow(name string, delay time.Duration, passes bool) row {
	var guard *slow
	r := row{
		name: "a guard that is " + name + " slow", expected: "all pass: message_timeout is 2 s", passes: passes,
		before: func(s *scene) string {
			guard = newSlow(s.t, s.guardAt)
			return guard.address
		},
		strike: func(s *scene) time.Time {
			guard.take(delay)
			if passes {
				s.answers(300)
			} else {
				s.failures(100)
			}
			guard.take(0)
			return time.Now()
		},
	}
	if !passes {
		r.expected, r.tells = "503 after 2 s, Envoy's message_timeout", only(kubeheader.ReasonGuardTimeout)
	}
	return r
}

// instead puts a fake in the guard's place until so many calls have failed.
func instead(fake func(*scene) string, failures int) func(*scene) time.Time {
	return func(s *scene) time.Time {
		s.path.lead(s.t, fake(s))
		s.failures(failures)
		s.path.lead(s.t, s.guardAt)
		return time.Now()
	}
}
