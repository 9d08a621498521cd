package kube

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// TestObjects come as they are, say what they are, and cost one request.
func TestObjects(t *testing.T) {
	h := newHostile(t, world{"GET /api/v1/namespaces/team-a/secrets": `{"kind":"SecretList","metadata":{"continue":"next","remainingItemCount":7},"items":[
		{"metadata":{"name":"a","generation":12345678901234567890}},{"apiVersion":"v2","kind":"Other","metadata":{"name":"b"}}]}`}.ServeHTTP)
	secrets := Kind{Version: "v1", Kind: "Secret", Resource: "secrets", Namespaced: true}
	got, err := clientOf(t, h).Objects(within(t, 5*time.Second), secrets, ListOptions{Namespace: "team-a", LabelSelector: "a=b", Limit: 5})
	require.NoError(t, err)
	seven := int64(7)
	require.Equal(t, Objects{Continue: "next", Remaining: &seven, Items: []map[string]any{
		{"apiVersion": "v1", "kind": "Secret", "metadata": map[string]any{"name": "a", "generation": json.Number("12345678901234567890")}},
		{"apiVersion": "v2", "kind": "Other", "metadata": map[string]any{"name": "b"}},
	}}, got)
	require.Len(t, h.paths(), 1)
	require.Equal(t, "labelSelector=a%3Db&limit=5", h.last(t).URL.RawQuery)
	require.Equal(t, "application/json", h.last(t).Header.Get("Accept"))
}

// TestObjectsAreBounded: in number, and in what they hold together.
func TestObjectsAreBounded(t *testing.T) {
	for name, test := range map[string]struct {
		body  string
		limit int
		items int
		more  int
		want  Trouble
	}{
		"more than asked for": {`{"items":` + repeated(`{"a":1}`, 7) + `}`, 5, 5, 2, 0},
		"no limit":            {`{"items":` + repeated(`{"a":1}`, maxRows+1) + `}`, 0, maxRows, 1, 0},
		"too many values":     {`{"items":[{"a":` + repeated(`1`, maxListed+1) + `}]}`, 5, 0, 0, TooLarge},
		"deep":                {`{"items":[` + strings.Repeat(`{"a":`, maxDepth) + `1` + strings.Repeat(`}`, maxDepth) + `]}`, 5, 0, 0, TooLarge},
		"no object":           {`{"items":[1]}`, 5, 0, 0, Garbled},
		"null":                {`{"items":[null]}`, 5, 0, 0, Garbled},
		"no list":             {`{"items":{}}`, 5, 0, 0, Garbled},
	} {
		t.Run(name, func(t *testing.T) {
			got, err := readObjects([]byte(test.body), podKind, test.limit, boundless)
			require.Equal(t, test.want, trouble(t, err))
			require.Len(t, got.Items, test.items)
			require.Equal(t, test.more, got.More)
		})
	}
}

// TestHonestLists are read: 500 Pods with 700 values each.
func TestHonestLists(t *testing.T) {
	fields := strings.NewReplacer("[", "{", "]", "}").Replace(repeated(`"f:a":"0123456789"`, 200))
	pod := `{"metadata":{"name":"web-0","managedFields":[` + fields + `]},"spec":{"containers":` +
		repeated(`{"name":"app","image":"example.com/app:v1","ports":[{"containerPort":8080}]}`, 80) + `}}`
	require.Less(t, 500*len(pod), maxBody)
	got, err := readObjects([]byte(`{"items":`+repeated(pod, 500)+`}`), podKind, 500, boundless)
	require.NoError(t, err)
	require.Len(t, got.Items, 500)
}

