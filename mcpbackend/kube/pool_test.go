package kube

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"reflect"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"kubernetes-mcp-edge/extproc/kubeheader"
	"kubernetes-mcp-edge/extproc/proof"
)

// entryOf is the entry behind a caller.
func entryOf(t *testing.T, clients *Clients, e *edge, headers []string) *entry {
	t.Helper()
	return entryFor(t, clients, e.caller(t, headers...))
}

func entryFor(t *testing.T, clients *Clients, v proof.Verified) *entry {
	t.Helper()
	client, err := clients.For(t.Context(), v, decision)
	require.NoError(t, err)
	return client.entry
}

// TestKeyFields pins the key field by field: each that makes a client differ
// makes the key differ, each that does not leaves it alone.
func TestKeyFields(t *testing.T) {
	e, a, k := newEdge(t), newAuthority(t), newKeyer()
	target := func(headers ...string) kubeheader.Target {
		got, ok := e.caller(t, headers...).Target()
		require.True(t, ok)
		return got
	}
	server, ca, token := "https://127.0.0.1:6443", pemData(a.cert), "alice-token"
	headers := func(server, ca, token string, more ...string) []string {
		return append([]string{"kubernetes-server", server, "kubernetes-certificate-authority-data", ca, "kubernetes-authorization", token}, more...)
	}
	base := target(headers(server, ca, token)...)
	want := k.key(base, "1")
	require.Equal(t, want, k.key(target(headers(server, ca, token, "kubernetes-namespace", "team-a", "kubernetes-toolsets", "core")...), "1"),
		"what changes no client changes no key")
	keys := map[poolKey]string{want: "base"}
	for name, other := range map[string]poolKey{
		"server":      k.key(target(headers("https://127.0.0.1:6444", ca, token)...), "1"),
		"ca":          k.key(target(headers(server, pemData(newAuthority(t).cert), token)...), "1"),
		"two cas":     k.key(target(headers(server, pemData(a.cert, newAuthority(t).cert), token)...), "1"),
		"token":       k.key(target(headers(server, ca, token+"x")...), "1"),
		"server name": k.key(target(headers(server, ca, token, "kubernetes-tls-server-name", "example.com")...), "1"),
		"insecure":    k.key(target(headers(server, ca, token, "kubernetes-insecure-skip-tls-verify", "true")...), "1"),
		"public":      k.key(target("kubernetes-server", server, "kubernetes-authorization", token), "1"),
		"generation":  k.key(base, "2"),
		"process":     newKeyer().key(base, "1"),
	} {
		require.NotContains(t, keys, other, name)
		keys[other] = name
	}
	require.Equal(t, 6, reflect.TypeFor[kubeheader.Target]().NumField(), "a new field of Target belongs in the key, or in the test above")
}

// TestTenantsShareNothing: two callers of one server have two connections.
func TestTenantsShareNothing(t *testing.T) {
	h, e, clients := newHostile(t, plain), newEdge(t), newClients(t)
	for range 3 {
		for _, token := range []string{"alice-token", "bob-token"} {
			client, err := clients.For(t.Context(), e.caller(t, h.headers(token)...), decision)
			require.NoError(t, err)
			_, err = client.WhoAmI(within(t, 5*time.Second))
			require.NoError(t, err)
			require.Equal(t, "Bearer "+token, h.last(t).Header.Get("Authorization"))
		}
	}
	require.EqualValues(t, 2, h.connections.Load())
}

// TestUnauthorizedDrops: after a 401 the next call starts afresh.
func TestUnauthorizedDrops(t *testing.T) {
	h := newHostile(t, func(w http.ResponseWriter, _ *http.Request) { refuse(w, http.StatusUnauthorized, "Unauthorized", "") })
	e, clients := newEdge(t), newClients(t)
	first := entryOf(t, clients, e, h.headers("alice-token"))
	require.Same(t, first, entryOf(t, clients, e, h.headers("alice-token")))
	client, err := clients.For(t.Context(), e.caller(t, h.headers("alice-token")...), decision)
	require.NoError(t, err)
	_, err = client.ServerVersion(within(t, 5*time.Second))
	require.Equal(t, Unauthorized, trouble(t, err))
	require.NotSame(t, first, entryOf(t, clients, e, h.headers("alice-token")))
	require.Eventually(t, func() bool { return h.closed.Load() == 1 }, 5*time.Second, time.Millisecond, "the connection is closed")
}

