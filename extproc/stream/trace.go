package stream

import "encoding/hex"

// TraceParent is the place of a request in a trace, as W3C Trace Context
// (version 00) writes it in the header traceparent. The zero value is none. Its
// ids are numbers that say nothing about the caller.
type TraceParent struct {
	TraceID [16]byte
	SpanID  [8]byte
	// Sampled says that whoever began the trace wants to see it.
	Sampled bool
}

// traceParentLength is that of version 00; later versions may add more after a dash.
const traceParentLength = 55

// parseTraceParent reads a header value, or returns the zero value: a trace
// context that cannot be read is none, and no reason to refuse anything.
func parseTraceParent(value []byte) TraceParent {
	var p TraceParent
	var version, flags [1]byte
	if len(value) < traceParentLength || value[2] != '-' || value[35] != '-' || value[52] != '-' ||
		!lowerHex(version[:], value[:2]) || !lowerHex(p.TraceID[:], value[3:35]) ||
		!lowerHex(p.SpanID[:], value[36:52]) || !lowerHex(flags[:], value[53:55]) {
		return TraceParent{}
	}
	longer := len(value) > traceParentLength
	switch {
	case version[0] == 0xff, version[0] == 0 && longer, longer && value[55] != '-':
		return TraceParent{}
	case p.TraceID == [16]byte{}, p.SpanID == [8]byte{}:
		return TraceParent{}
	}
	p.Sampled = flags[0]&1 == 1
	return p
}

// lowerHex decodes hex without capitals, which the specification rules out.
func lowerHex(to, from []byte) bool {
	for _, c := range from {
		if 'A' <= c && c <= 'F' {
			return false
		}
	}
	n, err := hex.Decode(to, from)
	return err == nil && n == len(to)
}
