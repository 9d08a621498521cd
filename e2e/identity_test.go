package e2e

import (
	"fmt"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	"kubernetes-mcp-edge/e2e/rig"
)

// TestCallersAlternateOnOneConnection: identity comes from the request and not
// from the connection, whichever protocol the connection speaks.
func TestCallersAlternateOnOneConnection(t *testing.T) {
	for _, http2 := range []bool{false, true} {
		t.Run(fmt.Sprintf("http2=%t", http2), func(t *testing.T) {
			client := rig.NewClient(t, http2)
			for range 3 {
				for _, c := range shared.Callers() {
					c.Check(t, client, shared.Stack.URL)
				}
			}
			require.Equal(t, 1, client.Connections(), "the calls were to share one connection")
		})
	}
}

// TestCallersAtTheSameTime: many at once see what each sees alone.
func TestCallersAtTheSameTime(t *testing.T) {
	client := rig.NewClient(t, true)
	var wg sync.WaitGroup
	for range 4 {
		for _, c := range shared.Callers() {
			wg.Go(func() { c.Check(t, client, shared.Stack.URL) })
		}
	}
	wg.Wait()
}

// TestNamespacesList: the admin sees all, a tenant is told that it may not.
func TestNamespacesList(t *testing.T) {
	client := rig.NewClient(t, false)
	all, _, err := client.CallTool(t.Context(), shared.Stack.URL, shared.Cluster.Token("admin"), "namespaces_list", `{}`)
	require.NoError(t, err)
	require.False(t, all.IsError, all.Text())
	for _, namespace := range []string{"team-a", "team-b", "kube-system"} {
		require.Contains(t, all.Text(), namespace)
	}
	denied, _, err := client.CallTool(t.Context(), shared.Stack.URL, shared.Cluster.Token("bob"), "namespaces_list", `{}`)
	require.NoError(t, err)
	require.True(t, denied.IsError)
	require.Contains(t, denied.Text(), "forbidden")
}

// TestDefaultNamespace: kubernetes-namespace is where a call goes that names none.
func TestDefaultNamespace(t *testing.T) {
	client := rig.NewClient(t, false)
	headers := shared.Cluster.Token("alice").With("kubernetes-namespace", "team-a")
	got, _, err := client.CallTool(t.Context(), shared.Stack.URL, headers, "resources_list", `{"apiVersion":"v1","kind":"ConfigMap"}`)
	require.NoError(t, err)
	require.False(t, got.IsError, got.Text())
	require.Contains(t, got.Text(), "settings")
	require.Contains(t, got.Text(), "team-a")
}

// TestSecretsAreRedacted: a tenant may read its Secret, a model may not see it.
func TestSecretsAreRedacted(t *testing.T) {
	client := rig.NewClient(t, false)
	got, rpc, err := client.CallTool(t.Context(), shared.Stack.URL, shared.Cluster.Token("alice"), "resources_get",
		`{"apiVersion":"v1","kind":"Secret","name":"database","namespace":"team-a"}`)
	require.NoError(t, err)
	require.False(t, got.IsError, got.Text())
	require.Contains(t, got.Text(), "password")
	// base64 of the seeded value's beginning, "do-not-show", and the value itself
	for _, canary := range []string{"do-not-show", "ZG8tbm90LXNob3ct"} {
		require.NotContains(t, string(rpc.Result), canary)
	}
}
