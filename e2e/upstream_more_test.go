package e2e

import (
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"kubernetes-mcp-edge/e2e/harness"
	"kubernetes-mcp-edge/e2e/rig"
	"kubernetes-mcp-edge/extproc/kubeheader"
)

// TestUpstreamRejectionsHaveCodes (defect 8): whatever the method, a rejection is
// JSON-RPC's "invalid params" with a reason that programs can tell apart, and never
// code 0; and who sends what is needed is let in with every method.
func TestUpstreamRejectionsHaveCodes(t *testing.T) {
	client := rig.NewClient(t, true)
	alice := shared.Cluster.Token("alice")
	for method, params := range map[string]string{
		"initialize": `{"protocolVersion":"2025-11-25","capabilities":{},"clientInfo":{"name":"t","version":"1"}}`,
		"ping":       `{}`, "tools/list": `{}`, "tools/call": `{"name":"whoami","arguments":{}}`,
	} {
		body := fmt.Sprintf(`{"jsonrpc":"2.0","id":"m","method":%q,"params":%s}`, method, params)
		seen := map[string]bool{}
		for header, reason := range map[string]kubeheader.Reason{
			kubeheader.Server:               kubeheader.ReasonServerMissing,
			kubeheader.CertificateAuthority: kubeheader.ReasonCertificateAuthorityMissing,
			kubeheader.Authorization:        kubeheader.ReasonCredentialMissing,
		} {
			res, err := client.Post(t.Context(), shared.Stack.URL, alice.Without(header).With("MCP-Protocol-Version", "2025-11-25"), body)
			require.NoError(t, err)
			require.NoError(t, rig.Refusal{Status: http.StatusOK, ID: `"m"`, Code: -32602, Reason: reason, Header: "*"}.Differs(res), method)
			seen[reason.String()] = true
		}
		require.Len(t, seen, 3)
		res, err := client.Post(t.Context(), shared.Stack.URL, alice.With("MCP-Protocol-Version", "2025-11-25"), body)
		require.NoError(t, err)
		rpc, err := res.RPC()
		require.NoError(t, err)
		require.Nil(t, rpc.Error, method)
	}
}

// TestUpstreamWarmCalls (defect 9): the second call of a caller costs one request,
// no discovery, no connection, and neither does a hundredth.
func TestUpstreamWarmCalls(t *testing.T) {
	r := newRelay(t)
	s := r.stack(t, "")
	client := rig.NewClient(t, true)
	const path = "/api/v1/namespaces/team-a/configmaps"
	list := func() {
		got, rpc, err := client.CallTool(t.Context(), s.URL, r.headers(), "resources_list", `{"apiVersion":"v1","kind":"ConfigMap","namespace":"team-a"}`)
		require.NoError(t, err)
		require.Nil(t, rpc.Error)
		require.False(t, got.IsError, got.Text())
	}
	list()
	requests, _, connections := r.seen()
	require.LessOrEqual(t, len(requests), 3, requests)
	require.Equal(t, 1, connections)
	for range 100 {
		list()
	}
	requests, _, connections = r.seen()
	require.Len(t, requests, 100)
	for _, request := range requests {
		require.Equal(t, path, request)
	}
	require.Zero(t, connections)
}

// TestUpstreamShowsNoCredential (defect 10): no tool shows a configuration, no answer
// holds what the caller sent as his credential, and a namespace that nobody named
// is asked for and not taken to be "default".
func TestUpstreamShowsNoCredential(t *testing.T) {
	client := rig.NewClient(t, true)
	for _, c := range shared.Callers() {
		res, err := client.Post(t.Context(), shared.Stack.URL, c.Headers.With("MCP-Protocol-Version", "2025-11-25"), `{"jsonrpc":"2.0","id":1,"method":"tools/list"}`)
		require.NoError(t, err)
		rpc, err := res.RPC()
		require.NoError(t, err)
		var list struct {
			Tools []struct {
				Name string `json:"name"`
			} `json:"tools"`
		}
		require.NoError(t, json.Unmarshal(rpc.Result, &list))
		require.NotEmpty(t, list.Tools)
		user := shared.Cluster.Users[c.User]
		secrets := []string{user.Token, strings.TrimPrefix(c.Headers.Get(kubeheader.Authorization), "Bearer "), c.Headers.Get(kubeheader.ClientKey), pemBody(user.Key)}
		for _, tool := range list.Tools {
			require.False(t, strings.HasPrefix(tool.Name, "configuration") || strings.HasPrefix(tool.Name, "targets"), tool.Name)
			arguments := fmt.Sprintf(`{"kind":"ConfigMap","apiVersion":"v1","name":"settings","namespace":%q}`, c.Namespace)
			if tool.Name == "whoami" || tool.Name == "namespaces_list" {
				arguments = `{}`
			}
			res, err := client.Post(t.Context(), shared.Stack.URL, c.Headers.With("MCP-Protocol-Version", "2025-11-25"),
				fmt.Sprintf(`{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":%q,"arguments":%s}}`, tool.Name, arguments))
			require.NoError(t, err)
			for _, secret := range secrets {
				require.False(t, secret != "" && strings.Contains(string(res.Body), secret), "%s shows a credential", tool.Name)
			}
		}
		got, _, err := client.CallTool(t.Context(), shared.Stack.URL, c.Headers, "resources_get", `{"apiVersion":"v1","kind":"ConfigMap","name":"settings"}`)
		require.NoError(t, err)
		require.True(t, got.IsError)
		require.Contains(t, got.Text(), "call again with namespace")
		require.NotContains(t, got.Text(), "default")
	}
}

