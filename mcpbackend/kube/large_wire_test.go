package kube

import (
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// TestLargeAnswersOnTheWireTakeTurns: whoever calls, those of one server share
// its turns; another server has its own.
func TestLargeAnswersOnTheWireTakeTurns(t *testing.T) {
	let := make(chan struct{})
	handler := func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		_, name, _ := strings.Cut(r.URL.Path, "/nodes/")
		body := `{"a":"` + strings.Repeat("x", 2*smallAnswer) + `"}`
		switch name {
		case "small":
			body = `{}`
		case "stalls":
			_, _ = io.WriteString(w, body[:smallAnswer+1])
			_ = http.NewResponseController(w).Flush()
			<-let
			body = body[smallAnswer+1:]
		}
		_, _ = io.WriteString(w, body)
	}
	h, elsewhere := newHostile(t, handler), newHostile(t, handler)
	clients, e := newClients(t), newEdge(t)
	visit := func(h *hostile, token string) *Client {
		client, err := clients.For(t.Context(), e.caller(t, h.headers(token)...), decision)
		require.NoError(t, err)
		return client
	}
	get := func(c *Client, name string, d time.Duration) error {
		_, err := c.Get(within(t, d), Kind{Version: "v1", Resource: "nodes"}, "", name)
		return err
	}
	ends := make(chan error, largeEach)
	for i := range largeEach {
		client := visit(h, fmt.Sprintf("caller-%d-token", i))
		go func() { ends <- get(client, "stalls", 4*time.Second) }()
	}
	client := visit(h, "alice-token")
	require.Eventually(t, func() bool { return clients.large.full(client.entry.target) }, 3*time.Second, time.Millisecond, "the server's turns are taken")
	require.NoError(t, get(client, "small", 5*time.Second))
	require.Equal(t, Deadline, trouble(t, get(client, "large", 100*time.Millisecond)))
	require.NoError(t, get(visit(elsewhere, "alice-token"), "large", 5*time.Second))
	close(let)
	for range largeEach {
		require.NoError(t, <-ends)
	}
	require.NoError(t, get(client, "large", 5*time.Second))
}

// full reports whether all turns of a target are taken.
func (l *large) full(of target) bool {
	l.each.mu.Lock()
	defer l.each.mu.Unlock()
	mine, ok := l.each.of[of]
	if !ok || !mine.free.TryAcquire(1) {
		return ok
	}
	mine.free.Release(1)
	return false
}
