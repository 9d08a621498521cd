package kube

import (
	"fmt"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// TestWordsThatEverybodyKnows cost no discovery of all groups: a cold call is two
// requests, a warm one is one.
func TestWordsThatEverybodyKnows(t *testing.T) {
	w := discovery()
	w["GET /apis/apps/v1"] = `{"resources":[{"name":"deployments","singularName":"deployment","kind":"Deployment","namespaced":true,"verbs":["list"]}]}`
	w["GET /apis/apps/v1/deployments"] = podTable
	h := newHostile(t, w.ServeHTTP)
	client := clientOf(t, h)
	for i, word := range []string{"deploy", "Deployment", "deployments", "DEPLOYMENT"} {
		kind, err := client.Resolve(within(t, 5*time.Second), "", word)
		require.NoError(t, err, word)
		require.Equal(t, "apps/v1", kind.APIVersion())
		require.True(t, kind.Can("list"))
		require.False(t, kind.Can("create"), "what the server offers, not what others do")
		_, err = client.List(within(t, 5*time.Second), kind, ListOptions{})
		require.NoError(t, err)
		require.Len(t, h.paths(), i+2)
	}
	require.Equal(t, []string{"GET /apis/apps/v1", "GET /apis/apps/v1/deployments"}, h.paths()[:2])
}

// TestOtherWords cost both roots, once: a cold call is three requests, a warm one
// is one, and the apiVersion that was found is known as well.
func TestOtherWords(t *testing.T) {
	w := discovery(offered("example.com", []string{"v2", "v1"}, found("Widget", "widgets")))
	w["GET /apis/example.com/v2/widgets"] = podTable
	h := newHostile(t, w.ServeHTTP)
	at := newClock()
	client := clientOf(t, h, at.config)
	for i, word := range []string{"widget", "Widget", "WIDGETS", "wi"} {
		kind, err := client.Resolve(within(t, 5*time.Second), "", word)
		require.NoError(t, err, word)
		require.Equal(t, "example.com/v2", kind.APIVersion(), "the version that the server prefers")
		require.True(t, kind.Namespaced)
		require.Empty(t, kind.Others, "another version is no other group")
		_, err = client.List(within(t, 5*time.Second), kind, ListOptions{})
		require.NoError(t, err)
		require.Len(t, h.paths(), i+3)
	}
	require.Equal(t, []string{"GET /api", "GET /apis", "GET /apis/example.com/v2/widgets"}, h.paths()[:3])
	require.Contains(t, h.requests[1].Header.Get("Accept"), "g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList")
	_, err := client.Resolve(within(t, 5*time.Second), "example.com/v2", "widget")
	require.NoError(t, err)
	require.Len(t, h.paths(), 6)
	at.add(resolveFor + time.Second)
	_, err = client.Resolve(within(t, 5*time.Second), "", "widget")
	require.NoError(t, err)
	require.Len(t, h.paths(), 8, "after a while it is asked again")
}

// TestAmbiguousWords mean the same every time, and the Kind says what else.
func TestAmbiguousWords(t *testing.T) {
	w := discovery(
		offered("zebra.example.com", []string{"v1"}, found("Claim", "claims"), found("Cluster", "clusters"), found("Pod", "pods")),
		offered("apple.example.com", []string{"v1", "v1beta1"}, found("Cluster", "clusters"), found("Deployment", "deployments")),
		offered("resource.k8s.io", []string{"v1"}, found("Claim", "claims")),
		offered("events.k8s.io", []string{"v1"}, found("Event", "events")),
	)
	w["GET /api/v1"] = strings.Replace(coreV1, `{"name":"pods",`, `{"name":"events","kind":"Event"},{"name":"pods",`, 1)
	h := newHostile(t, w.ServeHTTP)
	for word, want := range map[string][]string{
		"Event":      {"v1"},
		"Pod":        {"v1"},
		"Claim":      {"resource.k8s.io/v1", "zebra.example.com/v1"},
		"cluster":    {"zebra.example.com/v1", "apple.example.com/v1", "apple.example.com/v1beta1"},
		"Deployment": {"apple.example.com/v1"}, // the server has no apps
	} {
		kind, err := clientOf(t, h).Resolve(within(t, 5*time.Second), "", word)
		require.NoError(t, err, word)
		require.Equal(t, want, append([]string{kind.APIVersion()}, kind.Others...), word)
	}
}

// TestUnknownWords get the closest real kinds, those of CRDs among them.
func TestUnknownWords(t *testing.T) {
	h := newHostile(t, discovery(offered("monitoring.example.com", []string{"v1"}, found("PrometheusRule", "prometheusrules"))).ServeHTTP)
	client := clientOf(t, h)
	for word, want := range map[string][]string{
		"prometheusrul": {"monitoring.example.com/v1 PrometheusRule"}, "Prometheus": {"monitoring.example.com/v1 PrometheusRule"},
		"pood": {"v1 Pod"}, "Zebra": nil, "Ingress": nil,
	} {
		_, err := client.Resolve(within(t, 5*time.Second), "", word)
		var unknown *UnknownKindError
		require.ErrorAs(t, err, &unknown, word)
		require.Equal(t, want, unknown.Suggestions, word)
		require.Empty(t, unknown.APIVersion)
		require.False(t, unknown.Incomplete)
	}
	require.Equal(t, 1, prefix(h.paths(), "GET /apis/networking.k8s.io/v1"))
	require.Len(t, h.paths(), 3, "both roots, once")
	for _, word := range []string{"", "../pods", "pods/log", "a.b", strings.Repeat("a", 64)} {
		_, err := client.Resolve(within(t, 5*time.Second), "", word)
		require.Error(t, err)
	}
	require.Len(t, h.paths(), 3)
}

// TestNewKindsAreFound: a word that nothing explains is asked for again.
func TestNewKindsAreFound(t *testing.T) {
	w := discovery()
	var mu sync.Mutex
	h := newHostile(t, func(rw http.ResponseWriter, r *http.Request) {
		mu.Lock()
		defer mu.Unlock()
		w.ServeHTTP(rw, r)
	})
	at := newClock()
	client := clientOf(t, h, at.config)
	for range 2 {
		_, err := client.Resolve(within(t, 5*time.Second), "", "Widget")
		require.Error(t, err)
	}
	require.Len(t, h.paths(), 2)
	mu.Lock()
	w["GET /apis"] = `{"items":[` + offered("example.com", []string{"v1"}, found("Widget", "widgets")) + `]}`
	mu.Unlock()
	at.add(staleAfter + time.Second)
	_, err := client.Resolve(within(t, 5*time.Second), "", "Widget")
	require.NoError(t, err)
	require.Len(t, h.paths(), 4)
}

// TestGoneKindsAreForgotten: the API's absence is noticed at its next use.
func TestGoneKindsAreForgotten(t *testing.T) {
	h := newHostile(t, discovery(offered("example.com", []string{"v1"}, found("Widget", "widgets"))).ServeHTTP)
	client := clientOf(t, h)
	kind, err := client.Resolve(within(t, 5*time.Second), "", "Widget")
	require.NoError(t, err)
	_, err = client.Objects(within(t, 5*time.Second), kind, ListOptions{})
	require.Equal(t, NoSuchAPI, trouble(t, err))
	_, err = client.Resolve(within(t, 5*time.Second), "", "Widget")
	require.NoError(t, err)
	require.Equal(t, 2, prefix(h.paths(), "GET /apis/")+prefix(h.paths(), "GET /apis")-prefix(h.paths(), "GET /apis/example.com/v1/widgets")-1)
}

// TestDiscoveryThatIsForbidden leaves the words that everybody knows.
func TestDiscoveryThatIsForbidden(t *testing.T) {
	h := newHostile(t, func(w http.ResponseWriter, _ *http.Request) { refuse(w, http.StatusForbidden, "no", "") })
	client := clientOf(t, h)
	kind, err := client.Resolve(within(t, 5*time.Second), "", "netpol")
	require.NoError(t, err)
	require.Equal(t, "networking.k8s.io/v1 NetworkPolicy networkpolicies true", fmt.Sprint(kind.APIVersion(), " ", kind.Kind, " ", kind.Resource, " ", kind.Namespaced))
	require.True(t, kind.Can("list"))
	_, err = client.Resolve(within(t, 5*time.Second), "", "Widget")
	require.Equal(t, Forbidden, trouble(t, err))
}

// TestDiscoveryThatFails is a failure, never an unknown kind.
func TestDiscoveryThatFails(t *testing.T) {
	down := func(w http.ResponseWriter, _ *http.Request) { refuse(w, http.StatusServiceUnavailable, "down", "") }
	client := clientOf(t, newHostile(t, down))
	_, err := client.Resolve(within(t, 5*time.Second), "", "Widget")
	require.Equal(t, Failed, trouble(t, err))
	_, _, err = client.Kinds(within(t, 5*time.Second))
	require.Equal(t, Failed, trouble(t, err))

	h := newHostile(t, func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/apis/metrics.k8s.io/v1beta1" {
			down(w, r)
			return
		}
		discovery().ServeHTTP(w, r)
	})
	_, err = clientOf(t, h).Resolve(within(t, 5*time.Second), "", "PodMetrics")
	require.Equal(t, Failed, trouble(t, err), "its own group is down, whatever the others say")
	require.Len(t, h.paths(), 1)
}
