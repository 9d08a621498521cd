package stream

import (
	"fmt"
	"time"

	corev3 "github.com/envoyproxy/go-control-plane/envoy/config/core/v3"
	filterv3 "github.com/envoyproxy/go-control-plane/envoy/extensions/filters/http/ext_proc/v3"
	extprocv3 "github.com/envoyproxy/go-control-plane/envoy/service/ext_proc/v3"
	"pgregory.net/rapid"
)

// canary stands in every value that a peer sends and that is nobody's business.
const canary = "canary-7d1f"

// plan is one stream: what the peer does, and what goes wrong beside it.
type plan struct {
	lines   []*corev3.HeaderValue // of every header message
	config  *extprocv3.ProtocolConfiguration
	watched bool // observability mode
	engine  string
	think   time.Duration // how long the engine takes
	faults  []string      // see faults
	crowded bool          // all places are taken
	script  []act
}

// act is one thing that the peer does, after a while.
type act struct {
	after time.Duration
	what  string
}

// bodyTimeout is the guard's. No sum of the pauses below equals it, or it and
// the time that an engine takes: there would be two right answers.
const bodyTimeout = 2 * time.Second

var (
	pauses = []time.Duration{0, 0, 0, 0, 7 * time.Millisecond, 410 * time.Millisecond, 1730 * time.Millisecond, 2290 * time.Millisecond}
	thinks = []time.Duration{0, 0, 0, 0, time.Second, 3 * time.Second}

	engines = []string{"allow", "allow", "report", "reject", "reject", "reject", "reject much", "fail", "panic", "nothing", "give up"}

	// requests is what a peer can send, and more bodies than headers, since those
	// of a rejected request are the point.
	requests = []string{
		"headers", "headers", "headers alone", "body", "body", "body open", "body cut before id", "body cut after id", "body empty",
		"body no JSON", "body batch", "trailers", "response headers", "response body", "response trailers", "no phase", "unknown phase",
	}
	// ends are how the peer's half of the stream can end.
	ends = []string{"half-close", "reset", "unreadable", "unreadable, and that badly"}

	faultKinds = []string{
		"first send fails", "second send fails", "first send panics", "second send panics", "opened panics", "decided panics",
		"failed panics", "crowded panics", "closed panics", "panicked panics",
	}

	// names are header names, those that must not get past a rejection first.
	names = []string{
		"kubernetes-server", "kubernetes-authorization", "kubernetes_server", "Kubernetes-Namespace", "kubernetes", "kubernetes-made-up",
		"signature", "signature-input", "x-kubernetes-fingerprint", "cookie", "mcp-session-id",
	}
)

// draw makes a plan. Most begin as Envoy would, or little would be tried of what
// comes later.
func draw(t *rapid.T) plan {
	p := plan{
		engine:  rapid.SampledFrom(engines).Draw(t, "engine"),
		think:   rapid.SampledFrom(thinks).Draw(t, "think"),
		crowded: rapid.IntRange(0, 5).Draw(t, "crowd") == 0,
		watched: rapid.IntRange(0, 9).Draw(t, "watched") == 0,
		lines:   drawLines(t),
	}
	if rapid.IntRange(0, 3).Draw(t, "faulty") == 0 {
		p.faults = []string{rapid.SampledFrom(faultKinds).Draw(t, "fault"), rapid.SampledFrom(faultKinds).Draw(t, "another fault")}
	}
	if rapid.IntRange(0, 9).Draw(t, "odd config") == 0 {
		p.config = &extprocv3.ProtocolConfiguration{
			RequestBodyMode:                         filterv3.ProcessingMode_BodySendMode(rapid.IntRange(0, 5).Draw(t, "mode")),
			SendBodyWithoutWaitingForHeaderResponse: rapid.Bool().Draw(t, "eager"),
		}
	}
	if rapid.IntRange(0, 7).Draw(t, "legal start") > 0 {
		p.script = append(p.script, act{0, rapid.SampledFrom([]string{"headers", "headers", "headers alone"}).Draw(t, "start")})
	}
	for range rapid.IntRange(0, 4).Draw(t, "length") {
		p.script = append(p.script, act{rapid.SampledFrom(pauses).Draw(t, "pause"), rapid.SampledFrom(requests).Draw(t, "act")})
	}
	if rapid.Bool().Draw(t, "ends") {
		p.script = append(p.script, act{rapid.SampledFrom(pauses).Draw(t, "pause"), rapid.SampledFrom(ends).Draw(t, "end")})
	}
	// A peer that does nothing more goes away at last, or a stream without a first
	// message, which has no deadline, would not end.
	p.script = append(p.script, act{time.Hour, "reset"})
	return p
}

func drawLines(t *rapid.T) []*corev3.HeaderValue {
	lines := []*corev3.HeaderValue{line(":method", rapid.SampledFrom([]string{"POST", "POST", "POST", "GET"}).Draw(t, "method"))}
	for _, v := range rapid.SampledFrom([][]string{nil, nil, {"2025-11-25"}, {"2026-07-28"}, {"2026-07-28", "2026-07-28"}}).Draw(t, "version") {
		lines = append(lines, line("mcp-protocol-version", v))
	}
	for _, id := range rapid.SampledFrom([][]string{{decision}, {decision}, nil, {canary}, {decision, decision}}).Draw(t, "id") {
		lines = append(lines, line("x-request-id", id))
	}
	for _, name := range rapid.SliceOfN(rapid.SampledFrom(names), 0, 6).Draw(t, "names") {
		lines = append(lines, line(name, canary))
	}
	if rapid.IntRange(0, 9).Draw(t, "many names") == 0 {
		for i := range maxRemovals {
			lines = append(lines, line(fmt.Sprint("kubernetes-x", i), canary))
		}
	}
	return lines
}

// bodies are what is sent under a name, whether it is said to be all, and the id
// that the answer has to carry; "" for none.
var bodies = map[string]struct {
	data string
	all  bool
	id   string
}{
	"body":               {`{"jsonrpc":"2.0","method":"m","params":"` + canary + `","id":7}`, true, `7`},
	"body open":          {`{"jsonrpc":"2.0","method":"m","params":"` + canary + `","id":"a"}`, false, `"a"`},
	"body cut before id": {`{"jsonrpc":"2.0","method":"m","params":"` + canary, false, ``},
	"body cut after id":  {`{"jsonrpc":"2.0","id":9,"method":"m","params":"` + canary, false, `9`},
	"body empty":         {``, true, ``},
	"body no JSON":       {canary, true, ``},
	"body batch":         {`[{"id":1,"method":"m"},{"id":2,"method":"m"},{"method":"n"}]`, true, `1,2`},
}

// message is what an act puts on the wire.
func (p plan) message(what string) *extprocv3.ProcessingRequest {
	switch what {
	case "headers", "headers alone":
		m := headers(what == "headers alone", p.lines...)
		m.ProtocolConfig, m.ObservabilityMode = p.config, p.watched
		return m
	case "trailers":
		return trailers()
	case "response headers":
		return responseHeaders()
	case "response body":
		return responseBody()
	case "response trailers":
		return responseTrailers()
	case "no phase":
		return phaseless()
	case "unknown phase":
		return unknown()
	}
	b := bodies[what]
	return body([]byte(b.data), b.all)
}
