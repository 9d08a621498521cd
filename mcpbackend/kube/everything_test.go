package kube

import (
	"fmt"
	"net/http"
	"strconv"
	"strings"
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

func TestKinds(t *testing.T) {
	named := strings.Replace(found("Widget", "widgets"), `["wi"]`, `["../x","wi"]`, 1)
	h := newHostile(t, discovery(offered("example.com", []string{"v2", "v1"}, named)).ServeHTTP)
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
						if n == askedAtOne { // one more would come now, if it may
							time.AfterFunc(200*time.Millisecond, func() { close(full) })
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
		parts := strings.Split(one, "#")
		for i := range n {
			b.WriteString(strings.Join(parts, strconv.Itoa(i)) + ",")
		}
		return strings.TrimSuffix(b.String(), ",")
	}
	widget := `{"resource":"w#","responseKind":{"kind":"W#"}}`
	for name, test := range map[string]struct {
		groups string
		kinds  int
		whole  bool
	}{
		"groups":           {many(100_000, `{"metadata":{"name":"g#"},"versions":[{"version":"v1","resources":[{}]}]}`), 1, false},
		"600 groups":       {many(600, `{"metadata":{"name":"g#"},"versions":[{"version":"v1","resources":[{"resource":"w","responseKind":{"kind":"W"}}]}]}`), maxGroups + 1, false},
		"versions of many": {many(9, `{"metadata":{"name":"g#"},"versions":[`+many(60, `{"version":"v1","resources":[{"resource":"w","responseKind":{"kind":"W"}}]}`)+`]}`), maxGroups + 1, false},
		"resources":        {`{"metadata":{"name":"g"},"versions":[{"version":"v1","resources":[` + many(100_000, widget) + `]}]}`, maxResources, false},
		"versions":         {`{"metadata":{"name":"g"},"versions":[` + many(600, `{"version":"v#","resources":[{"resource":"w","responseKind":{"kind":"W"}}]}`) + `]}`, maxColumns + 1, false},
		"names":            {offered("../g", []string{"v1"}, found("Evil", "evils")) + "," + offered("g", []string{"..", "v1"}, found("Evil", "../evils"), found("E/vil", "evils"), found("Good", "goods")), 2, true},
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
