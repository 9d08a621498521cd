package kube

import (
	"context"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func clientOf(t *testing.T, h *hostile, change ...func(*Config)) *Client {
	t.Helper()
	client, err := newClients(t, change...).For(t.Context(), newEdge(t).caller(t, h.headers("alice-token")...), decision)
	require.NoError(t, err)
	return client
}

func TestResolveByAnyName(t *testing.T) {
	h := newHostile(t, plain)
	client := clientOf(t, h)
	for _, name := range []string{"Pod", "pod", "pods", "PODS", "po", "POD"} {
		kind, err := client.Resolve(within(t, 5*time.Second), "v1", name)
		require.NoError(t, err, name)
		require.Equal(t, "pods", kind.Resource)
		require.True(t, kind.Namespaced)
		require.Equal(t, "v1", kind.APIVersion())
		require.True(t, kind.Can("list"))
		require.False(t, kind.Can("watch"))
	}
	require.Len(t, h.paths(), 1)
}

// TestNamesFromTheServer never become paths unless they are DNS labels.
func TestNamesFromTheServer(t *testing.T) {
	client := clientOf(t, newHostile(t, plain))
	for _, name := range []string{"Evil", "../nodes", "pods/log"} {
		_, err := client.Resolve(within(t, 5*time.Second), "v1", name)
		var unknown *UnknownKindError
		require.ErrorAs(t, err, &unknown, name)
	}
}

// TestNamesFromTheCaller never become requests unless they are names.
func TestNamesFromTheCaller(t *testing.T) {
	h := newHostile(t, plain)
	client := clientOf(t, h)
	for _, version := range []string{"../v1", "v1/..", "a/b/c", "apps/v1?x", "Apps/v1", "%2e%2e/v1", "apps/v1/", "/v1"} {
		_, err := client.Resolve(within(t, 5*time.Second), version, "Pod")
		require.Error(t, err, version)
	}
	pods := Kind{Version: "v1", Kind: "Pod", Resource: "pods", Namespaced: true}
	for _, name := range []string{"", ".", "..", "...", "a/b", "../nodes/node-1/proxy", "a%2fb", "a?b", "a#b", "a b", "ä", "a\x00", strings.Repeat("a", 254)} {
		_, err := client.Get(within(t, 5*time.Second), pods, "team-a", name)
		require.Equal(t, Invalid, trouble(t, err), name)
		if name != "" {
			_, err = client.List(within(t, 5*time.Second), pods, ListOptions{Namespace: name})
			require.Equal(t, Invalid, trouble(t, err), name)
		}
	}
	require.Empty(t, h.paths())
}

func TestValidNames(t *testing.T) {
	for _, name := range []string{"a", "web-0", "system:basic-user", "a.b.c", "User_1", "x@example.com"} {
		require.True(t, ValidName(name), name)
	}
	for _, name := range []string{"team-a", "0"} {
		require.True(t, ValidNamespace(name), name)
	}
	for _, name := range []string{"", "-a", "a-", "A", "a.b", "a_b", "*", "..", strings.Repeat("a", 64)} {
		require.False(t, ValidNamespace(name), name)
	}
	for _, name := range []string{"", "1Pod", "Pod-1", "pods/log", strings.Repeat("a", 64)} {
		require.False(t, ValidKind(name), name)
	}
	require.True(t, ValidAPIVersion("apps/v1"))
	require.False(t, ValidAPIVersion("apps"+"/"))
}

const aggregatedApps = `{"kind":"APIGroupDiscoveryList","items":[{"metadata":{"name":"apps"},"versions":[{"version":"v1","resources":[
	{"resource":"deployments","responseKind":{"kind":"Deployment"},"singularResource":"deployment","shortNames":["deploy"]},
	{"resource":"daemonsets","responseKind":{"kind":"DaemonSet"},"singularResource":"daemonset"}]}]}]}`

// TestSuggestions name the right apiVersion, and near misses.
func TestSuggestions(t *testing.T) {
	h := newHostile(t, func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList")
		switch r.URL.Path {
		case "/apis":
			_, _ = w.Write([]byte(aggregatedApps))
		case "/api":
			_, _ = w.Write([]byte(`{"items":[]}`))
		default:
			plain(w, r)
		}
	})
	client := clientOf(t, h)
	for kind, want := range map[string][]string{
		"Deployment": {"apps/v1 Deployment"}, "deploy": {"apps/v1 Deployment"}, "Deploymnt": {"apps/v1 Deployment"}, "Zebra": nil,
	} {
		_, err := client.Resolve(within(t, 5*time.Second), "v1", kind)
		var unknown *UnknownKindError
		require.ErrorAs(t, err, &unknown)
		require.Equal(t, want, unknown.Suggestions, kind)
	}
	require.Equal(t, 1, prefix(h.paths(), "GET /apis"), "everything is asked for once")
	_, err := client.Resolve(within(t, 5*time.Second), "extensions/v1beta1", "Deployment")
	var unknown *UnknownKindError
	require.ErrorAs(t, err, &unknown)
	require.Equal(t, []string{"apps/v1 Deployment"}, unknown.Suggestions)
}

