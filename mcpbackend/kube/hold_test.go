package kube

import (
	"bytes"
	"context"
	"fmt"
	"net/http"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
)

// TestHolds: a call holds so much, the calls to one server so much, and all so
// much; what a call held is free with its end.
func TestHolds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h, half := newHolds(), int64(heldByCall/2)
		calls := func(server string) (*hold, context.Context, context.CancelFunc) {
			ctx, end := context.WithCancel(t.Context())
			return h.begin(ctx, target{server: server}), ctx, end
		}
		one, ctx, end := calls("a")
		require.NoError(t, one.room(ctx, half))
		require.NoError(t, one.room(ctx, half))
		require.Equal(t, TooLarge, trouble(t, one.room(ctx, half)))
		require.NoError(t, one.room(ctx, int64(heldFree)), "what is small is not counted")

		begun := time.Now()
		same, sameCtx, endSame := calls("a")
		require.Equal(t, Busy, trouble(t, same.room(sameCtx, half)), "the server's portion is held")
		require.Equal(t, holdWait, time.Since(begun))
		require.NoError(t, same.room(sameCtx, int64(heldFree)))
		other, otherCtx, endOther := calls("b")
		require.NoError(t, other.room(otherCtx, half), "another server has its own")
		require.NoError(t, other.room(otherCtx, half))
		third, thirdCtx, endThird := calls("c")
		require.Equal(t, Busy, trouble(t, third.room(thirdCtx, half)), "all is held")

		end()
		synctest.Wait()
		require.NoError(t, same.room(sameCtx, half))
		require.NoError(t, third.room(thirdCtx, half))
		require.Equal(t, TooLarge, trouble(t, one.room(t.Context(), half)), "a call that is over holds nothing")
		for _, end := range []context.CancelFunc{endSame, endOther, endThird} {
			end()
		}
		synctest.Wait()
		require.True(t, h.all.TryAcquire(heldByAll), "something is still held")
		require.Empty(t, h.each.of)
	})
}

// TestObjectsAreHeld: small answers, one after the other, come to an end too.
func TestObjectsAreHeld(t *testing.T) {
	h := newHostile(t, func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		_, _ = fmt.Fprintf(w, `{"kind":"PodList","items":[{"a":[%s1]}]}`, bytes.Repeat([]byte(`{"a":1},`), 20_000))
	})
	pods := Kind{Version: "v1", Kind: "Pod", Resource: "pods", Namespaced: true}
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	clients, e := newClients(t), newEdge(t)
	client, err := clients.For(ctx, e.caller(t, h.headers("alice-token")...), decision)
	require.NoError(t, err)
	read := 0
	for ; read < 20; read++ {
		if _, err = client.Objects(within(t, 5*time.Second), pods, ListOptions{}); err != nil {
			break
		}
	}
	require.Equal(t, TooLarge, trouble(t, err))
	require.Positive(t, read)
	require.Less(t, read, 5, "20 000 maps take megabytes")
	cancel()
	next, err := clients.For(t.Context(), e.caller(t, h.headers("alice-token")...), decision)
	require.NoError(t, err)
	_, err = next.Objects(within(t, 5*time.Second), pods, ListOptions{})
	require.NoError(t, err)
}
