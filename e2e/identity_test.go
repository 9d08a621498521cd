package e2e

import (
	"encoding/json"
	"fmt"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	"kubernetes-mcp-edge/e2e/harness"
)

// caller is one tenant with one kind of credential.
type caller struct {
	user, namespace, foreign string
	headers                  harness.Headers
}

func callers() []caller {
	c := shared.cluster
	return []caller{
		{"alice", "team-a", "team-b", c.Token("alice")},
		{"bob", "team-b", "team-a", c.Certificate("bob")},
		{"alice", "team-a", "team-b", c.Certificate("alice")},
		{"bob", "team-b", "team-a", c.Token("bob")},
	}
}

// check makes one caller's three calls: who am I, what is in my namespace, what
// is in the other one.
func (c caller) check(t *testing.T, client *harness.Client, url string) {
	t.Helper()
	me, rpc, err := client.CallTool(t.Context(), url, c.headers, "whoami", `{}`)
	require.NoError(t, err)
	require.Nil(t, rpc.Error)
	var who struct {
		Username string   `json:"username"`
		Groups   []string `json:"groups"`
		Version  string   `json:"serverVersion"`
	}
	require.NoError(t, json.Unmarshal(me.Structured, &who))
	require.Equal(t, c.user, who.Username)
	require.Contains(t, who.Groups, "tenants")
	require.Equal(t, "v1.37.2", who.Version)
	require.Contains(t, me.Text(), c.user)

	own, _, err := client.CallTool(t.Context(), url, c.headers, "resources_list",
		fmt.Sprintf(`{"apiVersion":"v1","kind":"ConfigMap","namespace":%q}`, c.namespace))
	require.NoError(t, err)
	require.False(t, own.IsError, own.Text())
	require.Contains(t, own.Text(), "settings")
	require.NotContains(t, own.Text(), c.foreign)

	object, _, err := client.CallTool(t.Context(), url, c.headers, "resources_get",
		fmt.Sprintf(`{"apiVersion":"v1","kind":"ConfigMap","name":"settings","namespace":%q}`, c.namespace))
	require.NoError(t, err)
	require.False(t, object.IsError, object.Text())
	require.Contains(t, object.Text(), c.namespace)

	for _, arguments := range []string{
		fmt.Sprintf(`{"apiVersion":"v1","kind":"ConfigMap","namespace":%q}`, c.foreign),
		`{"apiVersion":"v1","kind":"ConfigMap"}`, // all namespaces, since no header names one
	} {
		denied, _, err := client.CallTool(t.Context(), url, c.headers, "resources_list", arguments)
		require.NoError(t, err)
		require.True(t, denied.IsError, "a tenant read what is not its own: %s", denied.Text())
		require.Contains(t, denied.Text(), "forbidden")
		require.NotContains(t, denied.Text(), "settings")
	}
}

// TestCallersAlternateOnOneConnection: identity comes from the request and not
// from the connection, whichever protocol the connection speaks.
func TestCallersAlternateOnOneConnection(t *testing.T) {
	for _, http2 := range []bool{false, true} {
		t.Run(fmt.Sprintf("http2=%t", http2), func(t *testing.T) {
			client := newClient(t, http2)
			for range 3 {
				for _, c := range callers() {
					c.check(t, client, shared.stack.URL)
				}
			}
			require.Equal(t, 1, client.Connections(), "the calls were to share one connection")
		})
	}
}

// TestCallersAtTheSameTime: many at once see what each sees alone.
func TestCallersAtTheSameTime(t *testing.T) {
	client := newClient(t, true)
	var wg sync.WaitGroup
	for range 4 {
		for _, c := range callers() {
			wg.Go(func() { c.check(t, client, shared.stack.URL) })
		}
	}
	wg.Wait()
}

// TestNamespacesList: the admin sees all, a tenant is told that it may not.
func TestNamespacesList(t *testing.T) {
	client := newClient(t, false)
	all, _, err := client.CallTool(t.Context(), shared.stack.URL, shared.cluster.Token("admin"), "namespaces_list", `{}`)
	require.NoError(t, err)
	require.False(t, all.IsError, all.Text())
	for _, namespace := range []string{"team-a", "team-b", "kube-system"} {
		require.Contains(t, all.Text(), namespace)
	}
	denied, _, err := client.CallTool(t.Context(), shared.stack.URL, shared.cluster.Token("bob"), "namespaces_list", `{}`)
	require.NoError(t, err)
	require.True(t, denied.IsError)
	require.Contains(t, denied.Text(), "forbidden")
}

// TestDefaultNamespace: kubernetes-namespace is where a call goes that names none.
func TestDefaultNamespace(t *testing.T) {
	client := newClient(t, false)
	headers := shared.cluster.Token("alice").With("kubernetes-namespace", "team-a")
	got, _, err := client.CallTool(t.Context(), shared.stack.URL, headers, "resources_list", `{"apiVersion":"v1","kind":"ConfigMap"}`)
	require.NoError(t, err)
	require.False(t, got.IsError, got.Text())
	require.Contains(t, got.Text(), "settings")
	require.Contains(t, got.Text(), "team-a")
}

// TestSecretsAreRedacted: a tenant may read its Secret, a model may not see it.
func TestSecretsAreRedacted(t *testing.T) {
	client := newClient(t, false)
	got, rpc, err := client.CallTool(t.Context(), shared.stack.URL, shared.cluster.Token("alice"), "resources_get",
		`{"apiVersion":"v1","kind":"Secret","name":"database","namespace":"team-a"}`)
	require.NoError(t, err)
	require.False(t, got.IsError, got.Text())
	require.Contains(t, got.Text(), "password")
	// base64 of the seeded value's beginning, "do-not-show", and the value itself
	for _, canary := range []string{"do-not-show", "ZG8tbm90LXNob3ct"} {
		require.NotContains(t, string(rpc.Result), canary)
	}
}