// TestNewKindIsFound: what is missing is asked for again, not at once.
func TestNewKindIsFound(t *testing.T) {
	installed := false
	h := newHostile(t, func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/apis/example.com/v1" {
			w.Header().Set("Content-Type", "application/json")
			if installed {
				_, _ = w.Write([]byte(`{"resources":[{"name":"widgets","kind":"Widget","verbs":["get"]}]}`))
			} else {
				_, _ = w.Write([]byte(`{"resources":[]}`))
			}
			return
		}
		plain(w, r)
	})
	at := newClock()
	client := clientOf(t, h, at.config)
	for range 2 {
		_, err := client.Resolve(within(t, 5*time.Second), "example.com/v1", "Widget")
		require.Error(t, err)
	}
	require.Equal(t, 1, prefix(h.paths(), "GET /apis/example.com"))
	installed = true
	at.add(staleAfter + time.Second)
	_, err := client.Resolve(within(t, 5*time.Second), "example.com/v1", "Widget")
	require.NoError(t, err)
}

// TestFakeDiscovery has a server claim absurd numbers of APIs: one answer is
// refused, and no request follows from it.
func TestFakeDiscovery(t *testing.T) {
	var groups, resources strings.Builder
	for i := range 3000 {
		fmt.Fprintf(&groups, `{"metadata":{"name":"g%d"},"versions":[{"version":"v1"}]},`, i)
	}
	for i := range maxResources + 1 {
		fmt.Fprintf(&resources, `{"name":"r%d","kind":"R%d"},`, i, i)
	}
	h := newHostile(t, func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		switch r.URL.Path {
		case "/api", "/apis":
			fmt.Fprintf(w, `{"items":[%s]}`, strings.TrimSuffix(groups.String(), ","))
		case "/apis/big/v1":
			fmt.Fprintf(w, `{"resources":[%s]}`, strings.TrimSuffix(resources.String(), ","))
		default:
			plain(w, r)
		}
	})
	client := clientOf(t, h)
	_, err := client.Resolve(within(t, 5*time.Second), "big/v1", "R1")
	require.Equal(t, TooLarge, trouble(t, err))
	_, err = client.Resolve(within(t, 5*time.Second), "v1", "Nothing")
	var unknown *UnknownKindError
	require.ErrorAs(t, err, &unknown)
	require.Empty(t, unknown.Suggestions)
	require.Len(t, h.paths(), 4)
}

// TestDiscoveryIsDetached: the first caller gives up, the second is served by
// the same request.
func TestDiscoveryIsDetached(t *testing.T) {
	arrived, answer := make(chan struct{}), make(chan struct{})
	h := newHostile(t, func(w http.ResponseWriter, r *http.Request) {
		close(arrived)
		<-answer
		plain(w, r)
	})
	client := clientOf(t, h)
	ctx, cancel := context.WithTimeout(t.Context(), 5*time.Second)
	first := make(chan error, 1)
	go func() {
		_, err := client.Resolve(ctx, "v1", "Pod")
		first <- err
	}()
	<-arrived
	cancel()
	require.Equal(t, Canceled, trouble(t, <-first))
	close(answer)
	_, err := client.Resolve(within(t, 5*time.Second), "v1", "Pod")
	require.NoError(t, err)
	require.Len(t, h.paths(), 1)
}

// TestLearningIsWeighed: what an entry learns counts against the pool's bytes.
func TestLearningIsWeighed(t *testing.T) {
	clients := newClients(t, func(c *Config) { c.Limits = Limits{Entries: 1 << 20} })
	client, err := clients.For(t.Context(), newEdge(t).caller(t, newHostile(t, plain).headers("alice-token")...), decision)
	require.NoError(t, err)
	client.entry.answered(http.StatusOK)
	p, ok := clients.pool.(*otterPool)
	require.True(t, ok)
	require.Equal(t, 1, p.size())
	before := p.cache.WeightedSize()
	_, err = client.Resolve(within(t, 5*time.Second), "v1", "Pod")
	require.NoError(t, err)
	require.Equal(t, 1, p.size())
	learnt := client.entry.groups["v1"].weighs()
	require.Greater(t, learnt, len(coreV1)/3)
	require.EqualValues(t, learnt, p.cache.WeightedSize()-before)
}
