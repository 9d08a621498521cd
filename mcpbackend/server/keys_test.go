package server

import (
	"os"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"kubernetes-mcp-edge/extproc/prooftest"
)

// TestKeysReload: a new key is taken, a broken file leaves the last good keys.
func TestKeysReload(t *testing.T) {
	api := newBrokenAPI(t)
	w := newWorld(t, api)
	whoami := func() string {
		_, body := w.post(t, api.headers("alice-token"), "", message("", "tools/call", `{"name":"whoami","arguments":{}}`))
		return body
	}
	require.Contains(t, whoami(), "User: alice")
	require.NoError(t, os.WriteFile(w.keysAt, []byte("{"), 0o600))
	w.look(time.Now())
	require.Len(t, w.logs.lines(t, "keys not reloaded, the last good state stays in force"), 1)
	require.Contains(t, whoami(), "User: alice")
	old := w.signer
	w.signer = prooftest.NewSigner(t, w.keysAt)
	w.look(time.Now())
	require.Len(t, w.logs.lines(t, "keys reloaded"), 1)
	require.Contains(t, whoami(), "User: alice")
	w.signer = old
	require.Contains(t, whoami(), "proof-unknown-key")
}

// TestKeysReloadForgetsClients: a new key set empties every cache; what it
// replaced may have been in wrong hands, and so what was made under it.
func TestKeysReloadForgetsClients(t *testing.T) {
	api := newBrokenAPI(t)
	w := newWorld(t, api)
	whoami := func() int64 {
		_, body := w.post(t, api.headers("alice-token"), "", message("", "tools/call", `{"name":"whoami","arguments":{}}`))
		require.Contains(t, body, "User: alice")
		return api.connections.Load()
	}
	first := whoami()
	require.Equal(t, first, whoami(), "a warm call opens no connection")
	w.look(time.Now())
	require.Equal(t, first, whoami(), "the keys are the same")
	w.signer = prooftest.NewSigner(t, w.keysAt)
	w.look(time.Now())
	require.Greater(t, whoami(), first)
}
