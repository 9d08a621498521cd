package change

import (
	"context"
	"net/http"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"kubernetes-mcp-edge/mcpbackend/brokenapi"
)

// hang never answers a method; it calls seen when it is asked.
func hang(seen context.CancelFunc, method string) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		if r.Method != method {
			w.Header().Set("Content-Type", "application/json")
			w.WriteHeader(http.StatusNotFound)
			_, _ = w.Write([]byte(strings.TrimPrefix(missing, "404 ")))
			return
		}
		seen()
		<-r.Context().Done()
	}
}

// TestPastedObjects: what a get shows can be sent back. The server's own fields
// go along but for managedFields, which no apply may hold: it knows them, and a
// resourceVersion says which version is meant.
func TestPastedObjects(t *testing.T) {
	h, c := visit(t, map[string]string{"PATCH " + cmA: configMap("8", "b")})
	_, _, err := apply(brokenapi.Soon(t), c, applyIn{Resource: `
apiVersion: v1
kind: ConfigMap
metadata:
  name: a
  namespace: team-a
  resourceVersion: "7"
  uid: u-1
  creationTimestamp: "2026-01-01T00:00:00Z"
  managedFields: [{manager: kubectl}]
data: {a: b}
status: {x: v}
`})
	require.NoError(t, err)
	require.Equal(t, map[string]any{
		"apiVersion": "v1", "kind": "ConfigMap", "data": map[string]any{"a": "b"}, "status": map[string]any{"x": "v"},
		"metadata": map[string]any{"name": "a", "namespace": "team-a", "resourceVersion": "7", "uid": "u-1", "creationTimestamp": "2026-01-01T00:00:00Z"},
	}, sent(t, h))
	require.Equal(t, "application/apply-patch+yaml", h.Requests()[len(h.Requests())-1].ContentType)
}

// TestPastedCopies: the copy of the object that kubectl's apply keeps is not shown
// by a get, and so is not sent back. One that somebody wrote is.
func TestPastedCopies(t *testing.T) {
	for annotations, want := range map[string]any{
		`{kubectl.kubernetes.io/last-applied-configuration: "[redacted]"}`:       nil,
		`{kubectl.kubernetes.io/last-applied-configuration: "[redacted]", a: b}`: map[string]any{"a": "b"},
		`{kubectl.kubernetes.io/last-applied-configuration: "{}"}`:               map[string]any{lastApplied: "{}"},
	} {
		h, c := visit(t, map[string]string{"PATCH " + cmA: configMap("8", "b")})
		_, _, err := apply(brokenapi.Soon(t), c, applyIn{Resource: "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: a, namespace: team-a, annotations: " + annotations + "}\n"})
		require.NoError(t, err)
		metadata, _ := sent(t, h)["metadata"].(map[string]any)
		require.Equal(t, want, metadata["annotations"])
	}
}

// TestGeneratedNames are created, and the report has the name.
func TestGeneratedNames(t *testing.T) {
	generated := "apiVersion: v1\nkind: ConfigMap\nmetadata: {generateName: a-, namespace: team-a}\n"
	h, c := visit(t, map[string]string{"POST /api/v1/namespaces/team-a/configmaps": `201 {"kind":"ConfigMap","metadata":{"name":"a-x1y2z"}}`})
	text, out, err := apply(brokenapi.Soon(t), c, applyIn{Resource: generated})
	require.NoError(t, err)
	require.Equal(t, "1 document: 1 created\n1. created ConfigMap a-x1y2z (v1) in namespace team-a\n", text)
	require.Equal(t, "a-x1y2z", out.Documents[0].Name)
	require.Equal(t, []string{"POST /api/v1/namespaces/team-a/configmaps?fieldManager=kubernetes-mcp-edge&fieldValidation=Strict"}, writes(h))
	// Two of them are not the same object.
	_, out, err = apply(brokenapi.Soon(t), c, applyIn{Resource: generated + "---\n" + generated, DryRun: true})
	require.NoError(t, err)
	require.Len(t, out.Documents, 2)
	require.Contains(t, writes(h)[1], "dryRun=All")
	// A hostile server's name is not passed on.
	h.Answer("POST /api/v1/namespaces/team-a/configmaps", `201 {"kind":"ConfigMap","metadata":{"name":"../../x\n2. created"}}`)
	text, _, err = apply(brokenapi.Soon(t), c, applyIn{Resource: generated})
	require.NoError(t, err)
	require.Equal(t, "1 document: 1 created\n1. created ConfigMap a-* (v1) in namespace team-a\n", text)
	h.Answer("POST /api/v1/namespaces/team-a/configmaps", `403 {"kind":"Status","message":"no"}`)
	_, _, err = apply(brokenapi.Soon(t), c, applyIn{Resource: generated})
	require.ErrorContains(t, err, "1. failed ConfigMap a-* (v1) in namespace team-a. The cluster's RBAC")
}

