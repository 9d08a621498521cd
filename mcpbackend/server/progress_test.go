package server

import (
	"bufio"
	"context"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/modelcontextprotocol/go-sdk/mcp"
	"github.com/stretchr/testify/require"

	"kubernetes-mcp-edge/mcpbackend/tool"
)

// reported are the reports of a call that does what work does, each with the
// time since its begin.
func reported(t *testing.T, work func(ctx context.Context)) []string {
	t.Helper()
	var out []string
	start := time.Now()
	ctx, stop := reporting(t.Context(), func(_ context.Context, n float64, message string) error {
		out = append(out, fmt.Sprint(time.Since(start), " ", n, " ", message))
		return nil
	})
	work(ctx)
	stop()
	time.Sleep(time.Minute) //nolint:forbidigo // a synctest bubble's minute
	return out
}

// TestProgress: after two seconds, then every five, at each step but not more
// often than every second, and never after the end.
func TestProgress(t *testing.T) {
	pause := time.Sleep //nolint:forbidigo // a synctest bubble's
	for name, row := range map[string]struct {
		work func(ctx context.Context)
		want []string
	}{
		"short": {func(ctx context.Context) { tool.Step(ctx, "a"); pause(1999 * time.Millisecond) }, nil},
		"long":  {func(context.Context) { pause(13 * time.Second) }, []string{"2s 1 waiting for the API server", "7s 2 waiting for the API server", "12s 3 waiting for the API server"}},
		"early step": {func(ctx context.Context) {
			tool.Step(ctx, "a")
			tool.Step(ctx, "b")
			pause(3 * time.Second)
		}, []string{"2s 1 b"}},
		"step": {func(ctx context.Context) {
			pause(4 * time.Second)
			tool.Step(ctx, "a")
			pause(6 * time.Second)
		}, []string{"2s 1 waiting for the API server", "4s 2 a", "9s 3 a"}},
		"flood of steps": {func(ctx context.Context) {
			pause(500 * time.Microsecond)
			for i := range 3500 {
				tool.Step(ctx, strconv.Itoa(i))
				pause(time.Millisecond)
			}
		}, []string{"2s 1 1999", "3s 2 2999"}},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) { require.Equal(t, row.want, reported(t, row.work)) })
		})
	}
}

// TestProgressOfAClientWhoIsGone: nothing is sent once a notification failed.
func TestProgressOfAClientWhoIsGone(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		sent := 0
		_, stop := reporting(t.Context(), func(context.Context, float64, string) error { sent++; return context.Canceled })
		time.Sleep(time.Minute) //nolint:forbidigo // a synctest bubble's minute
		stop()
		require.Equal(t, 1, sent)
	})
}

// TestSender: only who sent a token of his own, short enough to be repeated, is told.
func TestSender(t *testing.T) {
	with := func(token any) mcp.Request {
		return &mcp.CallToolRequest{Params: &mcp.CallToolParamsRaw{Meta: mcp.Meta{"progressToken": token}}}
	}
	require.NotNil(t, sender(with("one")))
	require.NotNil(t, sender(with(float64(1))))
	require.NotNil(t, sender(&mcp.GetPromptRequest{Params: &mcp.GetPromptParams{Meta: mcp.Meta{"progressToken": "x"}}}))
	require.Nil(t, sender(with(nil)))
	require.Nil(t, sender(with(true)))
	require.Nil(t, sender(with(map[string]any{})))
	require.Nil(t, sender(with(strings.Repeat("x", maxToken+1))))
	require.Nil(t, sender(&mcp.ListToolsRequest{Params: &mcp.ListToolsParams{Meta: mcp.Meta{"progressToken": "x"}}}))
}

// slow is a cluster whose pods are listed when somebody says so.
func slow(t *testing.T) (api *brokenAPI, answer chan struct{}) {
	t.Helper()
	api, answer = newBrokenAPI(t), make(chan struct{})
	api.objects["/api/v1/pods"] = http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		<-answer
		writeJSON(w, table(1, ""))
	})
	return api, answer
}

