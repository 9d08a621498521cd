package kube

import (
	"encoding/json"
	"io"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// wrote answers a write with the object, and a status.
func wrote(status int) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		w.WriteHeader(status)
		_, _ = io.WriteString(w, `{"kind":"Deployment","metadata":{"name":"web","generation":12345678901234567890}}`)
	}
}

// TestApply is one PATCH that says who applies, and what the path says.
func TestApply(t *testing.T) {
	sent := map[string]any{"spec": map[string]any{"replicas": 2}, "metadata": map[string]any{
		"name": "other", "labels": map[string]any{"a": "b"}, "managedFields": []any{1},
	}}
	for query, o := range map[string]ApplyOptions{
		"fieldManager=kubernetes-mcp-edge&fieldValidation=Strict":                       {},
		"fieldManager=kubernetes-mcp-edge&fieldValidation=Strict&force=true":            {Force: true},
		"dryRun=All&fieldManager=kubernetes-mcp-edge&fieldValidation=Strict":            {DryRun: true},
		"dryRun=All&fieldManager=kubernetes-mcp-edge&fieldValidation=Strict&force=true": {Force: true, DryRun: true},
	} {
		for status, created := range map[int]bool{http.StatusCreated: true, http.StatusOK: false} {
			h := hear(t, wrote(status))
			got, err := writer(t, h.hostile).Apply(within(t, 5*time.Second), deploymentKind, "team-a", "web", sent, o)
			require.NoError(t, err)
			require.Equal(t, created, got.Created)
			require.Equal(t, json.Number("12345678901234567890"), got.Object["metadata"].(map[string]any)["generation"])
			require.Equal(t, []string{"PATCH /apis/apps/v1/namespaces/team-a/deployments/web"}, h.paths())
			require.Equal(t, query, h.last(t).URL.RawQuery)
			require.Equal(t, "application/apply-patch+yaml", h.last(t).Header.Get("Content-Type"))
			require.JSONEq(t, `{"apiVersion":"apps/v1","kind":"Deployment","metadata":{"name":"web","namespace":"team-a","labels":{"a":"b"}},"spec":{"replicas":2}}`, h.body(t))
		}
	}
	require.Equal(t, "other", sent["metadata"].(map[string]any)["name"], "the caller's object is his own")
	require.Contains(t, sent["metadata"], "managedFields")
	require.NotContains(t, sent, "kind")
}

// TestApplyConflict names the fields and who owns them, first of all.
func TestApplyConflict(t *testing.T) {
	status := `{"kind":"Status","status":"Failure","reason":"Conflict","code":409,
		"message":"Apply failed with 2 conflicts: ` + strings.Repeat("x", 400) + `","details":{"causes":[
		{"reason":"FieldManagerConflict","message":"conflict with \"kubectl-edit\" using apps/v1","field":".spec.replicas"},
		{"reason":"Other","message":"no","field":".no"},
		{"reason":"FieldManagerConflict","message":"conflict with \"hpa\u001b[31m\"","field":".spec.paused"}]}}`
	h := newHostile(t, failing(http.StatusConflict, status))
	_, err := writer(t, h).Apply(within(t, 5*time.Second), deploymentKind, "team-a", "web", nil, ApplyOptions{})
	var e *Error
	require.ErrorAs(t, err, &e)
	require.Equal(t, Conflict, e.Trouble)
	require.Equal(t, `.spec.replicas (conflict with "kubectl-edit" using apps/v1), .spec.paused (conflict with "hpa")`, e.Detail)
	require.Equal(t, "conflict", e.Trouble.String())
}

func failing(status int, body string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		w.WriteHeader(status)
		_, _ = io.WriteString(w, body)
	}
}

// TestUnknownFields are a mistake in the object, though the server says 500.
func TestUnknownFields(t *testing.T) {
	for message, want := range map[string]Trouble{
		"failed to create typed patch object (team-a/web; apps/v1, Kind=Deployment): .spec.replicsa: field not declared in schema": Invalid,
		"etcdserver: request timed out": Failed,
	} {
		h := newHostile(t, func(w http.ResponseWriter, _ *http.Request) { refuse(w, http.StatusInternalServerError, message, "") })
		_, err := writer(t, h).Apply(within(t, 5*time.Second), deploymentKind, "team-a", "web", nil, ApplyOptions{})
		var e *Error
		require.ErrorAs(t, err, &e)
		require.Equal(t, want, e.Trouble)
		require.Equal(t, message, e.Detail)
	}
}

