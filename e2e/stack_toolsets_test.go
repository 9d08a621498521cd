package e2e

import (
	"net/http"
	"os"
	"os/exec"
	"testing"

	"github.com/stretchr/testify/require"

	"kubernetes-mcp-edge/e2e/harness"
	"kubernetes-mcp-edge/e2e/rig"
)

// TestStackToolsets: make run TOOLSETS=… offers what it names, and the instructions
// speak of writing only where there is something to write with.
func TestStackToolsets(t *testing.T) {
	t.Parallel()
	cmd := exec.CommandContext(t.Context(), "make", "-n", "-C", harness.Root(), "run", "TOOLSETS=core,write,exec")
	cmd.Env = without(os.Environ(), "MAKEFLAGS")
	out, err := cmd.CombinedOutput()
	require.NoError(t, err, string(out))
	require.Contains(t, string(out), "/stack --toolsets 'core,write,exec'")

	r := runStack(t, onKubeconfig("alice"), "--port", "0", "--toolsets", "core,write,exec")
	state := r.up(t)
	var headers harness.Headers
	for name, value := range state.Tenants["me"]["token"] {
		headers = headers.Plus(name, value)
	}
	client := rig.NewClient(t, false)
	ask := func(url, method, params string) string {
		got, err := client.Post(t.Context(), url, headers, `{"jsonrpc":"2.0","id":1,"method":"`+method+`","params":`+params+`}`)
		require.NoError(t, err)
		require.Equal(t, http.StatusOK, got.Status)
		return string(got.Body)
	}
	const hello = `{"protocolVersion":"2025-11-25","capabilities":{},"clientInfo":{"name":"t","version":"1"}}`
	list := ask(state.URL, "tools/list", `{}`)
	for _, name := range []string{"whoami", "resources_delete", "pods_exec"} {
		require.Contains(t, list, `"`+name+`"`)
	}
	require.Contains(t, ask(state.URL, "initialize", hello), "dryRun")
	require.NoError(t, r.cmd.Process.Signal(os.Interrupt))
	require.Equal(t, 0, r.wait(t), r.out.String())

	headers = shared.Cluster.Token("alice")
	require.NotContains(t, ask(shared.Stack.URL, "tools/list", `{}`), "pods_exec", "off by default")
	require.NotContains(t, ask(shared.Stack.URL, "initialize", hello), "dryRun")
}
