package policy

import (
	"time"
)

// Limits are what an operator may tune. They are read at the start of a
// program: a reload that changes one takes effect at the next start.
type Limits struct {
	Guard   GuardLimits
	Backend BackendLimits
}

// GuardLimits bound the guard. Each has a range that limitsOfGuard states.
type GuardLimits struct {
	Streams           int           // ext_proc streams of one connection from Envoy
	MessageBytes      int           // one message of Envoy, which may be a whole body
	PendingRejections int           // rejected requests that wait for their bodies, in all
	BodyTimeout       time.Duration // how long one waits
	CacheEntries      int           // verdicts that are remembered
	CacheBytes        int           // and the bytes of them
	ConnectionAge     time.Duration // a connection from Envoy of this age is replaced
	Drain             time.Duration // from the signal to the last stream
}

// BackendLimits bound the backend. Each has a range that limitsOfBackend states.
type BackendLimits struct {
	Streams              int           // HTTP/2 streams of one connection from Envoy
	CallsPerCaller       int           // tool calls of one caller that are under way
	Calls                int           // of all callers
	CallsPerSecond       int           // of one caller whose credential an API server has accepted
	NewcomersPerSecond   int           // of all others from one client address
	ServerCallsPerSecond int           // of all callers, for one API server
	ServerRequests       int           // requests to one API server that are under way
	CallTimeout          time.Duration // the longest tool call
	BodyTimeout          time.Duration // how long a refusal waits for the body that holds its id
	ProofEntries         int           // verified header sets that are remembered
	ProofBytes           int           // and the bytes of them
	Clients              int           // clients of API servers that are kept for their next call
	ClientBytes          int           // and the bytes of them, an estimate
	ClientIdle           time.Duration // a client that was not used this long goes
	ClientAge            time.Duration // a client of this age goes
	ConnectionAge        time.Duration // a connection from Envoy of this age is replaced
	Drain                time.Duration // from the signal to the last call
}

// standardLimits are those of a file that names none.
func standardLimits() Limits {
	return Limits{
		Guard: GuardLimits{
			Streams: 512, MessageBytes: 32 << 20, PendingRejections: 512, BodyTimeout: 2 * time.Second,
			CacheEntries: 16384, CacheBytes: 64 << 20, ConnectionAge: 10 * time.Minute, Drain: 10 * time.Second,
		},
		Backend: BackendLimits{
			Streams: 256, CallsPerCaller: 16, Calls: 256,
			CallsPerSecond: 1000, NewcomersPerSecond: 100, ServerCallsPerSecond: 2000, ServerRequests: 128, CallTimeout: 30 * time.Second, BodyTimeout: 2 * time.Second,
			ProofEntries: 10_000, ProofBytes: 64 << 20, Clients: 1024, ClientBytes: 256 << 20,
			ClientIdle: 10 * time.Minute, ClientAge: time.Hour, ConnectionAge: 10 * time.Minute, Drain: 35 * time.Second, // longer than a call
		},
	}
}

// Changed names the keys whose values differ from next's, in the order of the
// file: a running program goes on with what it started with, and says which.
func (l GuardLimits) Changed(next GuardLimits) []string {
	return changed("limits.guard.", limitsOfGuard(&l), limitsOfGuard(&next))
}

// Changed names the keys whose values differ from next's, in the order of the file.
func (l BackendLimits) Changed(next BackendLimits) []string {
	return changed("limits.backend.", limitsOfBackend(&l), limitsOfBackend(&next))
}

func changed(prefix string, before, after []key) []string {
	var out []string
	for i, k := range before {
		if k.value.standard() != after[i].value.standard() {
			out = append(out, prefix+k.name)
		}
	}
	return out
}