// TestForbiddenKeeps: a 403 is an answer to this credential like any other.
func TestForbiddenKeeps(t *testing.T) {
	h := newHostile(t, func(w http.ResponseWriter, _ *http.Request) { refuse(w, http.StatusForbidden, "no", "") })
	e, clients := newEdge(t), newClients(t)
	first := entryOf(t, clients, e, h.headers("alice-token"))
	client, err := clients.For(t.Context(), e.caller(t, h.headers("alice-token")...), decision)
	require.NoError(t, err)
	_, err = client.ServerVersion(within(t, 5*time.Second))
	require.Equal(t, Forbidden, trouble(t, err))
	require.Same(t, first, entryOf(t, clients, e, h.headers("alice-token")))
}

// TestTLSFailureDrops: the server may have a new certificate tomorrow.
func TestTLSFailureDrops(t *testing.T) {
	h, e, clients := newHostile(t, plain), newEdge(t), newClients(t)
	headers := h.headers("alice-token")
	headers[3] = pemData(newAuthority(t).cert)
	first := entryOf(t, clients, e, headers)
	client, err := clients.For(t.Context(), e.caller(t, headers...), decision)
	require.NoError(t, err)
	_, err = client.ServerVersion(within(t, 5*time.Second))
	require.Equal(t, Untrusted, trouble(t, err))
	require.NotSame(t, first, entryOf(t, clients, e, headers))
}

// TestIdleAndAge end an entry; use keeps it only from being idle.
func TestIdleAndAge(t *testing.T) {
	h, e, at := newHostile(t, plain), newEdge(t), newClock()
	clients := newClients(t, at.config)
	headers := h.headers("alice-token")
	proven := func() *entry {
		e := entryOf(t, clients, e, headers)
		e.answered(http.StatusOK)
		return e
	}
	first := proven()
	at.add(defaultIdle - 2*time.Second)
	require.Same(t, first, entryOf(t, clients, e, headers))
	at.add(defaultIdle + 2*time.Second)
	second := proven()
	require.NotSame(t, first, second, "idle")
	for range 6 {
		at.add(defaultIdle - 20*time.Second)
		require.Same(t, second, entryOf(t, clients, e, headers))
	}
	at.add(3 * time.Minute)
	require.NotSame(t, second, entryOf(t, clients, e, headers), "an hour old")
}

// TestPoolIsBounded in entries, and in bytes.
func TestPoolIsBounded(t *testing.T) {
	h, e := newHostile(t, plain), newEdge(t)
	for name, limits := range map[string]Limits{
		"entries": {Entries: 8},
		"bytes":   {Bytes: 8*entryBase + entryBase/2},
	} {
		t.Run(name, func(t *testing.T) {
			clients := newClients(t, func(c *Config) { c.Limits = limits })
			for i := range 64 {
				entryOf(t, clients, e, h.headers(fmt.Sprint("token-", i))).answered(http.StatusOK)
			}
			require.Positive(t, clients.pool.size())
			require.LessOrEqual(t, clients.pool.size(), 8)
		})
	}
}

