package kube

import (
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// discovery is a server's aggregated discovery of /apis, and its core group.
func discovery(groups ...string) world {
	return world{
		"GET /api":         `{"kind":"APIGroupDiscoveryList","items":[{"metadata":{"name":""},"versions":[{"version":"v1","resources":[` + found("Pod", "pods") + `]}]}]}`,
		"GET /apis":        `{"kind":"APIGroupDiscoveryList","items":[` + strings.Join(groups, ",") + `]}`,
		"GET /api/v1":      coreV1,
		"GET /api/v1/pods": podTable,
	}
}

// offered is a group with its versions, each with the same resources.
func offered(name string, versions []string, resources ...string) string {
	out := make([]string, 0, len(versions))
	for _, v := range versions {
		out = append(out, `{"version":"`+v+`","resources":[`+strings.Join(resources, ",")+`]}`)
	}
	return `{"metadata":{"name":"` + name + `"},"versions":[` + strings.Join(out, ",") + `]}`
}

func found(kind, plural string) string {
	return `{"resource":"` + plural + `","responseKind":{"kind":"` + kind + `"},"scope":"Namespaced","singularResource":"` +
		strings.ToLower(kind) + `","shortNames":["` + plural[:2] + `"],"verbs":["get","list"]}`
}

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
	h := newHostile(t, func(w http.ResponseWriter, _ *http.Request) { refuse(w, http.StatusServiceUnavailable, "down", "") })
	client := clientOf(t, h)
	for _, word := range []string{"PodMetrics", "Widget"} {
		_, err := client.Resolve(within(t, 5*time.Second), "", word)
		require.Equal(t, Failed, trouble(t, err), word)
	}
	_, _, err := client.Kinds(within(t, 5*time.Second))
	require.Equal(t, Failed, trouble(t, err))
}

func TestKinds(t *testing.T) {
	h := newHostile(t, discovery(offered("example.com", []string{"v2", "v1"}, found("Widget", "widgets"))).ServeHTTP)
	client := clientOf(t, h)
	for range 2 {
		kinds, complete, err := client.Kinds(within(t, 5*time.Second))
		require.NoError(t, err)
		require.True(t, complete)
		require.Len(t, kinds, 3)
		widget := kinds[1]
		require.Equal(t, "example.com/v2 Widget widgets widget [wi] [get list]",
			fmt.Sprint(widget.APIVersion(), " ", widget.Kind, " ", widget.Resource, " ", widget.Singular(), " ", widget.ShortNames(), " ", widget.Verbs()))
		clear(kinds) // what one caller does with them is no other's business
		widget.ShortNames()[0] = "x"
	}
	require.Equal(t, []string{"GET /api", "GET /apis"}, h.paths(), "none for a minute")
}

// TestStaleGroups: an API service that is down is told of, and no error.
func TestStaleGroups(t *testing.T) {
	stale := `{"metadata":{"name":"metrics.k8s.io"},"versions":[{"version":"v1beta1","freshness":"Stale"}]}`
	client := clientOf(t, newHostile(t, discovery(stale).ServeHTTP))
	kinds, complete, err := client.Kinds(within(t, 5*time.Second))
	require.NoError(t, err)
	require.False(t, complete)
	require.Len(t, kinds, 1)
	_, err = client.Resolve(within(t, 5*time.Second), "", "Widget")
	var unknown *UnknownKindError
	require.ErrorAs(t, err, &unknown)
	require.True(t, unknown.Incomplete, "it may be there")
}

// old is a server without aggregated discovery that has n groups.
func old(n int) world {
	w := world{"GET /api": `{"kind":"APIVersions","versions":["v1"]}`, "GET /api/v1": coreV1}
	list := make([]string, 0, n+1)
	for i := range n {
		list = append(list, fmt.Sprintf(`{"name":"g%d.example.com","versions":[{"version":"v1beta1"},{"version":"v1"},{"version":"../v3"}],"preferredVersion":{"version":"v1"}}`, i))
		for _, v := range []string{"v1", "v1beta1"} {
			w[fmt.Sprintf("GET /apis/g%d.example.com/%s", i, v)] = fmt.Sprintf(`{"resources":[{"name":"widgets","kind":"Widget%d","verbs":["list"]}]}`, i)
		}
	}
	w["GET /apis"] = `{"kind":"APIGroupList","groups":[` + strings.Join(append(list, `{"name":"../evil","preferredVersion":{"version":"v1"}}`), ",") + `]}`
	return w
}

