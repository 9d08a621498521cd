package server

import (
	"context"
	"net/http"
	"testing"
	"testing/synctest"
	"time"

	"github.com/modelcontextprotocol/go-sdk/mcp"
	"github.com/stretchr/testify/require"
)

// TestDeadline: a cluster that never answers ends the call, not the client, and
// at the limit.
func TestDeadline(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		handle := bounded(30 * time.Second)(func(ctx context.Context, _ string, _ mcp.Request) (mcp.Result, error) {
			<-ctx.Done()
			return nil, ctx.Err()
		})
		start := time.Now()
		_, err := handle(t.Context(), "tools/call", nil)
		require.ErrorIs(t, err, context.DeadlineExceeded)
		require.Equal(t, 30*time.Second, time.Since(start))
	})
}

// TestDeadlineOfATool: the server that is served has it.
func TestDeadlineOfATool(t *testing.T) {
	api := newBrokenAPI(t)
	w := newWorld(t, api)
	server, err := w.newMCP()
	require.NoError(t, err)
	left := make(chan time.Duration, 1)
	mcp.AddTool(server, &mcp.Tool{Name: "whoami"}, func(ctx context.Context, _ *mcp.CallToolRequest, _ struct{}) (*mcp.CallToolResult, any, error) {
		deadline, _ := ctx.Deadline()
		left <- time.Until(deadline)
		return &mcp.CallToolResult{Content: []mcp.Content{&mcp.TextContent{Text: "done"}}}, nil, nil
	})
	w.handler.mux = w.newHandler(server).mux
	ok(t, w.session(t, api.headers("alice-token")), "whoami", nil)
	got := <-left
	require.Positive(t, got)
	require.LessOrEqual(t, got, w.limits.CallTimeout)
}

// TestCancellation: a client of 2026-07-28 goes away, and so does the call: for
// that reason, and not because its time was over.
func TestCancellation(t *testing.T) {
	arrived, gone := make(chan struct{}), make(chan struct{})
	api := newBrokenAPI(t)
	api.objects["/api/v1/pods"] = http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		close(arrived)
		<-r.Context().Done()
		close(gone)
	})
	w := newWorld(t, api)
	s := w.session(t, api.headers("alice-token"))
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() {
		_, err := s.CallTool(ctx, &mcp.CallToolParams{Name: "resources_list", Arguments: map[string]any{"apiVersion": "v1", "kind": "Pod"}})
		done <- err
	}()
	<-arrived
	cancel()
	require.Error(t, <-done)
	<-gone
	var trouble any
	require.Eventually(t, func() bool {
		lines := w.logs.lines(t, "tool call")
		if len(lines) == 1 {
			trouble = lines[0]["trouble"]
		}
		return len(lines) == 1
	}, 10*time.Second, time.Millisecond)
	require.Equal(t, "canceled", trouble)
}