// TestEvictionLetsCallsFinish: Forget closes idle connections at once, and the
// busy one after its call.
func TestEvictionLetsCallsFinish(t *testing.T) {
	for name, change := range map[string][]func(*httptest.Server){"http2": nil, "http1": {http1}} {
		t.Run(name, func(t *testing.T) {
			arrived, answer := make(chan struct{}), make(chan struct{})
			h := newHostile(t, func(w http.ResponseWriter, r *http.Request) {
				close(arrived)
				<-answer
				plain(w, r)
			}, change...)
			clients := newClients(t)
			client, err := clients.For(t.Context(), newEdge(t).caller(t, h.headers("alice-token")...), decision)
			require.NoError(t, err)
			done := make(chan error, 1)
			ctx := within(t, 10*time.Second)
			go func() {
				_, err := client.ServerVersion(ctx)
				done <- err
			}()
			<-arrived
			clients.Forget()
			require.Zero(t, h.closed.Load())
			close(answer)
			require.NoError(t, <-done)
			require.Eventually(t, func() bool { return h.closed.Load() == 1 }, 5*time.Second, time.Millisecond,
				"the connection outlived its entry")
		})
	}
}

// TestPolicyChangeMakesNewClients: the address policy of an old client may
// allow what the new one forbids.
func TestPolicyChangeMakesNewClients(t *testing.T) {
	h, e := newHostile(t, plain), newEdge(t)
	rules := Rules{Hosts: loopback(t), Generation: "1"}
	clients := newClients(t, func(c *Config) { c.Rules = func() Rules { return rules } })
	first := entryOf(t, clients, e, h.headers("alice-token"))
	rules.Generation = "2"
	require.NotSame(t, first, entryOf(t, clients, e, h.headers("alice-token")))
}

// TestManyCallersOneBuild: callers who come at once get one entry.
func TestManyCallersOneBuild(t *testing.T) {
	h, e, clients := newHostile(t, plain), newEdge(t), newClients(t)
	v := e.caller(t, h.headers("alice-token")...)
	got := make(chan *entry, 32)
	for range cap(got) {
		go func() {
			client, err := clients.For(t.Context(), v, decision)
			if err != nil {
				got <- nil
				return
			}
			got <- client.entry
		}()
	}
	first := <-got
	require.NotNil(t, first)
	for range cap(got) - 1 {
		require.Same(t, first, <-got)
	}
}

// lateMiss is a pool whose next get misses: a caller who looked just before
// another one's client was kept.
type lateMiss struct {
	pool

	missed bool
}

func (p *lateMiss) get(key poolKey) (*entry, bool) {
	if !p.missed {
		p.missed = true
		return nil, false
	}
	return p.pool.get(key)
}

// TestLateCallerBuildsNothing: he finds what was built while he waited.
func TestLateCallerBuildsNothing(t *testing.T) {
	h, e, clients := newHostile(t, plain), newEdge(t), newClients(t)
	first := entryOf(t, clients, e, h.headers("alice-token"))
	clients.pool = &lateMiss{pool: clients.pool}
	require.Same(t, first, entryOf(t, clients, e, h.headers("alice-token")))
}

// TestOver: an entry knows its own end, whatever the pool's expiry does.
func TestOver(t *testing.T) {
	at := newClock()
	e := &entry{born: at.now(), until: at.now().Add(2 * time.Hour)}
	require.False(t, e.over(at.now().Add(time.Hour-1), time.Hour))
	require.True(t, e.over(at.now().Add(time.Hour), time.Hour))
	require.False(t, e.over(e.until.Add(-1), 3*time.Hour))
	require.True(t, e.over(e.until, 3*time.Hour))
	require.False(t, (&entry{born: at.now()}).over(at.now(), time.Hour), "no known end")
}

// stale is a pool that does not see that an entry is over.
type stale struct {
	pool

	e *entry
}

func (p *stale) get(poolKey) (*entry, bool) { return p.e, true }

// TestOverIsNotUsed even if the pool is late to see it.
func TestOverIsNotUsed(t *testing.T) {
	h, e, at := newHostile(t, plain), newEdge(t), newClock()
	clients := newClients(t, at.config)
	first := entryOf(t, clients, e, h.headers("alice-token"))
	clients.pool = &stale{pool: clients.pool, e: first}
	require.Same(t, first, entryOf(t, clients, e, h.headers("alice-token")))
	first.born = first.born.Add(-defaultAge)
	require.NotSame(t, first, entryOf(t, clients, e, h.headers("alice-token")))
}
