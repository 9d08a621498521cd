package jsonrpc_test

import (
	"strings"
	"testing"

	"kubernetes-mcp-edge/extproc/jsonrpc"
	"kubernetes-mcp-edge/extproc/trial"
)

// The id is looked for in place: neither the size of the body nor the number of
// its members adds to the 15 or 16 of the decoder and the answer, but what the
// race detector takes from their pools (measured: 21).
func TestAllocsOfReject(t *testing.T) {
	for name, body := range map[string]string{
		"id first":           `{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{}}`,
		"id after a big one": `{"method":"tools/call","params":{"a":"` + strings.Repeat("x", 1<<16) + `"},"id":"b"}`,
		"many members":       `{` + strings.Repeat(`"a":{"id":1},`, 1000) + `"method":"x","id":1}`,
	} {
		t.Run(name, func(t *testing.T) {
			m := post(body)
			trial.Allocs(t, trial.Budget{Plain: 18, Race: 25}, func() { jsonrpc.Reject(m, refusal()) })
		})
	}
}