// limitsOfGuard are the keys below limits.guard.
func limitsOfGuard(l *GuardLimits) []key {
	return []key{
		{name: "streams", about: "Streams of one connection, which is how many requests of one Envoy worker can be checked or wait for their bodies at a time.", value: number{&l.Streams, 16, 65536}},
		{name: "messageBytes", about: "The largest message that Envoy may send. Over HTTP/2 it can hold the whole body of a rejected request.", value: number{&l.MessageBytes, 1 << 20, 256 << 20}},
		{name: "pendingRejections", about: "How many rejected requests, of all connections, may wait for the body that holds the id to answer with. Those above are answered without. Keep it well below the max_requests of Envoy's circuit breaker for the guard.", value: number{&l.PendingRejections, 1, 65536}},
		{name: "bodyTimeout", about: "How long one waits for its body. Keep it above what a slow client needs and below Envoy's request_timeout.", value: span{&l.BodyTimeout, 100 * time.Millisecond, time.Minute}},
		{name: "cacheEntries", about: "Verdicts that are remembered for ten seconds.", value: number{&l.CacheEntries, 16, 1 << 20}},
		{name: "cacheBytes", about: "The memory that they may take.", value: number{&l.CacheBytes, 1 << 20, 4 << 30}},
		{name: "connectionAge", about: "A connection from Envoy of this age, give or take a tenth, is replaced without a failed request: who came in under a client CA or name that is no longer on the list stays no longer.", value: span{&l.ConnectionAge, time.Second, 24 * time.Hour}},
		{name: "drain", about: "How long a shutdown may take. Keep it below the supervisor's grace period, and above five seconds if Envoy is to notice in time.", value: span{&l.Drain, 100 * time.Millisecond, 10 * time.Minute}},
	}
}

// limitsOfBackend are the keys below limits.backend.
func limitsOfBackend(l *BackendLimits) []key {
	return []key{
		{name: "streams", about: "Requests of one connection from Envoy that may be under way.", value: number{&l.Streams, 16, 65536}},
		{name: "callsPerCaller", about: "Tool calls of one caller that may be under way. Others wait two seconds, then are told to call again.", value: number{&l.CallsPerCaller, 1, 65536}},
		{name: "calls", about: "Tool calls of all callers that may be under way. Others wait two seconds, then are told to call again. Half of them are kept from callers whose credential no API server has accepted yet.", value: number{&l.Calls, 1, 65536}},
		{name: "callsPerSecond", about: "Tool calls of one caller in a second, once an API server has accepted his credential. What he did not use of two seconds he may use at once; above that he is told to call again.", value: number{&l.CallsPerSecond, 1, 1 << 20}},
		{name: "newcomersPerSecond", about: "Tool calls in a second, from one client address (IPv4) or /64 (IPv6), of all callers whose credential no API server has accepted yet, with ten seconds' worth at once. It bounds who tries credentials out; people behind one address share it for their first call only.", value: number{&l.NewcomersPerSecond, 1, 1 << 20}},
		{name: "serverCallsPerSecond", about: "Tool calls of everybody in a second that are for one API server, with two seconds' worth at once. Half of that is kept from callers whose credential is not accepted yet.", value: number{&l.ServerCallsPerSecond, 1, 1 << 20}},
		{name: "serverRequests", about: "Requests to one API server, of everybody, that are under way. Keep it below calls, so that a server that hangs leaves room for the calls to others.", value: number{&l.ServerRequests, 1, 65536}},
		{name: "callTimeout", about: "How long one tool call may take.", value: span{&l.CallTimeout, time.Second, 10 * time.Minute}},
		{name: "bodyTimeout", about: "How long a refusal waits for the body that holds the id to answer with.", value: span{&l.BodyTimeout, 100 * time.Millisecond, time.Minute}},
		{name: "proofEntries", about: "Verified proofs that are remembered until they expire.", value: number{&l.ProofEntries, 16, 1 << 20}},
		{name: "proofBytes", about: "The memory that they may take.", value: number{&l.ProofBytes, 1 << 20, 4 << 30}},
		{name: "clients", about: "Clients of API servers, each of one caller, that are kept for his next call.", value: number{&l.Clients, 1, 1 << 20}},
		{name: "clientBytes", about: "The memory that they may take, as far as it can be estimated.", value: number{&l.ClientBytes, 1 << 20, 64 << 30}},
		{name: "clientIdle", about: "A client that was not used this long is closed.", value: span{&l.ClientIdle, time.Second, 24 * time.Hour}},
		{name: "clientAge", about: "A client of this age is closed, used or not.", value: span{&l.ClientAge, time.Second, 24 * time.Hour}},
		{name: "connectionAge", about: "A connection from Envoy of this age takes its last request. Over HTTP/1, as Envoy is rendered, that fails none: who came in under a client CA or name that is no longer on the list stays no longer.", value: span{&l.ConnectionAge, time.Second, 24 * time.Hour}},
		{name: "drain", about: "How long a shutdown may take. Keep it above callTimeout, or calls that are under way are cut off, and below the supervisor's grace period, which in Kubernetes is 30 s unless terminationGracePeriodSeconds says more.", value: span{&l.Drain, 100 * time.Millisecond, 10 * time.Minute}},
	}
}
