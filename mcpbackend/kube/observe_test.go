package kube

import (
	"context"
	"fmt"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// TestObserve: every request that was sent is told of, by a word from a closed
// list; what a call did is known by its last request for a resource.
func TestObserve(t *testing.T) {
	var mu sync.Mutex
	var told []string
	h, e := newHostile(t, func(w http.ResponseWriter, r *http.Request) {
		switch {
		case strings.HasSuffix(r.URL.Path, "/pods/x"):
			refuse(w, http.StatusForbidden, "no", "x")
		case strings.HasSuffix(r.URL.Path, "/pods/gone"):
			panic(http.ErrAbortHandler) //nolint:forbidigo // net/http's own way to end a response early
		default:
			plain(w, r)
		}
	}), newEdge(t)
	clients := newClients(t, func(c *Config) {
		c.Observe = func(verb string, status int, took time.Duration) {
			mu.Lock()
			defer mu.Unlock()
			require.Positive(t, took)
			require.Contains(t, Verbs(), verb)
			told = append(told, fmt.Sprint(verb, " ", status))
		}
	})
	client, err := clients.For(t.Context(), e.caller(t, h.headers("alice-token")...), decision)
	require.NoError(t, err)
	did := func(call func(ctx context.Context) error) string {
		ctx, acts := Recorded(within(t, 5*time.Second))
		_ = call(ctx)
		last, ok := acts.Last()
		return fmt.Sprint(ok, " ", last)
	}
	pod := Kind{Version: "v1", Kind: "Pod", Resource: "pods", Namespaced: true}
	require.Equal(t, "false {    }", did(func(ctx context.Context) error { _, err := client.ServerVersion(ctx); return err }), "discovery says nothing")
	require.Equal(t, "true {create authentication.k8s.io selfsubjectreviews  }", did(func(ctx context.Context) error { _, err := client.WhoAmI(ctx); return err }))
	require.Equal(t, "true {get  pods  team-a}", did(func(ctx context.Context) error {
		_, err := client.Get(ctx, pod, "team-a", "x")
		_, _ = client.WhoAmI(ctx)
		return err
	}), "a question about the caller is not what he came for")
	require.Equal(t, "true {delete  pods  team-a}", did(func(ctx context.Context) error {
		_, err := client.Delete(ctx, pod, "team-a", "x", DeleteOptions{})
		return err
	}), "what was refused here is remembered")
	require.Equal(t, "true {get  pods  team-a}", did(func(ctx context.Context) error { _, err := client.Get(ctx, pod, "team-a", "gone"); return err }))
	mu.Lock()
	defer mu.Unlock()
	require.Equal(t, []string{"discovery 200", "review 200", "get 403", "review 200", "get 0"}, told, "what was refused here was not sent")
}

// TestPlace: callers mean one server if they name one URL and trust one CA.
func TestPlace(t *testing.T) {
	e, a, b := newEdge(t), newAuthority(t), newAuthority(t)
	place := func(server string, of *authority, token string) string {
		out, ok := Place(e.caller(t, "kubernetes-server", server, "kubernetes-certificate-authority-data", pemData(of.cert), "kubernetes-authorization", token))
		require.True(t, ok)
		return out
	}
	want := place("https://127.0.0.1:6443", a, "alice-token")
	require.Equal(t, want, place("https://127.0.0.1:6443", a, "bob-token"))
	require.NotEqual(t, want, place("https://127.0.0.1:6444", a, "alice-token"))
	require.NotEqual(t, want, place("https://127.0.0.1:6443", b, "alice-token"))
	_, ok := Place(e.caller(t))
	require.False(t, ok, "anonymous")
}
