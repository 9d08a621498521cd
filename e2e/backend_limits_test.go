package e2e

import (
	"encoding/base64"
	"encoding/pem"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"kubernetes-mcp-edge/e2e/harness"
	"kubernetes-mcp-edge/e2e/rig"
	"kubernetes-mcp-edge/extproc/kubeheader"
)

// callsPerCaller and calls are the backend's defaults.
const (
	callsPerCaller = 16
	calls          = 256
)

// hanging is an API server that answers nothing until it is told to.
type hanging struct {
	*httptest.Server

	now, most atomic.Int64 // requests that hang
	release   func()
}

func newHanging(t *testing.T) *hanging {
	t.Helper()
	h := &hanging{}
	released := make(chan struct{})
	h.release = sync.OnceFunc(func() { close(released) })
	var mu sync.Mutex
	h.Server = httptest.NewUnstartedServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {
		mu.Lock()
		h.most.Store(max(h.most.Load(), h.now.Add(1)))
		mu.Unlock()
		<-released
		h.now.Add(-1)
	}))
	h.EnableHTTP2 = true
	h.StartTLS()
	t.Cleanup(func() {
		h.release()
		h.Close()
	})
	return h
}

// headers are a caller's who names this server.
func (h *hanging) headers(token string) harness.Headers {
	ca := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: h.Certificate().Raw})
	return shared.Cluster.Token("alice").With(kubeheader.Server, h.URL).
		With(kubeheader.CertificateAuthority, base64.StdEncoding.EncodeToString(ca)).With(kubeheader.Authorization, "Bearer "+token)
}

// batchOf is an array of n calls of whoami.
func batchOf(n int) string {
	entries := make([]string, 0, n)
	for i := range n {
		entries = append(entries, fmt.Sprintf(`{"jsonrpc":"2.0","id":%d,"method":"tools/call","params":{"name":"whoami","arguments":{}}}`, i+1))
	}
	return "[" + strings.Join(entries, ",") + "]"
}

// TestBackendFloodOfOneCaller: alice sends twice as many calls as the backend
// carries, in full batches, to a server that does not answer. Only her own share
// gets under way, and while that hangs bob is served: his calls end before any
// of hers that hang, which is what would not be so if she held what he needs.
func TestBackendFloodOfOneCaller(t *testing.T) {
	t.Parallel()
	slow := newHanging(t)
	policy, err := harness.Policy(t.Context(), shared.Cluster.Server, slow.URL)
	require.NoError(t, err)
	s := shared.StartStack(t, harness.Options{Policy: policy})
	const batches = 2 * calls / 32
	answers := make(chan harness.Response, batches)
	flooding, bobs := rig.NewClient(t, true), rig.NewClient(t, false)
	var flood sync.WaitGroup
	for range batches {
		flood.Go(func() {
			response, err := flooding.Post(t.Context(), s.URL, slow.headers("alice"), batchOf(32))
			if err == nil {
				answers <- response
			}
		})
	}
	require.Eventually(t, func() bool { return slow.now.Load() == callsPerCaller }, 10*time.Second, time.Millisecond)
	for range 20 {
		got, rpc, err := bobs.CallTool(t.Context(), s.URL, shared.Cluster.Token("bob"), "whoami", `{}`)
		require.NoError(t, err)
		require.Nil(t, rpc.Error)
		require.False(t, got.IsError, got.Text())
		require.Contains(t, got.Text(), "User: bob")
		require.EqualValues(t, callsPerCaller, slow.now.Load(), "alice's calls were to hang all the while")
	}
	slow.release()
	flood.Wait()
	require.EqualValues(t, callsPerCaller, slow.most.Load(), "calls of one caller at a time")
	close(answers)
	busy, all := 0, 0
	for response := range answers {
		require.Equal(t, http.StatusOK, response.Status)
		busy += strings.Count(string(response.Body), "Too many calls with this credential")
		all += strings.Count(string(response.Body), `"isError":true`)
	}
	require.Equal(t, batches*32, all, "every call is answered")
	require.Positive(t, busy)
}

