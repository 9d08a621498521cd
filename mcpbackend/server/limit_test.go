package server

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/modelcontextprotocol/go-sdk/jsonrpc"
	"github.com/modelcontextprotocol/go-sdk/mcp"
	"github.com/stretchr/testify/require"

	"kubernetes-mcp-edge/extproc/policy"
	"kubernetes-mcp-edge/extproc/proof"
	"kubernetes-mcp-edge/mcpbackend/admit"
	"kubernetes-mcp-edge/mcpbackend/kube"
	"kubernetes-mcp-edge/mcpbackend/tool"
)

// TestLimitsOfEveryMethod: prompts share the turns of tools, lists have their
// own, and notifications need none. Who gets no turn is told so in the form that
// the method has.
func TestLimitsOfEveryMethod(t *testing.T) {
	l := newLimiter(policy.BackendLimits{
		CallsPerCaller: 1, Calls: 1, CallsPerSecond: 1000, NewcomersPerSecond: 1000, ServerCallsPerSecond: 1000,
	}, func(proof.Verified) bool { return true }, newCounts(nil))
	l.calls.wait, l.others.wait = 0, 0
	reached := 0
	handle := l.limited(func(context.Context, string, mcp.Request) (mcp.Result, error) {
		reached++
		return &mcp.ListToolsResult{}, nil
	})
	for holding, methods := range map[*shares]map[string]bool{
		l.calls:  {"tools/call": true, "prompts/get": true, "tools/list": false, "initialize": false, "notifications/initialized": false},
		l.others: {"tools/call": false, "prompts/get": false, "tools/list": true, "prompts/list": true, "initialize": true, "notifications/cancelled": false},
	} {
		give, over := holding.take(t.Context(), "")
		require.Empty(t, over)
		for method, busy := range methods {
			reached = 0
			result, err := handle(t.Context(), method, nil)
			if !busy {
				require.NoError(t, err, method)
				require.Equal(t, 1, reached, method)
				continue
			}
			require.Zero(t, reached, method)
			if method == methodCallTool {
				require.NoError(t, err)
				require.True(t, result.(*mcp.CallToolResult).IsError)
				continue
			}
			var wire *jsonrpc.Error
			require.ErrorAs(t, err, &wire)
			require.EqualValues(t, jsonrpc.CodeInternalError, wire.Code)
			require.Contains(t, string(wire.Data), `"reason":"busy"`)
		}
		give()
	}
}

// TestListsArePrivate, since they depend on the caller's headers.
func TestListsArePrivate(t *testing.T) {
	w := newWorld(t, nil)
	server, err := w.newMCP()
	require.NoError(t, err)
	server.AddPrompt(&mcp.Prompt{Name: "one"}, func(context.Context, *mcp.GetPromptRequest) (*mcp.GetPromptResult, error) {
		return &mcp.GetPromptResult{}, nil
	})
	w.handler.mux = w.newHandler(server).mux
	const modern = "2026-07-28"
	for _, method := range []string{"server/discover", "tools/list", "prompts/list"} {
		_, body := w.post(t, nil, modern, message(modern, method, `{}`))
		require.Equal(t, "private", result(t, body)["cacheScope"], method)
	}
}

// TestBucketOfARevokedCredential: who was refused is a newcomer again.
func TestBucketOfARevokedCredential(t *testing.T) {
	l := newLimiter(policy.BackendLimits{
		CallsPerCaller: 1, Calls: 1, CallsPerSecond: 1000, NewcomersPerSecond: 1000, ServerCallsPerSecond: 1000,
	}, func(proof.Verified) bool { return true }, newCounts(nil))
	for word, kept := range map[string]bool{"forbidden": true, "unauthorized": false} {
		_, err := l.limited(func(ctx context.Context, _ string, _ mcp.Request) (mcp.Result, error) {
			require.True(t, l.rates.callers.has(""))
			tool.Note(ctx, word)
			return &mcp.CallToolResult{}, nil
		})(tool.Watched(t.Context()), methodCallTool, nil)
		require.NoError(t, err)
		require.Equal(t, kept, l.rates.callers.has(""), word)
	}
}