// TestPlaces: a document's own namespace counts more than the argument, and a
// report over several says which.
func TestPlaces(t *testing.T) {
	_, c := visit(t, map[string]string{
		"PATCH " + cmA: "201 " + configMap("1", "b"),
		"PATCH /api/v1/namespaces/team-b/configmaps/b": "201 " + configMap("1", "b"),
		"PATCH /api/v1/namespaces/team-c":              `201 {"metadata":{"name":"team-c"}}`,
	})
	text, out, err := apply(brokenapi.Soon(t), c, applyIn{Namespace: "team-b", Resource: manifest("a") +
		"---\napiVersion: v1\nkind: cm\nmetadata: {name: b}\n---\napiVersion: v1\nkind: Namespace\nmetadata: {name: team-c}\n"})
	require.NoError(t, err)
	require.Equal(t, "3 documents: 3 created\n1. created ConfigMap a (v1) in namespace team-a\n2. created ConfigMap b (v1) in namespace team-b\n"+
		"3. created Namespace team-c (v1) in the cluster\n-- These documents are in 2 namespaces: team-a, team-b. --\n", text)
	require.Equal(t, []Entry{
		{APIVersion: "v1", Kind: "ConfigMap", Namespace: "team-a", Name: "a", Outcome: "created"},
		{APIVersion: "v1", Kind: "ConfigMap", Namespace: "team-b", Name: "b", Outcome: "created"},
		{APIVersion: "v1", Kind: "Namespace", Name: "team-c", Outcome: "created"},
	}, out.Documents)
}

// TestDryRunOfANewNamespace: what would be in it cannot be checked, which is no
// failure.
func TestDryRunOfANewNamespace(t *testing.T) {
	nowhere := `404 {"kind":"Status","message":"namespaces \"team-a\" not found","details":{"name":"team-a"}}`
	h, c := visit(t, map[string]string{"PATCH /api/v1/namespaces/team-a": `201 {"metadata":{"name":"team-a"}}`, "PATCH " + cmA: nowhere})
	both := "apiVersion: v1\nkind: Namespace\nmetadata: {name: team-a}\n" + manifest("a")
	text, _, err := apply(brokenapi.Soon(t), c, applyIn{Resource: both, DryRun: true})
	require.NoError(t, err)
	require.Contains(t, text, "2 documents: 1 created, 1 not checked (dry run: nothing was written)\n")
	require.Contains(t, text, "2. not checked (dry run) ConfigMap a (v1) in namespace team-a. Its namespace is an earlier document, which a dry run does not create.\n")
	_, _, err = apply(brokenapi.Soon(t), c, applyIn{Resource: both})
	require.ErrorContains(t, err, "1 created, 1 failed")
	h.Answer("PATCH "+cmA, `403 {"kind":"Status","message":"no"}`)
	_, _, err = apply(brokenapi.Soon(t), c, applyIn{Resource: both, DryRun: true})
	require.ErrorContains(t, err, "1 created, 1 failed (dry run", "that has another reason")
	h.Answer("PATCH "+cmA, nowhere)
	_, _, err = apply(brokenapi.Soon(t), c, applyIn{Resource: manifest("a"), DryRun: true})
	require.ErrorContains(t, err, "would fail (dry run)")
}

// TestChangedPaths are bounded, and quote names that hold dots.
func TestChangedPaths(t *testing.T) {
	fields := make([]string, 12)
	for i := range fields {
		fields[i] = `"` + string(rune('a'+i)) + `.x":1`
	}
	_, c := visit(t, map[string]string{
		"GET " + cmA:   `{"metadata":{"name":"a","resourceVersion":"1"},"gone":1,"l":[1],"m":[{"x":1}],"same":[{"x":null}],"was":{"x":1}}`,
		"PATCH " + cmA: `{"metadata":{"name":"a","resourceVersion":"2","generation":2},"l":[1,2],"m":[{"x":{}}],"same":[{"x":null}],"was":1,` + strings.Join(fields, ",") + `}`,
	})
	text, out, err := apply(brokenapi.Soon(t), c, applyIn{Resource: manifest("a")})
	require.NoError(t, err)
	require.Len(t, out.Documents[0].Changed, maxChanged)
	require.Contains(t, text, `: ["a.x"], ["b.x"], ["c.x"], ["d.x"], ["e.x"], ["f.x"], ["g.x"], gone and 8 more fields`)
	require.Equal(t, []string{"gone", "l", "m[0].x", "was"}, differences(
		map[string]any{"gone": 1, "l": []any{1}, "m": []any{map[string]any{"x": 1}}, "was": map[string]any{}},
		map[string]any{"l": []any{1, 2}, "m": []any{map[string]any{"x": map[string]any{}}}, "was": 1}, ""))
}
