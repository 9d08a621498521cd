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
// body, byte for byte; and an id that the standard library's parser finds without
// any doubt is in it.
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
		if id := plainID(body); id != nil && m.Method == http.MethodPost {
			require.Equal(t, withID(string(id)), got, "the id is plain to see and not answered")
		}
	})
}

// plainID is the id of a body that every parser reads alike: one object with one
// id and one method, by the standard library's decoder. The names are compared
// after decoding, as it does for a map.
func plainID(body []byte) json.RawMessage {
	if !json.Valid(body) {
		return nil
	}
	dec := json.NewDecoder(bytes.NewReader(body))
	if open, err := dec.Token(); err != nil || open != json.Delim('{') {
		return nil
	}
	ids, methods := []json.RawMessage{}, []json.RawMessage{}
	for dec.More() {
		name, err := dec.Token()
		var value json.RawMessage
		if err != nil || dec.Decode(&value) != nil {
			return nil
		}
		switch name {
		case "id":
			ids = append(ids, value)
		case "method":
			methods = append(methods, value)
		}
	}
	if len(ids) != 1 || len(methods) != 1 || methods[0][0] != '"' || len(ids[0]) > 256 {
		return nil
	}
	switch id := ids[0]; id[0] {
	case '"':
		if jsontext.Value(id).IsValid() {
			return id
		}
	case '-', '0', '1', '2', '3', '4', '5', '6', '7', '8', '9':
		if !bytes.ContainsAny(id, ".eE") {
			return id
		}
	}
	return nil
}

// TestCorpus: a target without seeds would pass.
func TestCorpus(t *testing.T) {
	plain := 0
	for _, seed := range trial.Corpus(t, "FuzzReject") {
		if plainID([]byte(seed.Values[2])) != nil {
			plain++
		}
	}
	require.Greater(t, plain, 5)
}
