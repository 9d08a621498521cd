package e2e

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"fmt"
	"io"
	"iter"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"k8s.io/client-go/rest"

	"kubernetes-mcp-edge/e2e/harness"
	"kubernetes-mcp-edge/e2e/rig"
)

// changers is a stack whose backend offers every toolset, and a namespace for
// each tenant in which he may write.
type changers struct {
	stack  *harness.Stack
	client *harness.Client
	prefix string // of the two namespaces, no other test's
}

// changeWorld starts one. Its calls end after 6 seconds.
func changeWorld(t *testing.T) *changers {
	t.Helper()
	w := &changers{
		stack: shared.StartStack(t, harness.Options{
			Toolsets: "core,write,exec", PolicyExtra: "limits: {guard: {drain: 100ms}, backend: {callTimeout: 6s}}\n",
		}),
		client: rig.NewClient(t, true), prefix: "change-" + strings.ToLower(rand.Text()[:5]) + "-",
	}
	// The admin makes the namespaces with the tool that is about to be tested.
	admin := rig.Caller{User: "admin", Headers: shared.Cluster.Token("admin")}
	for _, c := range w.callers()[:2] {
		text := w.ok(t, admin, "resources_create_or_update", map[string]any{"resource": writable(c)})
		require.Contains(t, text, "3 documents: 3 created\n")
		t.Cleanup(func() {
			apiSend(context.WithoutCancel(t.Context()), t, "admin", http.MethodDelete, "/api/v1/namespaces/"+c.Namespace, "", "")
		})
	}
	for _, c := range w.callers()[:2] {
		takesPods(t, c.Namespace)
	}
	return w
}

// takesPods waits until a new namespace has the account without which no Pod is let
// in.
func takesPods(t *testing.T, namespace string) {
	t.Helper()
	rig.Eventually(t, func() error {
		status, _ := apiDo(t, shared.Cluster, http.MethodGet, "admin", "/api/v1/namespaces/"+namespace+"/serviceaccounts/default")
		if status != http.StatusOK {
			return fmt.Errorf("status %d", status)
		}
		return nil
	})
}

// callers are both tenants with both credentials, each at home in a namespace of
// this test's own.
func (w *changers) callers() []rig.Caller {
	home := strings.NewReplacer("team-", w.prefix)
	all := shared.Callers()
	for i := range all {
		all[i].Namespace, all[i].Foreign = home.Replace(all[i].Namespace), home.Replace(all[i].Foreign)
	}
	return all
}

// writable is a namespace with a tenant who may do anything to what is in it.
func writable(c rig.Caller) string {
	return fmt.Sprintf(`
apiVersion: v1
kind: Namespace
metadata: {name: %[1]s}
---
apiVersion: rbac.authorization.k8s.io/v1
kind: Role
metadata: {name: changer, namespace: %[1]s}
rules:
- apiGroups: ["", apps, batch]
  resources: ["*"]
  verbs: ["*"]
---
apiVersion: rbac.authorization.k8s.io/v1
kind: RoleBinding
metadata: {name: changer, namespace: %[1]s}
roleRef: {apiGroup: rbac.authorization.k8s.io, kind: Role, name: changer}
subjects: [{apiGroup: rbac.authorization.k8s.io, kind: User, name: %[2]s}]
`, c.Namespace, c.User)
}

// call calls a tool.
func (w *changers) call(t *testing.T, c rig.Caller, tool string, arguments map[string]any) harness.ToolResult {
	t.Helper()
	text, err := json.Marshal(arguments)
	require.NoError(t, err)
	got, rpc, err := w.client.CallTool(t.Context(), w.stack.URL, c.Headers, tool, string(text))
	require.NoError(t, err)
	require.Nil(t, rpc.Error)
	return got
}

func (w *changers) ok(t *testing.T, c rig.Caller, tool string, arguments map[string]any) string {
	t.Helper()
	got := w.call(t, c, tool, arguments)
	require.False(t, got.IsError, got.Text())
	return got.Text()
}

func (w *changers) fails(t *testing.T, c rig.Caller, tool string, arguments map[string]any) string {
	t.Helper()
	got := w.call(t, c, tool, arguments)
	require.True(t, got.IsError, got.Text())
	return got.Text()
}

// numbered is a caller, and a number for the names of his objects.
type numbered struct {
	rig.Caller

	n int
}

// each yields every caller with a name for his test.
func (w *changers) each() iter.Seq2[string, numbered] {
	return func(yield func(string, numbered) bool) {
		for n, c := range w.callers() {
			if !yield(fmt.Sprintf("%s/%d", c.User, n), numbered{c, n}) {
				return
			}
		}
	}
}

// apiSend writes to the API server itself, as another client of it would.
func apiSend(ctx context.Context, t *testing.T, user, method, path, contentType, body string) {
	t.Helper()
	client, err := rest.HTTPClientFor(kubectl(shared.Cluster, user))
	require.NoError(t, err)
	client.Timeout = 10 * time.Second
	defer client.CloseIdleConnections()
	request, err := http.NewRequestWithContext(ctx, method, shared.Cluster.Server+path, strings.NewReader(body))
	require.NoError(t, err)
	request.Header.Set("Content-Type", contentType)
	response, err := client.Do(request)
	require.NoError(t, err)
	defer func() { _ = response.Body.Close() }()
	text, err := io.ReadAll(response.Body)
	require.NoError(t, err)
	require.Less(t, response.StatusCode, 300, string(text))
}
