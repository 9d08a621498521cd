package tool

import (
	"encoding/json"
	"testing"

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
