package jsonrpc_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net/http"
	"runtime"
	"slices"
	"strings"
	"testing"
	"testing/quick"

	"github.com/go-json-experiment/json/jsontext"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"kubernetes-mcp-edge/extproc/jsonrpc"
)

// value draws any JSON value, ids and methods inside it included.
func value(depth int) *rapid.Generator[string] {
	leaf := rapid.SampledFrom([]string{`null`, `true`, `0`, `-1.5e3`, `"id"`, `"\"id\":9"`, `"é\u00e9"`, `""`})
	if depth == 0 {
		return leaf
	}
	inner := value(depth - 1)
	return rapid.OneOf(leaf,
		rapid.Map(rapid.SliceOfN(inner, 0, 3), func(v []string) string { return "[" + strings.Join(v, ",") + "]" }),
		rapid.Map(rapid.SliceOfN(inner, 0, 3), func(v []string) string {
			out := make([]string, len(v))
			for i := range v {
				out[i] = []string{`"id"`, `"method"`, `"ID"`}[i] + ": " + v[i]
			}
			return "{" + strings.Join(out, ",") + "}"
		}))
}

// id draws a legal id as raw text.
func id() *rapid.Generator[string] {
	return rapid.OneOf(
		rapid.StringMatching(`-?(0|[1-9][0-9]{0,40})`),
		rapid.Map(rapid.String(), func(s string) string {
			quoted, err := jsontext.AppendQuote(nil, s)
			if err != nil || len(quoted) > 256 {
				return `"fallback"`
			}
			return string(quoted)
		}),
		rapid.StringMatching(`"(\\u00[4-7][0-9a-f]|\\[nrt"/\\]|[a-z]){0,20}"`))
}

// TestIDIsEchoed: whatever stands around it, in whatever order, the id comes
// back byte for byte, and cut anywhere it comes back exactly if it was whole.
func TestIDIsEchoed(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		raw := id().Draw(t, "id")
		members := []string{`"id":` + raw, `"method":"x"`}
		for i, v := range rapid.SliceOfN(value(3), 0, 4).Draw(t, "others") {
			members = append(members, fmt.Sprintf(`"%s":%s`, []string{"jsonrpc", "params", "ID", "Method"}[i], v))
		}
		members = rapid.Permutation(members).Draw(t, "order")
		body := "{" + strings.Join(members, rapid.SampledFrom([]string{",", " , ", "\n,\t"}).Draw(t, "space")) + "}"
		requireAnswer(t, post(body), 200, withID(raw))
		requireAnswer(t, post(body, modernVersion), 400, withID(raw))

		start := strings.Index(body, `"id":`+raw) // a nested one reads "id": with a space
		require.GreaterOrEqual(t, start, 0)
		m := post(body[:rapid.IntRange(0, len(body)).Draw(t, "cut")])
		m.Truncated = true
		if len(m.Body) > start+len(`"id":`+raw) {
			requireAnswer(t, m, 200, withID(raw))
		} else {
			requireAnswer(t, m, 400, noID)
		}
	})
}

// check holds for any message at all: the promises of Reject.
func check(t require.TestingT, m jsonrpc.Message) {
	got := jsonrpc.Reject(m, refusal())
	require.Contains(t, []int{200, 400}, got.Status)
	require.True(t, jsontext.Value(got.Body).IsValid(), "the answer is JSON by the strict rules")
	if got.Body[0] == '[' {
		require.Equal(t, 200, got.Status)
		answered := split(t, got.Body)
		entries := split(t, m.Body)
		require.LessOrEqual(t, len(entries), jsonrpc.MaxBatch)
		require.NotEmpty(t, answered)
		for _, answer := range answered {
			id := member(t, answer)
			require.True(t, slices.ContainsFunc(entries, func(e json.RawMessage) bool { return bytes.Equal(id, member(nil, e)) }))
		}
		return
	}
	id := member(t, got.Body)
	if id == nil {
		require.Equal(t, 400, got.Status)
		return
	}
	require.Equal(t, http.MethodPost, m.Method)
	require.LessOrEqual(t, len(id), 256)
	require.Contains(t, `"-0123456789`, string(id[:1]), "an id is a string or a number, never null")
	require.True(t, bytes.Contains(m.Body, id))
	if !m.Truncated {
		require.Equal(t, string(member(t, m.Body)), string(id), "the id stood at the top of the message")
	}
}

func split(t require.TestingT, raw []byte) []json.RawMessage {
	var out []json.RawMessage
	require.NoError(t, json.NewDecoder(bytes.NewReader(raw)).Decode(&out))
	return out
}

// member returns the raw top-level id, read by the standard library's parser;
// t may be nil where raw need not be an object.
func member(t require.TestingT, raw []byte) json.RawMessage {
	var out map[string]json.RawMessage
	if err := json.Unmarshal(raw, &out); t != nil {
		require.NoError(t, err)
	}
	return out["id"]
}

func message(kind uint8, version string, body []byte) jsonrpc.Message {
	m := jsonrpc.Message{Method: http.MethodPost, Versions: nil, Body: body, Truncated: kind&1 != 0}
	if kind&2 != 0 {
		m.Versions = []string{version}
	}
	if kind&12 == 12 {
		m.Method = http.MethodGet
	}
	return m
}

func TestPromisesOnNoise(t *testing.T) {
	require.NoError(t, quick.Check(func(kind uint8, version string, body []byte) bool {
		check(t, message(kind, version, body))
		return true
	}, nil))
}

// TestLinear: a large body in the shapes that are worst for a parser is read
// once, in place. Quadratic work would run into the timeout of the test binary;
// the memory has a bound of its own.
func TestLinear(t *testing.T) {
	const size = 8 << 20
	for name, body := range map[string]string{
		"members": `{` + strings.Repeat(`"a":1,`, size/6) + `"method":"x","id":1}`,
		"string":  `{"params":"` + strings.Repeat("é", size/2) + `","method":"x","id":1}`,
		"arrays":  `{"params":[` + strings.Repeat(`[],`, size/3) + `1],"method":"x","id":1}`,
		"escapes": `{"` + strings.Repeat(`\u0061`, size/6) + `":0,"method":"x","id":1}`,
		"id":      `{"method":"x","a":0,"id":"` + strings.Repeat("x", size) + `"}`,
	} {
		t.Run(name, func(t *testing.T) {
			m := post(body)
			var before, after runtime.MemStats
			runtime.ReadMemStats(&before)
			answer := jsonrpc.Reject(m, refusal())
			runtime.ReadMemStats(&after)
			require.Less(t, after.TotalAlloc-before.TotalAlloc, uint64(size))
			require.Less(t, len(answer.Body), 1000)
		})
	}
}