// TestOldServers are asked about each group, the preferred versions first.
func TestOldServers(t *testing.T) {
	w := old(3)
	delete(w, "GET /apis/g1.example.com/v1beta1")
	h := newHostile(t, w.ServeHTTP)
	client := clientOf(t, h)
	kinds, complete, err := client.Kinds(within(t, 5*time.Second))
	require.NoError(t, err)
	require.False(t, complete, "one does not answer")
	got := make([]string, 0, len(kinds))
	for _, k := range kinds {
		got = append(got, k.APIVersion()+" "+k.Kind)
	}
	require.Equal(t, []string{
		"v1 Pod", "v1 Namespace", "g0.example.com/v1 Widget0", "g1.example.com/v1 Widget1", "g2.example.com/v1 Widget2",
		"g0.example.com/v1beta1 Widget0", "g2.example.com/v1beta1 Widget2",
	}, got)
	require.Len(t, h.paths(), 9)
	kind, err := client.Resolve(within(t, 5*time.Second), "", "widget2")
	require.NoError(t, err)
	require.Equal(t, "g2.example.com/v1", kind.APIVersion())
	require.Len(t, h.paths(), 9)

	kinds, complete, err = clientOf(t, newHostile(t, old(3).ServeHTTP)).Kinds(within(t, 5*time.Second))
	require.NoError(t, err)
	require.True(t, complete)
	require.Len(t, kinds, 8)
}

// TestOldServersAreAskedWithinBounds: 100 000 groups are 66 requests, of which 8
// are under way at most.
func TestOldServersAreAskedWithinBounds(t *testing.T) {
	w := old(100_000)
	require.Greater(t, len(w["GET /apis"]), maxBody)
	short := old(500)
	for name, test := range map[string]struct {
		w    world
		want Trouble
	}{"a list over the limit": {w, TooLarge}, "a list within it": {short, 0}} {
		t.Run(name, func(t *testing.T) {
			var now, most atomic.Int64
			full := make(chan struct{})
			h := newHostile(t, func(rw http.ResponseWriter, r *http.Request) {
				if strings.HasPrefix(r.URL.Path, "/apis/") {
					if n := now.Add(1); n > most.Load() {
						most.Store(n)
						if n == askedAtOne {
							close(full)
						}
					}
					defer now.Add(-1)
					<-full // nobody leaves before as many as may be are there
				}
				test.w.ServeHTTP(rw, r)
			})
			kinds, complete, err := clientOf(t, h).Kinds(within(t, 10*time.Second))
			require.Equal(t, test.want, trouble(t, err))
			require.False(t, complete)
			if test.want == 0 {
				require.Len(t, kinds, maxAsked+1) // core has two
				require.Len(t, h.paths(), maxAsked+2)
				require.EqualValues(t, askedAtOne, most.Load())
			}
		})
	}
}

// TestAbsurdDiscovery: 100 000 groups or resources in one answer are two
// requests, and the first of them; names that are none are left out.
func TestAbsurdDiscovery(t *testing.T) {
	many := func(n int, one string) string {
		var b strings.Builder
		for i := range n {
			b.WriteString(strings.ReplaceAll(one, "#", strconv.Itoa(i)) + ",")
		}
		return strings.TrimSuffix(b.String(), ",")
	}
	widget := `{"resource":"w#","responseKind":{"kind":"W#"}}`
	for name, test := range map[string]struct {
		groups string
		kinds  int
		whole  bool
	}{
		"groups":     {many(100_000, `{"metadata":{"name":"g#"},"versions":[{"version":"v1","resources":[{}]}]}`), 1, false},
		"600 groups": {many(600, `{"metadata":{"name":"g#"},"versions":[{"version":"v1","resources":[{"resource":"w","responseKind":{"kind":"W"}}]}]}`), maxGroups + 1, false},
		"resources":  {`{"metadata":{"name":"g"},"versions":[{"version":"v1","resources":[` + many(100_000, widget) + `]}]}`, maxResources, false},
		"versions":   {`{"metadata":{"name":"g"},"versions":[` + many(600, `{"version":"v#","resources":[{"resource":"w","responseKind":{"kind":"W"}}]}`) + `]}`, maxColumns + 1, false},
		"names":      {offered("../g", []string{"v1"}, found("Evil", "evils")) + "," + offered("g", []string{"..", "v1"}, found("Evil", "../evils"), found("E/vil", "evils"), found("Good", "goods")), 2, true},
	} {
		t.Run(name, func(t *testing.T) {
			h := newHostile(t, discovery(test.groups).ServeHTTP)
			client := clientOf(t, h)
			var kinds []Kind
			var whole bool
			grown, took, err := growth(func() (err error) {
				kinds, whole, err = client.Kinds(within(t, 20*time.Second))
				return err
			})
			require.NoError(t, err)
			require.Len(t, kinds, test.kinds)
			require.Equal(t, test.whole, whole)
			require.Len(t, h.paths(), 2)
			require.Less(t, grown, uint64(64<<20))
			require.Less(t, took, 10*time.Second)
		})
	}
}
