package stream

import (
	"time"

	"kubernetes-mcp-edge/extproc/kubeheader"
)

// Observer hears what happens in the streams. It is called on their goroutines,
// from many at a time, and must neither block nor keep a slice that it was given.
//
// A request whose header message could be read ends in exactly one of Decided,
// Failed and Panicked, unless it panics after its verdict, which is both.
type Observer interface {
	// Decided is called when the verdict on a request is known, before anything
	// is sent.
	Decided(e Event)
	// StreamOpened and StreamClosed are called once per stream.
	StreamOpened()
	StreamClosed()
	// Panicked is called for a panic, which costs its own stream and nothing else.
	Panicked()
	// Crowded is called, after Decided, for a rejection that is answered without
	// its id because too many others are waiting for their bodies.
	Crowded()
	// Failed is called for a request that gets no verdict because the guard cannot
	// give one: no key can sign, or the wait for a turn took too long.
	Failed()
}

// Event is one decision. It holds no value of a header.
type Event struct {
	// Decision is the id that the log, Envoy's access log and the answer share.
	Decision string
	Allowed  bool
	// Reason and Header are those of the first problem, Problems is how many there
	// are; all zero if the request is allowed.
	Reason   kubeheader.Reason
	Header   string
	Problems int
	// Reported are the problems for which the request would have been rejected
	// without the policy's leave.
	Reported []kubeheader.Problem
	// Credential is one of verdict's Credential constants, "" if rejected.
	Credential string
	// Host is the canonical host of kubernetes-server; "" if there is none or it
	// was malformed.
	Host string
	// Took is the time from the arrival of the header message to the verdict.
	Took time.Duration
	// Cached says that the verdict was remembered from an earlier request.
	Cached bool
	// Trace is where the request stands in a trace; zero if it is in none.
	Trace TraceParent
	// At is when the verdict was asked for, by the clock of Config.
	At time.Time
}

// nobody listens.
type nobody struct{}

func (nobody) Decided(Event) {}
func (nobody) StreamOpened() {}
func (nobody) StreamClosed() {}
func (nobody) Panicked()     {}
func (nobody) Crowded()      {}
func (nobody) Failed()       {}
