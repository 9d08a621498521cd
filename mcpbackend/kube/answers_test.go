package kube

import (
	"bytes"
	"encoding/json"
	"fmt"
	"log/slog"
	"net/http"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"k8s.io/klog/v2"
)

func TestTable(t *testing.T) {
	client := clientOf(t, newHostile(t, plain))
	table, err := client.List(within(t, 5*time.Second), Kind{Version: "v1", Resource: "pods", Namespaced: true}, ListOptions{})
	require.NoError(t, err)
	seven := int64(7)
	require.Equal(t, Table{
		Columns: []Column{{Name: "Name"}, {Name: "Restarts"}}, Continue: "next", Remaining: &seven,
		Rows: []Row{{Namespace: "team-a", Name: "web-0", Cells: []string{"web-0", "3"}}},
	}, table, "columns of other priorities are for wide output")
}

// TestListWithoutTable: an extension server may not print.
func TestListWithoutTable(t *testing.T) {
	h := newHostile(t, func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		_, _ = w.Write([]byte(`{"kind":"WidgetList","metadata":{},"items":[{"metadata":{"name":"a","namespace":"team-a","creationTimestamp":"2026-01-01T00:00:00Z"}}]}`))
	})
	table, err := clientOf(t, h).List(within(t, 5*time.Second), Kind{Version: "v1", Resource: "widgets", Namespaced: true}, ListOptions{})
	require.NoError(t, err)
	require.Equal(t, []Row{{Namespace: "team-a", Name: "a", Cells: []string{"a", "2026-01-01T00:00:00Z"}}}, table.Rows)
}

// TestCellsAlone: the objects beside the cells are asked for only where they say
// something that the question does not, and where no column is the name of every
// row; the first such column is it.
func TestCellsAlone(t *testing.T) {
	const place = `{"kind":"Table","columnDefinitions":[{"name":"Age","type":"date"},{"name":"Called","type":"string","format":"%s","priority":1},
		{"name":"Alias","type":"string","format":"name","priority":1}],"rows":[{"cells":["3d","%s","alias"]%s},{"cells":["4d","web-1","alias"]%s}]}`
	for name, test := range map[string]struct {
		format, first string // of the first column for names: what it is, and the first row's cell
		namespace     string
		scoped        bool // the kind has namespaces
		asked         []string
		names         [2]string
		in            string
	}{
		"one namespace":            {"name", "web-0", "team-a", true, []string{"None"}, [2]string{"web-0", "web-1"}, "team-a"},
		"no namespaces":            {"name", "web-0", "", false, []string{"None"}, [2]string{"web-0", "web-1"}, ""},
		"no namespaces, one asked": {"name", "web-0", "team-a", false, []string{"None"}, [2]string{"web-0", "web-1"}, ""},
		"all namespaces":           {"name", "web-0", "", true, []string{""}, [2]string{"object-0", "object-1"}, "team-b"},
		"a row without a name":     {"name", "", "team-a", true, []string{"None", ""}, [2]string{"object-0", "object-1"}, "team-a"},
		"a later column":           {"other", "web-0", "team-a", true, []string{"None"}, [2]string{"alias", "alias"}, "team-a"},
	} {
		var asked []string
		h := newHostile(t, func(w http.ResponseWriter, r *http.Request) {
			include, objects := r.URL.Query().Get("includeObject"), [2]string{}
			asked = append(asked, include)
			for i := range objects {
				if include == "" {
					objects[i] = fmt.Sprintf(`,"object":{"metadata":{"name":"object-%d","namespace":"team-b"}}`, i)
				}
			}
			w.Header().Set("Content-Type", "application/json")
			_, _ = fmt.Fprintf(w, place, test.format, test.first, objects[0], objects[1])
		})
		table, err := clientOf(t, h).List(within(t, 5*time.Second), Kind{Version: "v1", Resource: "pods", Namespaced: test.scoped}, ListOptions{Namespace: test.namespace})
		require.NoError(t, err)
		require.Equal(t, test.asked, asked, name)
		require.Equal(t, []Row{
			{Namespace: test.in, Name: test.names[0], Cells: []string{"3d"}}, {Namespace: test.in, Name: test.names[1], Cells: []string{"4d"}},
		}, table.Rows, name)
	}
}

