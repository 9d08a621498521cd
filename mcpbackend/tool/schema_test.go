package tool

import (
	"encoding/json"
	"testing"

	"github.com/google/jsonschema-go/jsonschema"
	"github.com/stretchr/testify/require"
)

// TestOutputIsShort: types and nothing else.
func TestOutputIsShort(t *testing.T) {
	type part struct {
		A string   `json:"a" jsonschema:"words"`
		B []string `json:"b"`
		C *int64   `json:"c,omitempty"`
		D []struct{ E string }
	}
	text, err := json.Marshal(Output[part]())
	require.NoError(t, err)
	require.JSONEq(t, `{"type":"object","properties":{"a":{"type":"string"},"b":{"type":"array","items":{"type":"string"}},"c":{"type":"integer"},"D":{"type":"array"}}}`, string(text))
	text, err = json.Marshal(Output[part]("a"))
	require.NoError(t, err)
	require.JSONEq(t, `{"type":"object","properties":{"a":{"type":"string"}}}`, string(text))
}

// TestPlainSchemas: nothing that may be null, at any depth.
func TestPlainSchemas(t *testing.T) {
	type part struct {
		A []struct {
			B []string `json:"b,omitempty"`
		} `json:"a"`
		C *int64 `json:"c,omitempty"`
	}
	whole, err := jsonschema.For[part](nil)
	require.NoError(t, err)
	text, err := json.Marshal(whole)
	require.NoError(t, err)
	require.Contains(t, string(text), `"null"`, "else there is nothing to do")
	text, err = json.Marshal(plain(whole))
	require.NoError(t, err)
	require.JSONEq(t, `{"type":"object","required":["a"],"additionalProperties":false,"properties":{"c":{"type":"integer"},"a":{"type":"array","items":{
		"type":"object","additionalProperties":false,"properties":{"b":{"type":"array","items":{"type":"string"}}}}}}}`, string(text))
}
