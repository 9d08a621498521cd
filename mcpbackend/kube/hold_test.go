package kube

import (
	"context"
	"io"
	"net/http"
	"strings"
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
		require.Equal(t, TooLarge, trouble(t, one.room(ctx, int64(heldFree)+1)), "what is not, is")

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
		require.NoError(t, third.room(thirdCtx, half))
		endOther()
		synctest.Wait()
		require.NoError(t, third.room(thirdCtx, half), "what it waited for in vain it does not hold")
		require.NoError(t, same.room(sameCtx, half))
		require.Equal(t, TooLarge, trouble(t, one.room(t.Context(), half)), "a call that is over holds nothing")
		for _, end := range []context.CancelFunc{endSame, endOther, endThird} {
			end()
		}
		synctest.Wait()
		require.True(t, h.all.TryAcquire(heldByAll), "something is still held")
		require.Empty(t, h.each.of)
	})
}

// TestFewWaitForRoom, for who waits keeps his text: others are turned away at
// once, unless there is room for them.
func TestFewWaitForRoom(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newHolds()
		call := func(server string) *hold { return h.begin(t.Context(), target{server: server}) }
		require.NoError(t, call("a").room(t.Context(), heldByServer))
		begun, told := time.Now(), make(chan error, 2)
		for range 2 {
			go func() { told <- call("a").room(t.Context(), waitingByAll/2) }()
		}
		synctest.Wait()
		require.Equal(t, Busy, trouble(t, call("a").room(t.Context(), heldFree+1)), "no more wait")
		require.Zero(t, time.Since(begun))
		other := call("b")
		require.NoError(t, other.room(t.Context(), heldByServer/2), "there is room for it")
		require.Equal(t, TooLarge, trouble(t, other.room(t.Context(), heldByServer/2+1)))
		require.Equal(t, Busy, trouble(t, call("c").room(t.Context(), heldByAll-heldByServer-heldByServer/2+1)), "all is held")
		require.NoError(t, call("c").room(t.Context(), heldByAll-heldByServer-heldByServer/2), "and nothing of what was refused")
		require.Equal(t, Busy, trouble(t, <-told))
		require.Equal(t, Busy, trouble(t, <-told))
		require.Equal(t, holdWait, time.Since(begun))
		require.True(t, h.waiting.TryAcquire(waitingByAll), "somebody still waits")
	})
}

// TestHoldsToTheByte: each bound is as it is written. Servers are told apart by
// whom a caller trusts, too.
func TestHoldsToTheByte(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		room := func(h *holds, of target, n int64) Trouble {
			return trouble(t, h.begin(t.Context(), of).room(t.Context(), n))
		}
		a, b, c := target{server: "a"}, target{server: "a", trust: [32]byte{1}}, target{server: "c"}
		require.Equal(t, TooLarge, room(newHolds(), a, heldByCall+1))
		h := newHolds()
		require.Zero(t, room(h, a, heldByServer/2))
		require.Equal(t, Busy, room(h, a, heldByServer/2+1))
		require.Zero(t, room(h, a, heldByServer/2))
		require.Zero(t, room(h, b, heldByServer/2))
		require.Equal(t, Busy, room(h, c, heldByAll-heldByServer-heldByServer/2+1))
		require.Zero(t, room(h, c, heldByAll-heldByServer-heldByServer/2))
	})
}

// TestSize: of a text, and of what every value, map and list of it takes.
func TestSize(t *testing.T) {
	for text, values := range map[string]int64{`"a"`: 0, `{"a":1}`: 1, `[1]`: 1, `{"a":[1,2]}`: 3} {
		require.Equal(t, int64(len(text))+values*valueSize, size([]byte(text)), text)
	}
}

// TestObjectsAreHeld: small answers, one after the other, come to an end too; of
// objects and of single ones, by what is kept of them.
func TestObjectsAreHeld(t *testing.T) {
	large := `{"a":[` + strings.Repeat(`{"a":1},`, 20_000) + `1]}`
	handler := func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		items := large + `,{"a":1}`
		if strings.HasSuffix(r.URL.Path, "/services") {
			items = `{"a":1},` + large
		}
		_, _ = io.WriteString(w, `{"kind":"List","items":[`+items+`]}`)
	}
	h, elsewhere := newHostile(t, handler), newHostile(t, handler)
	pods, services := Kind{Version: "v1", Kind: "Pod", Resource: "pods", Namespaced: true}, Kind{Version: "v1", Kind: "Service", Resource: "services", Namespaced: true}
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	clients, e := newClients(t), newEdge(t)
	visit := func(ctx context.Context, h *hostile) *Client {
		client, err := clients.For(ctx, e.caller(t, h.headers("alice-token")...), decision)
		require.NoError(t, err)
		return client
	}
	fill := func(one func() error) {
		t.Helper()
		read, err := 0, error(nil)
		for ; read < 20 && err == nil; read++ {
			err = one()
		}
		require.Equal(t, TooLarge, trouble(t, err))
		require.Greater(t, read, 1)
		require.Less(t, read, 6, "20 000 maps take megabytes")
	}
	client, other := visit(ctx, h), visit(ctx, elsewhere)
	for range 5 {
		_, err := client.Objects(within(t, 5*time.Second), services, ListOptions{Limit: 1})
		require.NoError(t, err, "what is not kept takes nothing")
	}
	fill(func() error {
		_, err := client.Objects(within(t, 5*time.Second), pods, ListOptions{})
		return err
	})
	fill(func() error {
		_, err := other.Get(within(t, 5*time.Second), pods, "team-a", "a")
		return err
	})
	cancel()
	_, err := visit(t.Context(), h).Objects(within(t, 5*time.Second), pods, ListOptions{})
	require.NoError(t, err)
}
