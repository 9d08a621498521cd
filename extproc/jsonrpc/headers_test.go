package jsonrpc_test

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"kubernetes-mcp-edge/extproc/jsonrpc"
)

func TestHeaders(t *testing.T) {
	require.Equal(t, [][2]string{
		{"content-type", "application/json"},
		{"cache-control", "no-store"},
		{"access-control-allow-origin", "*"},
		{"access-control-expose-headers", "x-request-id"},
	}, jsonrpc.Headers())
	jsonrpc.Headers()[0][0] = "changed"
	require.Equal(t, "content-type", jsonrpc.Headers()[0][0], "every caller has its own copy")
	for _, header := range jsonrpc.Headers() {
		require.NotContains(t, []string{"www-authenticate", "mcp-session-id", "set-cookie", "vary", "access-control-allow-credentials"}, header[0])
	}
}

func TestValidDecision(t *testing.T) {
	const good = "0f8fad5b-d9cb-469f-a165-70867728950e"
	for _, s := range []string{good, strings.ToUpper(good), "00000000-0000-0000-0000-000000000000"} {
		require.True(t, jsonrpc.ValidDecision(s), s)
	}
	for _, s := range []string{
		"", good[:35], good + "0", " " + good[1:], "{" + good[1:35] + "}", "urn:uuid:" + good, strings.ReplaceAll(good, "-", ""),
		strings.ReplaceAll(good, "-", "0"), "g" + good[1:], good[:35] + "\n", good[:35] + "\x00", good[:8] + "0" + good[9:], good[:9] + "-" + good[10:],
		"ſ" + good[2:], strings.Repeat("-", 36), good[:35] + "/", good[:35] + ":", good[:35] + "@", good[:35] + "G", good[:35] + "`",
	} {
		require.False(t, jsonrpc.ValidDecision(s), "%q", s)
	}
}

func TestNewDecision(t *testing.T) {
	seen := map[string]bool{}
	rapid.Check(t, func(t *rapid.T) {
		d := jsonrpc.NewDecision()
		require.True(t, jsonrpc.ValidDecision(d))
		require.Regexp(t, `^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$`, d)
		require.False(t, seen[d])
		seen[d] = true
	})
}
