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
// something that the question does not, and where no column is the name.
func TestCellsAlone(t *testing.T) {
	const place = `{"kind":"Table","columnDefinitions":[{"name":"Age","type":"date"},{"name":"Called","type":"string","format":"%s","priority":1}],"rows":[{"cells":["3d","web-0"]%s}]}`
	for _, test := range []struct {
		format    string
		namespace string
		scoped    bool // the kind has namespaces
		asked     []string
		row       Row
	}{
		{"name", "team-a", true, []string{"None"}, Row{Namespace: "team-a", Name: "web-0", Cells: []string{"3d"}}},
		{"name", "", false, []string{"None"}, Row{Name: "web-0", Cells: []string{"3d"}}},
		{"name", "", true, []string{""}, Row{Namespace: "team-b", Name: "web-0", Cells: []string{"3d"}}},
		{"other", "team-a", true, []string{"None", ""}, Row{Namespace: "team-a", Name: "web-0", Cells: []string{"3d"}}},
	} {
		var asked []string
		h := newHostile(t, func(w http.ResponseWriter, r *http.Request) {
			include, object := r.URL.Query().Get("includeObject"), ""
			asked = append(asked, include)
			if include == "" {
				object = `,"object":{"metadata":{"name":"web-0","namespace":"team-b"}}`
			}
			w.Header().Set("Content-Type", "application/json")
			_, _ = fmt.Fprintf(w, place, test.format, object)
		})
		table, err := clientOf(t, h).List(within(t, 5*time.Second), Kind{Version: "v1", Resource: "pods", Namespaced: test.scoped}, ListOptions{Namespace: test.namespace})
		require.NoError(t, err)
		require.Equal(t, test.asked, asked)
		require.Equal(t, []Row{test.row}, table.Rows)
	}
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
