package kube

import (
	"crypto/tls"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"kubernetes-mcp-edge/extproc/kubeheader"
	"kubernetes-mcp-edge/extproc/proof"
)

// tenants are callers whose server has answered to them.
func tenants(t *testing.T, clients *Clients, e *edge, h *hostile, n int) (use func() (same int)) {
	t.Helper()
	callers, first := make([]proof.Verified, n), make([]*entry, n)
	for i := range n {
		callers[i] = e.caller(t, h.headers(fmt.Sprint("tenant-", i))...)
		first[i] = entryFor(t, clients, callers[i])
		first[i].answered(http.StatusOK)
	}
	return func() (same int) {
		for i := range n {
			if got := entryFor(t, clients, callers[i]); got == first[i] {
				same++
			} else {
				got.answered(http.StatusOK)
			}
		}
		return same
	}
}

// TestSpray: 10,000 credentials that nobody has seen push out no tenant who
// works now: neither if they are guesses, nor if a server of the sprayer's own
// answers to each of them, nor if the pool is a tight one.
func TestSpray(t *testing.T) {
	for name, test := range map[string]struct {
		limits Limits
		status int
	}{
		"guesses":             {Limits{}, http.StatusUnauthorized},
		"unanswered":          {Limits{}, http.StatusInternalServerError},
		"answered":            {Limits{}, http.StatusOK},
		"answered, tight":     {Limits{Entries: 128}, http.StatusOK},
		"forbidden, by bytes": {Limits{Bytes: 128 * 2 * entryBase}, http.StatusForbidden},
	} {
		t.Run(name, func(t *testing.T) {
			h, e := newHostile(t, plain), newEdge(t)
			clients := newClients(t, func(c *Config) { c.Limits = test.limits })
			use := tenants(t, clients, e, h, 100)
			for range 4 {
				require.Equal(t, 100, use())
			}
			target, ok := e.caller(t, h.headers("alice-token")...).Target()
			require.True(t, ok)
			lost := 0
			for i := range 10_000 {
				target.Auth = kubeheader.Token{Value: kubeheader.NewSecret([]byte(fmt.Sprint("guess-", i)))}
				guess, err := clients.entry(target, time.Time{})
				require.NoError(t, err)
				guess.answered(test.status)
				if i%1000 == 999 {
					lost += 100 - use()
				}
			}
			require.Zero(t, lost)
			require.Equal(t, 100, use())
			if test.status == http.StatusUnauthorized || test.status == http.StatusInternalServerError {
				require.Equal(t, 100, clients.Stats().Entries, "who was not answered is in no pool")
			}
		})
	}
}

// TestNewcomers: an entry counts only after its first authenticated answer, and
// is found before that as well.
func TestNewcomers(t *testing.T) {
	status := http.StatusInternalServerError
	h := newHostile(t, func(w http.ResponseWriter, r *http.Request) {
		if status == http.StatusOK {
			plain(w, r)
			return
		}
		refuse(w, status, "no", "")
	})
	e, clients := newEdge(t), newClients(t)
	v := e.caller(t, h.headers("alice-token")...)
	call := func() *entry {
		client, err := clients.For(t.Context(), v, decision)
		require.NoError(t, err)
		_, _ = client.WhoAmI(within(t, 5*time.Second))
		return client.entry
	}
	first := call()
	require.Same(t, first, call())
	require.Zero(t, clients.Stats().Entries)
	require.False(t, clients.Proven(v))
	status = http.StatusForbidden
	require.Same(t, first, call())
	require.Equal(t, 1, clients.Stats().Entries, "403 is an answer to this very caller")
	require.True(t, clients.Proven(v))
	require.False(t, clients.Proven(e.caller(t, h.headers("bob-token")...)))
	require.False(t, clients.Proven(e.caller(t)))
	status = http.StatusOK
	require.Same(t, first, call())
	s := clients.Stats()
	require.EqualValues(t, 1, s.Misses)
	require.EqualValues(t, 3, s.Hits)
	require.EqualValues(t, first.weight(), s.Bytes)
	require.EqualValues(t, 3, h.connections.Load(), "one for each call until the server had answered, then one for all")
	status = http.StatusUnauthorized
	call()
	require.False(t, clients.Proven(v))
	require.Zero(t, clients.Stats().Entries)
}