// TestBucketOfAnAcceptedCredential: the first answer of his API server makes a
// caller known, though the pool keeps no client; what asks nobody does not.
func TestBucketOfAnAcceptedCredential(t *testing.T) {
	api := newBrokenAPI(t)
	w := newWorld(t, api, limited("newcomersPerSecond: 1, clients: 1"))
	limit := newLimiter(w.limits, func(proof.Verified) bool { return false }, w.counts)
	caller := w.visitor(t, api, "alice-token", "203.0.113.1/32")
	client, err := w.clients.For(t.Context(), caller.Verified, decision)
	require.NoError(t, err)
	for what, row := range map[string]struct {
		ask   func(ctx context.Context)
		known bool
	}{
		"nothing": {func(context.Context) {}, false},
		"whoami":  {func(ctx context.Context) { _, _ = client.WhoAmI(ctx) }, true},
	} {
		ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
		ctx, _ = kube.Recorded(tool.Watched(ctx))
		_, err = limit.limited(func(ctx context.Context, _ string, _ mcp.Request) (mcp.Result, error) {
			row.ask(ctx)
			return &mcp.CallToolResult{}, nil
		})(ctx, methodCallTool, nil)
		cancel()
		require.NoError(t, err)
		require.Equal(t, row.known, limit.rates.callers.has(""), what) // outside admit nobody has a fingerprint
		limit.rates.callers.forget("")
	}
}

// TestLimitsOfClients reach the pool.
func TestLimitsOfClients(t *testing.T) {
	w := newWorld(t, nil, limited("serverRequests: 3, clients: 5, clientBytes: 2097152, clientIdle: 7m, clientAge: 9m"))
	require.Equal(t, kube.Limits{Entries: 5, Bytes: 2 << 20, Idle: 7 * time.Minute, Age: 9 * time.Minute, Target: 3}, w.kubeConfig().Limits)
}

// TestWhoseWordForAnAddress: Envoy's, unless other machines can say that they
// are Envoy.
func TestWhoseWordForAnAddress(t *testing.T) {
	for insecure, want := range map[bool]string{false: "203.0.113.7/32", true: "192.0.2.1/32"} {
		w := newWorld(t, nil, func(o *setup) { o.InsecureListen = insecure })
		r := httptest.NewRequestWithContext(t.Context(), http.MethodPost, "/mcp", nil)
		require.NoError(t, w.seal(r.Header, nil))
		r.Header.Set("X-Envoy-External-Address", "203.0.113.7")
		var got admit.Caller
		w.admitted()(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { got, _ = admit.FromContext(r.Context()) })).
			ServeHTTP(httptest.NewRecorder(), r)
		require.Equal(t, want, got.Address.String())
	}
}

// TestTurnsOfNewcomers: who makes credentials up has at most half of the turns,
// however many callers they make.
func TestTurnsOfNewcomers(t *testing.T) {
	api := newBrokenAPI(t)
	w := newWorld(t, api)
	known := w.visitor(t, api, "alice-token", "203.0.113.1/32")
	l := newLimiter(policy.BackendLimits{
		CallsPerCaller: 1, Calls: 4, CallsPerSecond: 1000, NewcomersPerSecond: 1000, ServerCallsPerSecond: 1000,
	}, func(v proof.Verified) bool { return v.Fingerprint() == known.Verified.Fingerprint() }, newCounts(nil))
	l.calls.wait, l.fresh.wait = 0, 0
	var gives []func()
	for i := range 5 {
		give, over := l.begin(t.Context(), methodCallTool, w.visitor(t, api, fmt.Sprint("guess-", i), fmt.Sprintf("203.0.113.%d/32", i)))
		if i < 2 {
			require.Empty(t, over)
			gives = append(gives, give)
			continue
		}
		require.Equal(t, limitAll, over)
	}
	give, over := l.begin(t.Context(), methodCallTool, known)
	require.Empty(t, over)
	for _, end := range append(gives, give) {
		end()
	}
	give, over = l.begin(t.Context(), methodCallTool, w.visitor(t, api, "guess-9", "203.0.113.9/32"))
	require.Empty(t, over)
	give()
	require.Empty(t, l.calls.callers)
	require.Empty(t, l.fresh.callers)
}
