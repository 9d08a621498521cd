package stream

import (
	"slices"
	"time"

	"google.golang.org/grpc/codes"
)

// expectation is what a stream has to do, as the model says.
type expectation struct {
	answers []string // "accept", "strip" or "error", in order
	id      string   // of the error; "" for none
	end     codes.Code
	took    time.Duration
	calls   map[string]int // of the observer
}

// model is the protocol of the package doc in the plainest form: a clock, one
// bit (a rejection is owed), and what each message means in either state.
type model struct {
	expectation

	plan plan
	now  time.Duration
	over bool
	// panicking says that the stream's own goroutine panicked, and not the one
	// that waits for a body: a second panic on the way out is the same one to grpc.
	panicking bool
}

func expect(p plan) expectation {
	m := &model{plan: p}
	m.calls = map[string]int{}
	if m.call("opened"); m.over {
		return m.expectation // it is not told of the end of what it did not see begin
	}
	m.run()
	if m.calls["closed"]++; m.has("closed panics") && !m.panicking {
		m.panics()
	}
	return m.expectation
}

func (m *model) has(fault string) bool { return slices.Contains(m.plan.faults, fault) }

func (m *model) finish(code codes.Code) { m.over, m.end, m.took = true, code, m.now }

// panics is what any panic comes to, one in the observer of panics included.
func (m *model) panics() {
	m.calls["panicked"]++
	m.panicking = true
	m.finish(codes.Internal)
}

// call tells the observer, which may panic.
func (m *model) call(name string) {
	m.calls[name]++
	if m.has(name + " panics") {
		m.panics()
	}
}

// send answers, unless that fails. It says whether the stream goes on.
func (m *model) send(answer string) bool {
	n := []string{"first", "second"}[len(m.answers)]
	switch {
	case m.has(n + " send panics"):
		m.panics()
	case m.gone() || m.has(n+" send fails"):
		m.finish(codes.Unavailable)
	default:
		m.answers = append(m.answers, answer)
		return true
	}
	return false
}

// gone says that the peer reset the stream while the guard was at work.
func (m *model) gone() bool { return m.resetAt() < m.now }

func (m *model) resetAt() (at time.Duration) {
	for _, a := range m.plan.script {
		if at += a.after; a.what == "reset" {
			break
		}
	}
	return at
}

func (m *model) run() {
	owed, deadline, at := false, time.Duration(0), time.Duration(0)
	for _, a := range m.plan.script {
		at += a.after
		arrival := max(at, m.now) // it may have waited for the guard
		if m.gone() {
			m.finish(codes.Canceled)
			return
		}
		if owed && arrival > deadline {
			m.now = deadline
			if m.send("error") {
				m.finish(codes.OK)
			}
			return
		}
		m.now = arrival
		if !owed {
			owed = m.first(a.what)
			deadline = m.now + bodyTimeout
		} else {
			m.second(a.what)
		}
		if m.over {
			return
		}
	}
}

// either is what ends a stream in any state.
func (m *model) either(what string) {
	switch what {
	case "reset":
		m.finish(codes.Canceled)
	case "unreadable":
		m.finish(codes.ResourceExhausted)
	case "unreadable, and that badly":
		m.panics()
	case "no phase", "unknown phase":
		m.finish(codes.InvalidArgument)
	default:
		m.finish(codes.FailedPrecondition)
	}
}

// first is a message while nothing is owed. It says whether something is then.
func (m *model) first(what string) (owed bool) {
	switch what {
	case "half-close":
		m.finish(codes.OK)
		return false
	case "headers", "headers alone":
	default:
		m.either(what)
		return false
	}
	if m.plan.engine == "give up" {
		m.now = m.resetAt()
		m.fail(codes.Canceled)
		return false
	}
	m.now += m.plan.think
	switch m.plan.engine {
	case "panic":
		m.panics()
		return false
	case "fail":
		m.fail(codes.Unavailable)
		return false
	case "nothing":
		m.fail(codes.Internal)
		return false
	}
	if m.call("decided"); m.over {
		return false
	}
	if m.plan.engine == "allow" || m.plan.engine == "report" {
		if m.send("accept") {
			m.finish(codes.OK)
		}
		return false
	}
	if now := what == "headers alone" || m.tooMuch(); !now {
		if !m.plan.crowded {
			return m.send("strip")
		}
		if m.call("crowded"); m.over {
			return false
		}
	}
	if m.send("error") {
		m.finish(codes.OK)
	}
	return false
}

func (m *model) fail(code codes.Code) {
	if m.call("failed"); !m.over {
		m.finish(code)
	}
}

// tooMuch says that there are too many names for one mutation.
func (m *model) tooMuch() bool { return len(mustNotPass(m.plan.lines)) > maxRemovals }

// second is a message while a rejection is owed.
func (m *model) second(what string) {
	switch b, isBody := bodies[what]; {
	case isBody:
		if m.send("error") {
			m.finish(codes.OK)
			m.id = b.id
		}
	case what == "trailers":
		if m.send("error") {
			m.finish(codes.OK)
		}
	case what == "half-close":
		m.finish(codes.Aborted)
	default:
		m.either(what)
		m.panicking = false
	}
}