// TestFullPool: whoever comes to a full pool is let in with his second call.
func TestFullPool(t *testing.T) {
	h, e := newHostile(t, plain), newEdge(t)
	clients := newClients(t, func(c *Config) { c.Limits.Entries = 8 })
	use := tenants(t, clients, e, h, 8)
	for range 3 {
		use()
	}
	late := e.caller(t, h.headers("late-token")...)
	client, err := clients.For(t.Context(), late, decision)
	require.NoError(t, err)
	client.entry.answered(http.StatusOK)
	key := clients.keys.key(client.target, "1")
	_, kept := clients.pool.peek(key)
	require.False(t, kept)
	require.True(t, clients.Proven(late), "he is no guess for that")
	again, err := clients.For(t.Context(), late, decision)
	require.NoError(t, err)
	require.Same(t, client.entry, again.entry)
	_, waits := clients.fresh.get(key)
	require.False(t, waits)
}

// TestPushedOut: a newcomer whom others pushed out while his first call was
// under way is kept after all, and so are his connections.
func TestPushedOut(t *testing.T) {
	arrived, answer := make(chan struct{}), make(chan struct{})
	h := newHostile(t, func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/version" {
			close(arrived)
			<-answer
		}
		plain(w, r)
	})
	e, clients := newEdge(t), newClients(t)
	client, err := clients.For(t.Context(), e.caller(t, h.headers("alice-token")...), decision)
	require.NoError(t, err)
	done := make(chan error, 1)
	ctx := within(t, 10*time.Second)
	go func() {
		_, err := client.ServerVersion(ctx)
		done <- err
	}()
	<-arrived
	for i := range maxNewcomers {
		entryOf(t, clients, e, h.headers(fmt.Sprint("guess-", i)))
	}
	require.EqualValues(t, 1, clients.Stats().Evictions[CauseUnproven])
	close(answer)
	require.NoError(t, <-done)
	require.Same(t, client.entry, entryOf(t, clients, e, h.headers("alice-token")))
	_, err = client.WhoAmI(ctx)
	require.NoError(t, err)
	require.EqualValues(t, 1, h.connections.Load())
}

// TestLateProof: an answer that comes after the policy changed keeps nobody.
func TestLateProof(t *testing.T) {
	h, e, clients := newHostile(t, plain), newEdge(t), newClients(t)
	first := entryOf(t, clients, e, h.headers("alice-token"))
	clients.Forget()
	first.answered(http.StatusOK)
	require.Zero(t, clients.Stats().Entries)
	require.NotSame(t, first, entryOf(t, clients, e, h.headers("alice-token")))
}

