package stream

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

const (
	someTrace  = "4bf92f3577b34da6a3ce929d0e0e4736"
	someSpan   = "00f067aa0ba902b7"
	someParent = "00-" + someTrace + "-" + someSpan + "-01" // the example of the W3C's specification
)

func TestTraceParentIsReadAsTheSpecificationSays(t *testing.T) {
	got := parseTraceParent([]byte(someParent))
	require.Equal(t, [16]byte{0x4b, 0xf9, 0x2f, 0x35, 0x77, 0xb3, 0x4d, 0xa6, 0xa3, 0xce, 0x92, 0x9d, 0x0e, 0x0e, 0x47, 0x36}, got.TraceID)
	require.Equal(t, [8]byte{0x00, 0xf0, 0x67, 0xaa, 0x0b, 0xa9, 0x02, 0xb7}, got.SpanID)
	require.True(t, got.Sampled)
	require.False(t, parseTraceParent([]byte(strings.TrimSuffix(someParent, "1")+"0")).Sampled)
	require.True(t, parseTraceParent([]byte(strings.TrimSuffix(someParent, "01")+"ff")).Sampled, "flags that nobody knows yet do not matter")
	require.Equal(t, got, parseTraceParent([]byte("01"+someParent[2:]+"-more")), "a later version may say more")
	for name, bad := range map[string]string{
		"nothing": "", "short": someParent[:54], "long for version 00": someParent + "-x", "version ff": "ff" + someParent[2:],
		"capitals": strings.ToUpper(someParent), "no hex": strings.ReplaceAll(someParent, "f", "g"), "no dash": strings.ReplaceAll(someParent, "-", "_"),
		"no trace": "00-" + strings.Repeat("0", 32) + "-" + someSpan + "-01", "no span": "00-" + someTrace + "-" + strings.Repeat("0", 16) + "-01",
		"later without a dash": "01" + someParent[2:] + "more",
	} {
		require.Zero(t, parseTraceParent([]byte(bad)), name)
	}
}

// TestEventHasTheTraceOfItsRequest, if there is exactly one.
func TestEventHasTheTraceOfItsRequest(t *testing.T) {
	for name, row := range map[string]struct {
		lines []string
		want  TraceParent
	}{
		"one": {[]string{someParent}, parseTraceParent([]byte(someParent))}, "none": {}, "two": {[]string{someParent, someParent}, TraceParent{}},
	} {
		message := headers(true, post()...).GetRequestHeaders()
		for _, line := range row.lines {
			message.Headers.Headers = append(message.Headers.Headers, option("traceparent", line).GetHeader())
		}
		require.Equal(t, row.want, read(message).trace, name)
		require.Empty(t, read(message).facts.Fields, "it is no fact: it does not keep verdicts apart")
	}
}
