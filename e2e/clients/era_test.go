package clients

import (
	"net/http"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"
)

// TestClientsSpeakTheirEra: what the other tests see of a client, they see in
// this revision. The legacy ones name it once they know it, so not in initialize.
func TestClientsSpeakTheirEra(t *testing.T) {
	const legacy, modern = "2025-11-25", "2026-07-28"
	var mu sync.Mutex
	var named []string
	url := newRelay(t, func(r *http.Request) {
		mu.Lock()
		defer mu.Unlock()
		named = append(named, r.Header.Values("Mcp-Protocol-Version")...)
	}).to(t, world.Stack.URL)
	wants := func(t *testing.T, version string, got outcome) {
		t.Helper()
		require.Zero(t, got.status, got)
		mu.Lock()
		defer mu.Unlock()
		require.NotEmpty(t, named)
		for _, one := range named {
			require.Equal(t, version, one)
		}
		named = nil
	}
	alice := world.Cluster.Token("alice")
	for _, s := range sdks(t) {
		version := map[string]string{"python-v1": legacy, "python-v2": modern, "typescript-v1": legacy, "typescript-v2": modern}[s.name]
		wants(t, version, s.run(t, alice, []call{{"whoami", `{}`}}, "--url", url))
	}
	wants(t, legacy, inspect(t, url, "legacy", alice, toolCall(call{"whoami", `{}`})...))
	wants(t, modern, inspect(t, url, "auto", alice, toolCall(call{"whoami", `{}`})...))
}