// TestBackendBatchIsBounded: one request starts 32 calls at most.
func TestBackendBatchIsBounded(t *testing.T) {
	s := shared.StartStack(t, harness.Options{})
	client := rig.NewClient(t, false)
	for _, n := range []int{33, 20000} {
		response, err := client.Post(t.Context(), s.URL, shared.Cluster.Token("alice"), batchOf(n))
		require.NoError(t, err)
		require.Equal(t, http.StatusBadRequest, response.Status)
		requireRefused(t, response, "request-too-large", "")
	}
	response, err := client.Post(t.Context(), s.URL, shared.Cluster.Token("alice"), batchOf(32))
	require.NoError(t, err)
	require.Equal(t, 32, strings.Count(string(response.Body), "User: alice"))
	require.Equal(t, 32, strings.Count(string(s.MCPBackend.Output()), `"msg":"tool call"`))
}

// TestBackendFaultsAreReadable: what is wrong with a message of a verified
// caller is said as every other rejection is.
func TestBackendFaultsAreReadable(t *testing.T) {
	const call = `{"jsonrpc":"2.0","id":"abc","method":"tools/call","params":{"name":"whoami","arguments":{}}}`
	alice := shared.Cluster.Token("alice")
	client := rig.NewClient(t, true)
	for name, row := range map[string]struct {
		method     string
		headers    harness.Headers
		body       string
		status     int
		reason, id string
	}{
		"GET":            {http.MethodGet, alice, "", 405, "bad-request", ""},
		"accept":         {http.MethodPost, alice.With("Accept", "text/html"), call, 200, "bad-request", `"abc"`},
		"modern accept":  {http.MethodPost, alice.With("Accept", "text/html").With("MCP-Protocol-Version", "2026-07-28"), call, 400, "bad-request", `"abc"`},
		"content type":   {http.MethodPost, alice.With("Content-Type", "text/plain"), call, 200, "bad-request", `"abc"`},
		"version":        {http.MethodPost, alice.With("MCP-Protocol-Version", "1999-01-01"), call, 400, "bad-request", `"abc"`},
		"not JSON":       {http.MethodPost, alice, "{canary", 400, "bad-request", ""},
		"empty":          {http.MethodPost, alice, "", 400, "bad-request", ""},
		"unknown method": {http.MethodPost, alice, `{"jsonrpc":"2.0","id":"abc","method":"canary"}`, 200, "bad-request", `"abc"`},
		"too large":      {http.MethodPost, alice, call[:len(call)-1] + `,"x":"` + strings.Repeat("a", 5<<20) + `"}`, 200, "request-too-large", `"abc"`},
	} {
		t.Run(name, func(t *testing.T) {
			response, err := client.Do(t.Context(), row.method, shared.Stack.URL, row.headers, strings.NewReader(row.body))
			require.NoError(t, err)
			require.Equal(t, row.status, response.Status, string(response.Body))
			requireRefused(t, response, row.reason, row.id)
			require.NotContains(t, string(response.Body), "canary")
		})
	}
	got, _, err := client.CallTool(t.Context(), shared.Stack.URL, alice, "whoami", `{}`)
	require.NoError(t, err)
	require.Contains(t, got.Text(), "User: alice")
	response, err := client.Post(t.Context(), shared.Stack.URL, alice.With("MCP-Protocol-Version", "garbage"), call)
	require.NoError(t, err)
	require.Contains(t, string(response.Body), "User: alice", "a version that cannot be read is a legacy client's")
}

// requireRefused checks the form of a rejection and its reason.
func requireRefused(t *testing.T, response harness.Response, reason, id string) {
	t.Helper()
	require.Equal(t, "application/json", response.Header.Get("Content-Type"))
	rpc, err := response.RPC()
	require.NoError(t, err)
	require.Equal(t, id, string(rpc.ID))
	require.NotNil(t, rpc.Error)
	require.Equal(t, reason, rpc.Error.Data.Reason)
	require.Equal(t, response.Header.Get("X-Request-ID"), rpc.Error.Data.Decision)
	require.NotEmpty(t, rpc.Error.Message)
}
