package rig

import (
	"encoding/json"
	"errors"
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"

	"kubernetes-mcp-edge/e2e/harness"
)

// Caller is one tenant with one kind of credential.
type Caller struct {
	User      string // who the API server has to take the caller for
	Namespace string // the caller's own
	Foreign   string // the other tenant's
	Headers   harness.Headers
}

// Callers are both tenants with both kinds of credential.
func (w *World) Callers() []Caller {
	const alices, bobs = "team-a", "team-b" // namespaces
	c := w.Cluster
	return []Caller{
		{"alice", alices, bobs, c.Token("alice")},
		{"bob", bobs, alices, c.Certificate("bob")},
		{"alice", alices, bobs, c.Certificate("alice")},
		{"bob", bobs, alices, c.Token("bob")},
	}
}

// Call is a call of whoami, and CallID its id as it stands in there.
const (
	Call   = `{"jsonrpc":"2.0","method":"tools/call","params":{"name":"whoami","arguments":{}},"id":"f-1"}`
	CallID = `"f-1"`
)

// Whoami returns the user that the API server takes the caller for; a call that
// fails ends the test.
func Whoami(tb testing.TB, client *harness.Client, url string, headers harness.Headers) string {
	tb.Helper()
	result, rpc, err := client.CallTool(tb.Context(), url, headers, "whoami", `{}`)
	require.NoError(tb, err)
	require.Nil(tb, rpc.Error)
	require.False(tb, result.IsError, result.Text())
	var who struct {
		Username string `json:"username"`
	}
	require.NoError(tb, json.Unmarshal(result.Structured, &who))
	return who.Username
}

var errNoUser = errors.New("the answer names no user")

// DecodeUser is the user in whoami's answer, or an error for any other answer.
func DecodeUser(res harness.Response) (string, error) {
	var rpc struct {
		Result struct {
			Structured struct {
				Username string `json:"username"`
			} `json:"structuredContent"`
		} `json:"result"`
	}
	if err := json.Unmarshal(res.Message(), &rpc); err != nil {
		return "", err
	}
	if rpc.Result.Structured.Username == "" {
		return "", errNoUser
	}
	return rpc.Result.Structured.Username, nil
}

// Check makes the caller's calls: who am I, what is in my namespace, what is in
// the other one. Any answer that is not the caller's own ends the test.
func (c Caller) Check(tb testing.TB, client *harness.Client, url string) {
	tb.Helper()
	me, rpc, err := client.CallTool(tb.Context(), url, c.Headers, "whoami", `{}`)
	require.NoError(tb, err)
	require.Nil(tb, rpc.Error)
	var who struct {
		Username string   `json:"username"`
		Groups   []string `json:"groups"`
		Version  string   `json:"serverVersion"`
	}
	require.NoError(tb, json.Unmarshal(me.Structured, &who))
	require.Equal(tb, c.User, who.Username)
	require.Contains(tb, who.Groups, "tenants")
	require.Equal(tb, "v1.37.2", who.Version)
	require.Contains(tb, me.Text(), c.User)

	own, _, err := client.CallTool(tb.Context(), url, c.Headers, "resources_list",
		fmt.Sprintf(`{"apiVersion":"v1","kind":"ConfigMap","namespace":%q}`, c.Namespace))
	require.NoError(tb, err)
	require.False(tb, own.IsError, own.Text())
	require.Contains(tb, own.Text(), "settings")
	require.NotContains(tb, own.Text(), c.Foreign)

	object, _, err := client.CallTool(tb.Context(), url, c.Headers, "resources_get",
		fmt.Sprintf(`{"apiVersion":"v1","kind":"ConfigMap","name":"settings","namespace":%q}`, c.Namespace))
	require.NoError(tb, err)
	require.False(tb, object.IsError, object.Text())
	require.Contains(tb, object.Text(), c.Namespace)

	for _, arguments := range []string{
		fmt.Sprintf(`{"apiVersion":"v1","kind":"ConfigMap","namespace":%q}`, c.Foreign),
		`{"apiVersion":"v1","kind":"ConfigMap"}`, // all namespaces, since no header names one
	} {
		denied, _, err := client.CallTool(tb.Context(), url, c.Headers, "resources_list", arguments)
		require.NoError(tb, err)
		require.True(tb, denied.IsError, "a tenant read what is not its own: %s", denied.Text())
		require.Contains(tb, denied.Text(), "forbidden")
		require.NotContains(tb, denied.Text(), "settings")
	}
}