// TestProgressArrives: the notification reaches the client while the call is
// under way, under the token that he sent.
func TestProgressArrives(t *testing.T) {
	told := make(chan *mcp.ProgressNotificationParams, 16)
	api, answer := slow(t)
	w := newWorld(t, api)
	client := mcp.NewClient(&mcp.Implementation{Name: "test", Version: "1"}, &mcp.ClientOptions{
		ProgressNotificationHandler: func(_ context.Context, r *mcp.ProgressNotificationClientRequest) { told <- r.Params },
	})
	s, err := client.Connect(t.Context(), &mcp.StreamableClientTransport{
		Endpoint: w.url + "/mcp", HTTPClient: w.httpClient(t, api.headers("alice-token"), true), DisableStandaloneSSE: true,
	}, nil)
	require.NoError(t, err)
	defer func() { _ = s.Close() }()
	done := make(chan error, 1)
	go func() {
		params := &mcp.CallToolParams{Name: "resources_list", Arguments: map[string]any{"apiVersion": "v1", "kind": "Pod"}, Meta: mcp.Meta{}}
		params.SetProgressToken("mine")
		_, err := s.CallTool(t.Context(), params)
		done <- err
	}()
	got := <-told
	require.Equal(t, "mine", got.ProgressToken)
	require.InDelta(t, 1, got.Progress, 0)
	require.Equal(t, "waiting for the API server", got.Message)
	close(answer)
	require.NoError(t, <-done)
	require.Empty(t, told)
}

// TestProgressOfAnOldClient: the same for a client without a session, whose
// stream is read as it comes; the result is the last thing in it.
func TestProgressOfAnOldClient(t *testing.T) {
	api, answer := slow(t)
	w := newWorld(t, api)
	req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, w.url+"/mcp", strings.NewReader(message("", "tools/call",
		`{"name":"resources_list","arguments":{"apiVersion":"v1","kind":"Pod"},"_meta":{"progressToken":7}}`)))
	require.NoError(t, err)
	req.Header.Set("Content-Type", "application/json")
	req.Header.Set("Accept", "application/json, text/event-stream")
	resp, err := w.httpClient(t, api.headers("alice-token"), false).Do(req)
	require.NoError(t, err)
	defer func() { _ = resp.Body.Close() }()
	var events []string
	for lines := bufio.NewScanner(resp.Body); lines.Scan(); {
		data, ok := strings.CutPrefix(lines.Text(), "data: ")
		if !ok {
			continue
		}
		if events = append(events, data); len(events) == 1 {
			close(answer)
		}
	}
	require.Len(t, events, 2)
	require.JSONEq(t, `{"jsonrpc":"2.0","method":"notifications/progress","params":{"progressToken":7,"progress":1,"message":"waiting for the API server"}}`, events[0])
	require.Contains(t, events[1], `"id":"one"`)
}

// TestProgressEndsBeforeTheResult: a notification that is being sent is waited
// for, and then there is nobody left who could send another.
func TestProgressEndsBeforeTheResult(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		pause := time.Sleep //nolint:forbidigo // a synctest bubble's
		start := time.Now()
		_, stop := reporting(t.Context(), func(context.Context, float64, string) error {
			pause(3 * time.Second)
			return nil
		})
		pause(firstProgress + time.Second)
		stop()
		require.Equal(t, 5*time.Second, time.Since(start))
	})
	var stopped <-chan struct{}
	_, err := progressing(func(ctx context.Context, _ string, _ mcp.Request) (mcp.Result, error) {
		stopped = ctx.Done()
		return nil, ctx.Err()
	})(t.Context(), methodCallTool, &mcp.CallToolRequest{Params: &mcp.CallToolParamsRaw{Meta: mcp.Meta{"progressToken": "x"}}})
	require.NoError(t, err)
	select {
	case <-stopped:
	default:
		require.Fail(t, "who reports has not been told to stop")
	}
}
