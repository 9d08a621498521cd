package jsonrpc_test

import (
	"bytes"
	"encoding/json"
	"net/http"
	"testing"

	"github.com/go-json-experiment/json/jsontext"
	"github.com/stretchr/testify/require"

	"kubernetes-mcp-edge/extproc/jsonrpc"
	"kubernetes-mcp-edge/extproc/trial"
)

// FuzzReject looks for a body that panics, that is dear to read, or for which a
// promise breaks: the answer is made of constants and ids of requests in the
// body, byte for byte; and where the standard library's parser can read the body,
// it decides which id that is, or that there is none.
func FuzzReject(f *testing.F) {
	for i, body := range []string{
		`{"method":"x","params":{"id":1},"jsonrpc":"2.0","id":2}`, `[{"id":1,"method":"x"},{"id":"a","method":"y"}]`,
		`{"id":1,"id":2,"method":"x"}`, `{"\u0069d":"\ud800","method":"x"}`, "\ufeff{}", `{"id":1e3,"method":"x"}`,
	} {
		f.Add(uint8(i), modernVersion, []byte(body))
	}
	f.Fuzz(func(t *testing.T, kind uint8, version string, body []byte) {
		if len(body) > 64<<10 { // longer ones take longer: TestLinear
			return
		}
		m := message(kind, version, body)
		sent := bytes.Clone(body)
		trial.Within(t, func() { jsonrpc.Reject(m, refusal()) })
		require.Equal(t, sent, body, "the body was changed")
		check(t, m)
		got := string(jsonrpc.Reject(m, refusal()).Body)
		if got[0] == '{' && got != noID {
			require.Equal(t, withID(string(member(t, []byte(got)))), got, "something of the body but its id is in the answer")
		}
		if id, ok := plainID(body); ok && m.Method == http.MethodPost {
			want := noID
			if id != nil {
				want = withID(string(id))
			}
			require.Equal(t, want, got, "the standard library reads another id")
		}
	})
}

// plainID is the id to answer, by the standard library's decoder: nil unless there
// is one id, a string or an integer, and one method, a string. It reports false
// for a body that is not one JSON object. Names are compared after decoding.
func plainID(body []byte) (id json.RawMessage, ok bool) {
	if !json.Valid(body) {
		return nil, false
	}
	dec := json.NewDecoder(bytes.NewReader(body))
	if open, err := dec.Token(); err != nil || open != json.Delim('{') {
		return nil, false
	}
	ids, methods := []json.RawMessage{}, []json.RawMessage{}
	for dec.More() {
		name, err := dec.Token()
		var value json.RawMessage
		if err != nil || dec.Decode(&value) != nil {
			return nil, false
		}
		switch name {
		case "id":
			ids = append(ids, value)
		case "method":
			methods = append(methods, value)
		}
	}
	if len(ids) != 1 || len(methods) != 1 || methods[0][0] != '"' || len(ids[0]) > 256 {
		return nil, true
	}
	switch ids[0][0] {
	case '"':
		if jsontext.Value(ids[0]).IsValid() {
			return ids[0], true
		}
	case '-', '0', '1', '2', '3', '4', '5', '6', '7', '8', '9':
		if !bytes.ContainsAny(ids[0], ".eE") {
			return ids[0], true
		}
	}
	return nil, true
}

// TestCorpus: a target without seeds would pass.
func TestCorpus(t *testing.T) {
	plain := 0
	for _, seed := range trial.Corpus(t, "FuzzReject") {
		if id, _ := plainID([]byte(seed.Values[2])); id != nil {
			plain++
		}
	}
	require.Greater(t, plain, 5)
}
