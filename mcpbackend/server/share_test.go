package server

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/modelcontextprotocol/go-sdk/mcp"
	"github.com/stretchr/testify/require"
)

// hold takes n turns of a caller and returns how to give them back.
func hold(t *testing.T, s *shares, caller string, n int) (give func()) {
	t.Helper()
	gives := make([]func(), 0, n)
	for range n {
		give, busy := s.take(t.Context(), caller)
		require.Empty(t, busy)
		gives = append(gives, give)
	}
	return func() {
		for _, give := range gives {
			give()
		}
	}
}

// TestShareOfOneCaller: he waits when his share is used up, nobody else does,
// and nothing is kept of callers who are gone.
func TestShareOfOneCaller(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newShares(16, 256, func(string) {})
		start := time.Now()
		give := hold(t, s, "alice", 16)
		_, busy := s.take(t.Context(), "alice")
		require.Equal(t, limitCaller, busy)
		require.Equal(t, callWait, time.Since(start), "it waits, and not for ever")
		hold(t, s, "bob", 16)()
		require.Equal(t, callWait, time.Since(start), "bob does not wait")
		time.AfterFunc(callWait/2, give)
		hold(t, s, "alice", 16)()
		require.Equal(t, callWait*3/2, time.Since(start), "a turn that ends is the next one's")
		require.Empty(t, s.callers)
	})
}

// TestShareOfAll: the common limit holds for callers who stay within theirs.
func TestShareOfAll(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newShares(16, 256, func(string) {})
		gives := make([]func(), 0, 16)
		for i := range 16 {
			gives = append(gives, hold(t, s, fmt.Sprint("caller-", i), 16))
		}
		_, busy := s.take(t.Context(), "bob")
		require.Equal(t, limitAll, busy)
		require.NotContains(t, s.callers, "bob")
		gives[0]()
		hold(t, s, "bob", 16)()
		for _, give := range gives[1:] {
			give()
		}
		require.Empty(t, s.callers)
	})
}

// TestShareQueue: a flood is refused at once when enough of it waits.
func TestShareQueue(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newShares(1, 256, func(string) {})
		give := hold(t, s, "alice", 1)
		var waiting sync.WaitGroup
		for range callQueue {
			waiting.Go(func() { _, _ = s.take(t.Context(), "alice") })
		}
		synctest.Wait()
		start := time.Now()
		_, busy := s.take(t.Context(), "alice")
		require.Equal(t, limitCaller, busy)
		require.Zero(t, time.Since(start))
		waiting.Wait()
		give()
		require.Empty(t, s.callers)
	})
}

// TestShareOfACallerWhoGoes: he does not wait on.
func TestShareOfACallerWhoGoes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newShares(1, 1, func(string) {})
		give := hold(t, s, "alice", 1)
		defer give()
		ctx, cancel := context.WithCancel(t.Context())
		time.AfterFunc(time.Millisecond, cancel)
		start := time.Now()
		_, busy := s.take(ctx, "alice")
		require.NotEmpty(t, busy)
		require.Equal(t, time.Millisecond, time.Since(start))
	})
}

// TestCallsPerCaller: of a batch as large as may be, so many calls reach the
// cluster at a time as a caller may have; the others wait, and are told when
// their turn does not come. Another caller is served meanwhile.
func TestCallsPerCaller(t *testing.T) {
	arrived, answer := make(chan struct{}, 64), make(chan struct{})
	api := newBrokenAPI(t)
	api.objects["/api/v1/pods"] = http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		arrived <- struct{}{}
		<-answer
		writeJSON(w, table(1, ""))
	})
	w := newWorld(t, api, limited("callsPerCaller: 3"))
	done := make(chan string, 1)
	client := w.httpClient(t, api.headers("alice-token"), true)
	req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, w.url+"/mcp", strings.NewReader(
		batch(32, `{"name":"resources_list","arguments":{"apiVersion":"v1","kind":"Pod"}}`)))
	require.NoError(t, err)
	req.Header.Set("Content-Type", "application/json")
	req.Header.Set("Accept", "application/json, text/event-stream")
	go func() {
		defer close(done)
		resp, err := client.Do(req)
		if err != nil {
			return
		}
		defer func() { _ = resp.Body.Close() }()
		body, _ := io.ReadAll(resp.Body)
		done <- string(body)
	}()
	for range 3 {
		<-arrived
	}
	_, body := w.post(t, api.headers("bob-token"), "", message("", "tools/call", `{"name":"whoami","arguments":{}}`))
	require.Contains(t, body, "User: bob")
	require.Eventually(t, func() bool { return len(w.logs.lines(t, "tool call")) == 30 }, 10*time.Second, 10*time.Millisecond,
		"29 of alice's calls are told to try again, and one of bob's is answered")
	close(answer)
	body = <-done
	require.Equal(t, 29, strings.Count(body, busyCaller))
	require.Equal(t, 3, strings.Count(body, "1 Pod (v1)"))
	require.Empty(t, arrived, "no other call reached the cluster")
	busy := 0
	for _, l := range w.logs.lines(t, "tool call") {
		if l["trouble"] == "busy" {
			require.Equal(t, "tool-error", l["outcome"])
			busy++
		}
	}
	require.Equal(t, 29, busy)
}

// TestCallsOfAll: the common limit is the policy's.
func TestCallsOfAll(t *testing.T) {
	arrived, answer := make(chan struct{}), make(chan struct{})
	api := newBrokenAPI(t)
	api.objects["/api/v1/pods"] = http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		close(arrived)
		<-answer
		writeJSON(w, table(1, ""))
	})
	w := newWorld(t, api, limited("calls: 1"))
	alice := w.session(t, api.headers("alice-token"))
	done := make(chan error, 1)
	go func() {
		_, err := alice.CallTool(t.Context(), &mcp.CallToolParams{Name: "resources_list", Arguments: map[string]any{"apiVersion": "v1", "kind": "Pod"}})
		done <- err
	}()
	<-arrived
	_, body := w.post(t, api.headers("bob-token"), "", message("", "tools/call", `{"name":"whoami","arguments":{}}`))
	require.Contains(t, body, busyAll)
	close(answer)
	require.NoError(t, <-done)
}

// batch is an array of n tool calls, whose ids are 1 to n.
func batch(n int, params string) string {
	entries := make([]string, 0, n)
	for i := range n {
		entries = append(entries, fmt.Sprintf(`{"jsonrpc":"2.0","id":%d,"method":"tools/call","params":%s}`, i+1, params))
	}
	return "[" + strings.Join(entries, ",") + "]"
}