// TestEvictionsAreCounted, each by its cause, whether the entry was proven or
// not.
func TestEvictionsAreCounted(t *testing.T) {
	h, e := newHostile(t, plain), newEdge(t)
	for cause, let := range map[Cause]func(*testing.T, *Clients, *clock, *entry){
		CauseIdle: func(_ *testing.T, _ *Clients, at *clock, _ *entry) { at.add(defaultIdle + 2*time.Second) },
		CauseAge: func(t *testing.T, clients *Clients, at *clock, first *entry) {
			t.Helper()
			target, ok := e.caller(t, h.headers("alice-token")...).Target()
			require.True(t, ok)
			key := clients.keys.key(target, "1")
			for range 7 {
				at.add(defaultIdle - 20*time.Second)
				_, _ = clients.pool.get(key)
			}
			require.True(t, first.over(at.now(), defaultAge))
		},
		CauseCredential:  func(_ *testing.T, _ *Clients, at *clock, first *entry) { at.add(first.until.Sub(at.now())) },
		CauseAuthFailure: func(_ *testing.T, _ *Clients, _ *clock, first *entry) { first.answered(http.StatusUnauthorized) },
		CauseTLSFailure: func(_ *testing.T, _ *Clients, _ *clock, first *entry) {
			first.failed(&tls.CertificateVerificationError{Err: errors.New("no")})
		},
		CausePolicy: func(_ *testing.T, clients *Clients, _ *clock, _ *entry) { clients.Forget() },
	} {
		t.Run(cause.String(), func(t *testing.T) {
			at := newClock()
			clients := newClients(t, at.config)
			headers := h.headers(jwt(at.now().Add(2 * time.Hour)))
			if cause == CauseCredential {
				headers = h.headers(jwt(at.now().Add(30 * time.Second)))
			}
			if cause == CauseAge {
				headers = h.headers("alice-token")
			}
			first := entryOf(t, clients, e, headers)
			first.answered(http.StatusOK)
			require.Equal(t, 1, clients.Stats().Entries)
			let(t, clients, at, first)
			counted(t, clients, cause, 1)
		})
	}
	t.Run("size", func(t *testing.T) {
		clients := newClients(t, func(c *Config) { c.Limits.Entries = 8 })
		for i := range 64 {
			entryOf(t, clients, e, h.headers(fmt.Sprint("token-", i))).answered(http.StatusOK)
			entryOf(t, clients, e, h.headers(fmt.Sprint("token-", i)))
		}
		require.LessOrEqual(t, clients.Stats().Entries, 8)
		counted(t, clients, CauseSize, uint64(64-clients.Stats().Entries))
	})
	t.Run("newcomers", func(t *testing.T) {
		at := newClock()
		clients := newClients(t, at.config)
		entryOf(t, clients, e, h.headers("alice-token")).answered(http.StatusUnauthorized)
		counted(t, clients, CauseAuthFailure, 1)
		entryOf(t, clients, e, h.headers("alice-token"))
		clients.Forget()
		counted(t, clients, CausePolicy, 1)
		entryOf(t, clients, e, h.headers("alice-token"))
		at.add(defaultAge)
		entryOf(t, clients, e, h.headers("alice-token"))
		counted(t, clients, CauseAge, 1)
	})
}

// counted waits until exactly the cause was counted so often beside what came
// before.
func counted(t *testing.T, clients *Clients, cause Cause, n uint64) {
	t.Helper()
	require.Eventually(t, func() bool { return clients.Stats().Evictions[cause] == n }, 5*time.Second, time.Millisecond, "%v", clients.Stats())
	require.Len(t, clients.Stats().Evictions, int(causes))
}

// TestRoom: calls to one server are bounded whoever makes them, other servers'
// are not touched, and a call that ended makes room.
func TestRoom(t *testing.T) {
	for name, change := range map[string][]func(*httptest.Server){"http2": nil, "http1": {http1}} {
		arrived, answer := make(chan struct{}, 4), make(chan struct{})
		h := newHostile(t, func(w http.ResponseWriter, r *http.Request) {
			arrived <- struct{}{}
			<-answer
			plain(w, r)
		}, change...)
		other, e := newHostile(t, plain), newEdge(t)
		clients := newClients(t, func(c *Config) { c.Limits.Target = 2 })
		call := func(h *hostile, token string) error {
			client, err := clients.For(t.Context(), e.caller(t, h.headers(token)...), decision)
			if err != nil {
				return err
			}
			_, err = client.ServerVersion(within(t, 10*time.Second))
			return err
		}
		done := make(chan error, 2)
		for _, token := range []string{"alice-token", "bob-token"} {
			go func() { done <- call(h, token) }()
			<-arrived
		}
		require.Equal(t, Busy, trouble(t, call(h, "carol-token")), name)
		require.NoError(t, call(other, "carol-token"), name)
		close(answer)
		require.NoError(t, <-done)
		require.NoError(t, <-done)
		require.NoError(t, call(h, "carol-token"), name)
		require.Eventually(t, func() bool {
			clients.rooms.mu.Lock()
			defer clients.rooms.mu.Unlock()
			return len(clients.rooms.used) == 0
		}, 5*time.Second, time.Millisecond, "a server without calls takes no memory")
	}
}
