package envoy_test

import (
	"os"
	"strings"
	"testing"
	"time"
	"unicode"

	"github.com/stretchr/testify/require"

	"kubernetes-mcp-edge/envoy"
)

// FuzzLint: whatever the bytes, an answer, soon, that can be printed.
func FuzzLint(f *testing.F) {
	for _, file := range []string{"bootstrap.yaml", "testdata/istio_dump.yaml", "testdata/istio_manifest.yaml"} {
		text, err := os.ReadFile(file)
		require.NoError(f, err)
		f.Add(text)
	}
	for _, seed := range []string{
		"", "{", "[]", "null", "admin: {}", "static_resources: []", "static_resources: {listeners: {}, clusters: [1, null, {name: []}]}",
		`{"configs":[null,1,{"@type":1},{"@type":"type.googleapis.com/envoy.admin.v3.ListenersConfigDump","dynamic_listeners":[{"active_state":{"listener":{"filter_chains":{}}}}]}]}`,
		"kind: EnvoyFilter\nspec: {configPatches: [1, {applyTo: NETWORK_FILTER}, {applyTo: HTTP_FILTER, patch: {operation: MERGE, value: []}}]}",
		"kind: EnvoyFilter\n---\n- 1\n---\nkind: VirtualService\nspec: {http: [{route: 1, headers: {request: {remove: [1]}}}]}\n",
		"a: &a [x]\nadmin: *a\nnode: {<<: *a}", strings.Repeat("[", 2000), "admin: " + strings.Repeat("{a: ", 500),
		`node: {metadata: {"\u001b[31m": 1}}` + "\nadmin: {\"\x1b[31m\": 1}",
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, config []byte) {
		start := time.Now()
		found := envoy.Lint(config)
		require.Less(t, time.Since(start), 5*time.Second, "%d bytes", len(config))
		for _, one := range found {
			require.NotContains(t, one.String(), "\n")
			require.NotEmpty(t, one.Message)
			require.NotEmpty(t, one.Next)
			require.Equal(t, -1, strings.IndexFunc(one.String(), func(c rune) bool { return !unicode.IsPrint(c) && c != ' ' }), "%q", one)
		}
	})
}
