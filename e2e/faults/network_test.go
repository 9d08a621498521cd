package faults

import "time"

// keepalive is Envoy's own means against connections that carry nothing any
// more: it pings every second, or up to 15 % later, and waits two for the answer.
const keepalive = time.Second + 150*time.Millisecond + 2*time.Second

// networkRows are those in which the guard is well and cannot be reached.
func networkRows() []row {
	var valley *gully
	return []row{
		{name: "half-open TCP", expected: "503 while it lasts", strike: poisoned("timeout", `{"timeout":0}`)},
		{
			name: "half-open TCP, lost for good", expected: "503 until Envoy's HTTP/2 keepalive has found the dead connections, 3.2 s at most, and a probe the guard",
			limit: keepalive + recoveryLimit,
			before: func(s *scene) string {
				valley = newGully(s.t, s.guardAt)
				return valley.address
			},
			strike: func(s *scene) time.Time {
				valley.lose()
				lost := time.Now()
				s.failures(100)
				return lost
			},
		},
		{name: "RST on every connection", expected: "503 while it lasts", strike: poisoned("reset_peer", `{"timeout":0}`)},
		{name: "1 KB/s", expected: "503: headers do not arrive within Envoy's message_timeout", strike: poisoned("bandwidth", `{"rate":1}`)},
	}
}

// poisoned breaks the network by a toxic until many calls have failed.
func poisoned(kind, attributes string) func(*scene) time.Time {
	return func(s *scene) time.Time {
		s.path.poison(s.t, kind, attributes)
		s.failures(many)
		s.path.heal(s.t)
		return time.Now()
	}
}