// pemBody is a line from the middle of a PEM text.
func pemBody(text string) string {
	lines := strings.Split(strings.TrimSpace(text), "\n")
	return lines[len(lines)/2]
}

// TestUpstreamCompiles (defect 11): the tree that is tested is one that builds.
func TestUpstreamCompiles(t *testing.T) {
	t.Parallel()
	// Not build, which would link every program only to throw it away: make has
	// linked them. As make and go test compile, there is little left to compile.
	programs := exec.CommandContext(t.Context(), "go", "list", "-export", "-trimpath", "./...")
	programs.Dir, programs.Env = harness.Root(), append(os.Environ(), "CGO_ENABLED=0")
	tests := exec.CommandContext(t.Context(), "go", "list", "-export", "./...")
	tests.Dir = filepath.Join(harness.Root(), "e2e")
	for _, cmd := range []*exec.Cmd{programs, tests} {
		out, err := cmd.CombinedOutput()
		require.NoError(t, err, string(out))
	}
}

// gadget is a kind that only one of two clusters has.
const gadget = `{"apiVersion":"apiextensions.k8s.io/v1","kind":"CustomResourceDefinition","metadata":{"name":"gadgets.example.com"},
	"spec":{"group":"example.com","scope":"Namespaced","names":{"plural":"gadgets","singular":"gadget","kind":"Gadget"},
	"versions":[{"name":"v1","served":true,"storage":true,"schema":{"openAPIV3Schema":{"type":"object"}}}]}}`

// TestUpstreamKindsPerCaller (defect 12): what a cluster offers is found out for
// each caller, and known of no other; calls that change nothing fill no log.
func TestUpstreamKindsPerCaller(t *testing.T) {
	t.Parallel()
	second, err := harness.StartSecondCluster(t.Context(), shared.Binaries.Cluster, filepath.Join(shared.ShortDir(t), "k"))
	require.NoError(t, err)
	t.Cleanup(second.Stop)
	policy, err := harness.Policy(t.Context(), shared.Cluster.Server, second.Server)
	require.NoError(t, err)
	s := shared.StartStack(t, harness.Options{Policy: policy})
	client := rig.NewClient(t, true)
	apiSend(t.Context(), t, "admin", http.MethodPatch, "/apis/apiextensions.k8s.io/v1/customresourcedefinitions/gadgets.example.com?fieldManager=test", "application/apply-patch+yaml", gadget)
	has := func(c *harness.Cluster) harness.ToolResult {
		got, rpc, err := client.CallTool(t.Context(), s.URL, c.Token("admin"), "resources_list", `{"apiVersion":"example.com/v1","kind":"Gadget","namespace":"team-a"}`)
		require.NoError(t, err)
		require.Nil(t, rpc.Error)
		return got
	}
	rig.Eventually(t, func() error { // the API server takes a moment to serve it
		if got := has(shared.Cluster); got.IsError {
			return fmt.Errorf("%s", got.Text())
		}
		return nil
	})
	for range 3 {
		require.Contains(t, has(shared.Cluster).Text(), "0 Gadget (example.com/v1) in namespace team-a")
		got := has(second)
		require.True(t, got.IsError)
		require.Contains(t, got.Text(), `This cluster has no kind "Gadget"`)
	}
	apiSend(t.Context(), t, "admin", http.MethodDelete, "/apis/apiextensions.k8s.io/v1/customresourcedefinitions/gadgets.example.com", "", "")
	calls := rig.ToolCalls(s)
	lines := strings.Count(string(s.MCPBackend.Output()), "\n")
	for range 5 {
		require.Equal(t, "alice", rig.Whoami(t, client, s.URL, shared.Cluster.Token("alice")))
	}
	rig.Eventually(t, func() error { // nobody waits for the log
		if got := rig.ToolCalls(s); got != calls+5 {
			return fmt.Errorf("%d calls in the log", got-calls)
		}
		return nil
	})
	require.Equal(t, lines+5, strings.Count(string(s.MCPBackend.Output()), "\n"), "one line per call, and none for what it looks at")
}