// TestConflicts of other kinds keep the server's words.
func TestConflicts(t *testing.T) {
	for reason, want := range map[string]Trouble{"AlreadyExists": Exists, "Conflict": Conflict, "": Conflict} {
		h := newHostile(t, failing(http.StatusConflict, `{"kind":"Status","reason":"`+reason+`","message":"why","details":{"name":"web"}}`))
		_, err := writer(t, h).Create(within(t, 5*time.Second), deploymentKind, "team-a", map[string]any{}, false)
		var e *Error
		require.ErrorAs(t, err, &e)
		require.Equal(t, want, e.Trouble)
		require.Equal(t, "why", e.Detail)
	}
}

func TestCreate(t *testing.T) {
	h := hear(t, wrote(http.StatusCreated))
	got, err := writer(t, h.hostile).Create(within(t, 5*time.Second), deploymentKind, "team-a",
		map[string]any{"metadata": map[string]any{"generateName": "web-"}}, true)
	require.NoError(t, err)
	require.True(t, got.Created)
	require.Equal(t, []string{"POST /apis/apps/v1/namespaces/team-a/deployments"}, h.paths())
	require.Equal(t, "dryRun=All&fieldManager=kubernetes-mcp-edge&fieldValidation=Strict", h.last(t).URL.RawQuery)
	require.Equal(t, "application/json", h.last(t).Header.Get("Content-Type"))
	require.JSONEq(t, `{"apiVersion":"apps/v1","kind":"Deployment","metadata":{"generateName":"web-","namespace":"team-a"}}`, h.body(t))
}

func TestDelete(t *testing.T) {
	zero := int64(0)
	for body, o := range map[string]DeleteOptions{
		`{}`: {},
		`{"gracePeriodSeconds":0,"dryRun":["All"],"preconditions":{"uid":"1-2"}}`: {Grace: &zero, DryRun: true, UID: "1-2"},
	} {
		h := hear(t, world{"DELETE /apis/apps/v1/namespaces/team-a/deployments/web": `{"kind":"Status","status":"Success","metadata":{}}`}.ServeHTTP)
		got, err := writer(t, h.hostile).Delete(within(t, 5*time.Second), deploymentKind, "team-a", "web", o)
		require.NoError(t, err)
		require.Equal(t, Deleted{}, got)
		require.Len(t, h.paths(), 1)
		require.Empty(t, h.last(t).URL.RawQuery)
		var want, sent map[string]any
		require.NoError(t, json.Unmarshal([]byte(body), &want))
		want["apiVersion"], want["kind"], want["propagationPolicy"] = "v1", "DeleteOptions", "Background"
		require.NoError(t, json.Unmarshal([]byte(h.body(t)), &sent))
		require.Equal(t, want, sent)
	}
	h := newHostile(t, answer([]byte(`{"kind":"Pod","metadata":{"deletionTimestamp":"2026-01-01T00:00:00Z","finalizers":["example.com/wait"]}}`)))
	got, err := writer(t, h).Delete(within(t, 5*time.Second), podKind, "team-a", "web", DeleteOptions{})
	require.NoError(t, err)
	require.Equal(t, Deleted{Pending: true, Finalizers: []string{"example.com/wait"}}, got)
}