// TestListsStaySmall: what is built of the worst list that is read.
func TestListsStaySmall(t *testing.T) {
	for name, value := range map[string]string{"maps": `{}`, "lists": `[]`, "texts": `""`, "numbers": `1`} {
		t.Run(name, func(t *testing.T) {
			n := maxListed - 10
			if len(value) == 2 && value != `""` { // a brace counts as well as a comma
				n /= 2
			}
			body := []byte(`{"items":[{"a":` + repeated(value, n) + `}]}`)
			var got Objects
			grown, _, err := growth(func() (err error) {
				got, err = readObjects(body, podKind, 5, boundless)
				return err
			})
			require.NoError(t, err)
			require.Len(t, got.Items, 1)
			require.Less(t, grown, uint64(64<<20))
		})
	}
}

// TestCount is one request where the server tells; else pages are counted.
func TestCount(t *testing.T) {
	page := func(items int, meta string) string {
		return `{"metadata":{` + meta + `},"items":` + repeated(`{}`, items) + `}`
	}
	for name, test := range map[string]struct {
		pages    []string // by request
		selector string
		n        int64
		exact    bool
	}{
		"none":                   {[]string{`{"metadata":{},"items":[]}`}, "", 0, true},
		"one":                    {[]string{page(1, "")}, "", 1, true},
		"the server tells":       {[]string{page(1, `"continue":"a","remainingItemCount":41`)}, "", 42, true},
		"it does not":            {[]string{page(1, `"continue":"a"`), page(500, `"continue":"b"`), page(3, "")}, "", 504, true},
		"it tells nonsense":      {[]string{page(1, `"continue":"a","remainingItemCount":-5`), page(2, "")}, "", 3, true},
		"a selector":             {[]string{page(500, `"continue":"a"`), page(3, "")}, "a=b", 503, true},
		"a server without pages": {[]string{page(1700, "")}, "", 1700, true},
	} {
		t.Run(name, func(t *testing.T) {
			asked := 0
			h := newHostile(t, func(w http.ResponseWriter, r *http.Request) {
				answer([]byte(test.pages[asked]))(w, r)
				asked++
			})
			n, exact, err := clientOf(t, h).Count(within(t, 5*time.Second), podKind, ListOptions{Namespace: "team-a", LabelSelector: test.selector})
			require.NoError(t, err)
			require.Equal(t, test.n, n)
			require.Equal(t, test.exact, exact)
			require.Len(t, h.paths(), len(test.pages))
			first := map[bool]string{true: "1", false: "500"}[test.selector == ""] // no server tells beside a selector
			require.Equal(t, first, h.requests[0].URL.Query().Get("limit"))
			require.Contains(t, h.last(t).Header.Get("Accept"), "PartialObjectMetadataList")
		})
	}
}

// TestCountWithoutEnd: a server that always has more is asked 20 times.
func TestCountWithoutEnd(t *testing.T) {
	h := newHostile(t, answer([]byte(`{"metadata":{"continue":"again","remainingItemCount":9223372036854775807},"items":[{},{}]}`)))
	n, exact, err := clientOf(t, h).Count(within(t, 5*time.Second), podKind, ListOptions{})
	require.NoError(t, err)
	require.EqualValues(t, 2*countPages, n)
	require.False(t, exact)
	require.Len(t, h.paths(), countPages)
	require.Equal(t, fmt.Sprintf("continue=again&limit=%d", countPage), h.last(t).URL.RawQuery)
}

// TestTablesWithoutNamespaces: a namespace that a kind does not have is in none
// of its rows.
func TestTablesWithoutNamespaces(t *testing.T) {
	h := newHostile(t, world{"GET /api/v1/nodes": `{"kind":"Table","columnDefinitions":[{"name":"Name","format":"name"}],"rows":[{"cells":["node-1"]}]}`}.ServeHTTP)
	table, err := clientOf(t, h).List(within(t, 5*time.Second), Kind{Version: "v1", Kind: "Node", Resource: "nodes"}, ListOptions{Namespace: "team-a"})
	require.NoError(t, err)
	require.Equal(t, []Row{{Name: "node-1", Cells: []string{"node-1"}}}, table.Rows)
}

// boundless makes room for everything.
func boundless(int64) error { return nil }