// TestNoColumnIsTheName: the objects are asked for after all.
func TestNoColumnIsTheName(t *testing.T) {
	var asked []string
	h := newHostile(t, func(w http.ResponseWriter, r *http.Request) {
		include, object := r.URL.Query().Get("includeObject"), ""
		asked = append(asked, include)
		if include == "" {
			object = `,"object":{"metadata":{"name":"web-0","namespace":"team-b"}}`
		}
		w.Header().Set("Content-Type", "application/json")
		_, _ = fmt.Fprintf(w, `{"kind":"Table","columnDefinitions":[{"name":"Age","type":"date"}],"rows":[{"cells":["3d"]%s}]}`, object)
	})
	table, err := clientOf(t, h).List(within(t, 5*time.Second), Kind{Version: "v1", Resource: "pods", Namespaced: true}, ListOptions{Namespace: "team-a"})
	require.NoError(t, err)
	require.Equal(t, []string{"None", ""}, asked)
	require.Equal(t, []Row{{Namespace: "team-a", Name: "web-0", Cells: []string{"3d"}}}, table.Rows)
}

func TestListOptionsAreSent(t *testing.T) {
	h := newHostile(t, plain)
	_, err := clientOf(t, h).List(within(t, 5*time.Second), Kind{Version: "v1", Resource: "pods", Namespaced: true},
		ListOptions{Namespace: "team-a", LabelSelector: "a=b,c!=d", FieldSelector: "status.phase=Running", Limit: 20, Continue: "x&y=z"})
	require.NoError(t, err)
	require.Equal(t, "/api/v1/namespaces/team-a/pods", h.last(t).URL.Path)
	require.Equal(t, map[string][]string{
		"labelSelector": {"a=b,c!=d"}, "fieldSelector": {"status.phase=Running"}, "limit": {"20"}, "continue": {"x&y=z"}, "includeObject": {"None"},
	}, map[string][]string(h.last(t).URL.Query()))
}

func TestNumbersSurvive(t *testing.T) {
	object, err := clientOf(t, newHostile(t, plain)).Get(within(t, 5*time.Second), Kind{Version: "v1", Resource: "pods", Namespaced: true}, "team-a", "a")
	require.NoError(t, err)
	require.Equal(t, json.Number("12345678901234567890"), object["metadata"].(map[string]any)["generation"])
}

// TestStatuses reads what the API server says.
func TestStatuses(t *testing.T) {
	for _, test := range []struct {
		status int
		name   string
		want   Trouble
	}{
		{http.StatusUnauthorized, "", Unauthorized}, {http.StatusForbidden, "a", Forbidden}, {http.StatusNotFound, "a", NotFound},
		{http.StatusNotFound, "", NoSuchAPI}, {http.StatusGone, "", Gone}, {http.StatusMethodNotAllowed, "", Unsupported}, {http.StatusBadRequest, "", Invalid},
		{http.StatusUnprocessableEntity, "", Invalid}, {http.StatusInternalServerError, "", Failed}, {http.StatusTeapot, "", Failed},
	} {
		h := newHostile(t, func(w http.ResponseWriter, _ *http.Request) { refuse(w, test.status, "why", test.name) })
		_, err := clientOf(t, h).ServerVersion(within(t, 5*time.Second))
		var e *Error
		require.ErrorAs(t, err, &e)
		require.Equal(t, test.want, e.Trouble, test.status)
		require.Equal(t, test.status, e.Status)
		require.Equal(t, "why", e.Detail)
	}
}

func TestServerVersionIsRemembered(t *testing.T) {
	h := newHostile(t, plain)
	client := clientOf(t, h)
	for range 2 {
		v, err := client.ServerVersion(within(t, 5*time.Second))
		require.NoError(t, err)
		require.Equal(t, "v1.37.2", v)
	}
	require.Len(t, h.paths(), 1)
}

func TestTroubleNames(t *testing.T) {
	seen := map[string]bool{}
	for trouble := range Garbled + 1 {
		require.False(t, seen[trouble.String()], trouble)
		seen[trouble.String()] = true
	}
	require.Equal(t, "garbled", Garbled.String())
	require.Equal(t, "unknown", (Garbled + 1).String())
}

// TestQuietLibraries: what klog writes comes out as quoted attributes, high
// verbosity and unknown values not at all.
func TestQuietLibraries(t *testing.T) {
	var out bytes.Buffer
	QuietLibraries(slog.New(slog.NewTextHandler(&out, &slog.HandlerOptions{Level: slog.LevelDebug})))
	defer klog.ClearLogger()
	log := klog.Background().WithValues("where", "here\nforged=1").WithName("x")
	log.Info("a\x1b[31mline", "count", 3, "config", struct{ Token string }{"CANARY"})
	log.Error(http.ErrBodyNotAllowed, "bad")
	log.V(6).Info("CANARY body")
	klog.Infof("plain %s", "text")
	got := out.String()
	require.NotContains(t, got, "CANARY")
	require.NotContains(t, got, "\x1b")
	require.NotContains(t, got, "\nforged")
	for _, want := range []string{"level=DEBUG", "count=3", "level=WARN", "plain text"} {
		require.Contains(t, got, want)
	}
}