// TestScale reads and sets the subresource, and nothing beside it.
func TestScale(t *testing.T) {
	const scale = `{"kind":"Scale","spec":{"replicas":3},"status":{"replicas":2,"selector":"app=web"}}`
	const path = " /apis/apps/v1/namespaces/team-a/deployments/web/scale"
	h := hear(t, world{"GET" + path: scale, "PATCH" + path: scale}.ServeHTTP)
	client := writer(t, h.hostile)
	want := Scale{Replicas: 3, Status: 2, Selector: "app=web"}
	got, err := client.Scale(within(t, 5*time.Second), deploymentKind, "team-a", "web")
	require.NoError(t, err)
	require.Equal(t, want, got)
	h.body(t)
	got, err = client.SetScale(within(t, 5*time.Second), deploymentKind, "team-a", "web", 3, true)
	require.NoError(t, err)
	require.Equal(t, want, got)
	require.Equal(t, []string{"GET" + path, "PATCH" + path}, h.paths())
	require.Equal(t, url.Values{"dryRun": {"All"}, "fieldManager": {"kubernetes-mcp-edge"}}, h.last(t).URL.Query())
	require.Equal(t, "application/merge-patch+json", h.last(t).Header.Get("Content-Type"))
	require.JSONEq(t, `{"spec":{"replicas":3}}`, h.body(t))

	_, err = client.Scale(within(t, 5*time.Second), podKind, "team-a", "web")
	require.Equal(t, Unsupported, trouble(t, err), "a kind without a scale")
	_, err = client.SetScale(within(t, 5*time.Second), deploymentKind, "team-a", "web", -1, false)
	require.Equal(t, Invalid, trouble(t, err))
	require.Len(t, h.paths(), 3)
}

// TestScaleOfNothing is not a kind without a scale.
func TestScaleOfNothing(t *testing.T) {
	h := newHostile(t, func(w http.ResponseWriter, _ *http.Request) { refuse(w, http.StatusNotFound, "not found", "web") })
	_, err := clientOf(t, h).Scale(within(t, 5*time.Second), deploymentKind, "team-a", "web")
	require.Equal(t, NotFound, trouble(t, err))
}

// TestWritesNeedAPlace: names that are none, no namespace where one is needed,
// and objects that no cluster could keep, make no request.
func TestWritesNeedAPlace(t *testing.T) {
	h := newHostile(t, plain)
	c := writer(t, h)
	huge := map[string]any{"data": strings.Repeat("x", maxObject)}
	for _, place := range [][2]string{{"", "web"}, {"team-a", ""}, {"team-a", "../x"}, {"..", "web"}, {"a/b", "web"}} {
		ctx := within(t, 5*time.Second)
		_, err := c.Apply(ctx, deploymentKind, place[0], place[1], nil, ApplyOptions{})
		require.Equal(t, Invalid, trouble(t, err), place)
		_, err = c.Delete(ctx, deploymentKind, place[0], place[1], DeleteOptions{})
		require.Equal(t, Invalid, trouble(t, err), place)
		_, err = c.SetScale(ctx, deploymentKind, place[0], place[1], 1, false)
		require.Equal(t, Invalid, trouble(t, err), place)
		_, err = c.Get(ctx, deploymentKind, place[0], place[1])
		require.Equal(t, Invalid, trouble(t, err), place)
	}
	for _, object := range []map[string]any{huge, {"data": func() {}}} {
		_, err := c.Create(within(t, 5*time.Second), deploymentKind, "team-a", object, false)
		require.Equal(t, Invalid, trouble(t, err))
		_, err = c.Apply(within(t, 5*time.Second), deploymentKind, "team-a", "web", object, ApplyOptions{})
		require.Equal(t, Invalid, trouble(t, err))
	}
	_, err := c.Create(within(t, 5*time.Second), deploymentKind, "", map[string]any{}, false)
	require.Equal(t, Invalid, trouble(t, err))
	require.Empty(t, h.paths())
}

// TestReadersDoNotWrite: none of it passes without leave.
func TestReadersDoNotWrite(t *testing.T) {
	h := newHostile(t, plain)
	c, ctx := clientOf(t, h), within(t, 5*time.Second)
	_, err := c.Apply(ctx, deploymentKind, "team-a", "web", nil, ApplyOptions{DryRun: true})
	require.Equal(t, ReadOnly, trouble(t, err))
	_, err = c.Create(ctx, deploymentKind, "team-a", nil, true)
	require.Equal(t, ReadOnly, trouble(t, err))
	_, err = c.Delete(ctx, deploymentKind, "team-a", "web", DeleteOptions{DryRun: true})
	require.Equal(t, ReadOnly, trouble(t, err))
	_, err = c.SetScale(ctx, deploymentKind, "team-a", "web", 1, true)
	require.Equal(t, ReadOnly, trouble(t, err))
	require.Empty(t, h.paths())
}
