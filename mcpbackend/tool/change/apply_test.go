package change

import (
	"context"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"kubernetes-mcp-edge/mcpbackend/answer"
	"kubernetes-mcp-edge/mcpbackend/brokenapi"
)

const missing = `404 {"kind":"Status","message":"not found","details":{"name":"a"}}`

// TestOutcomes of one document: what the report calls it, and what it rests on.
func TestOutcomes(t *testing.T) {
	for name, test := range map[string]struct {
		before, after string
		dryRun        bool
		text          string
		changed       []string
	}{
		"created": {missing, "201 " + configMap("1", "b"), false, "1 document: 1 created\n1. created ConfigMap a (v1) in namespace team-a\n", nil},
		"configured": {configMap("1", "x"), configMap("2", "b"), false,
			"1 document: 1 configured\n1. configured ConfigMap a (v1) in namespace team-a: data.a\n", []string{"data.a"}},
		"unchanged": {configMap("1", "b"), configMap("1", "b"), false, "1 document: 1 unchanged\n1. unchanged ConfigMap a (v1) in namespace team-a\n", nil},
		"only managed": {configMap("1", "b"), configMap("2", "b"), false,
			"1 document: 1 configured\n1. configured ConfigMap a (v1) in namespace team-a. No field changed; this tool now counts as one of its managers.\n", nil},
		"not to be read": {`403 {"kind":"Status","message":"no"}`, configMap("2", "b"), false,
			"1 document: 1 applied\n1. applied ConfigMap a (v1) in namespace team-a. What it was before could not be read, so whether anything changed is not known.\n", nil},
		"created, not to be read": {`403 {"kind":"Status","message":"no"}`, "201 " + configMap("1", "b"), false, "1 document: 1 created\n1. created ConfigMap a (v1) in namespace team-a\n", nil},
		"would be created": {missing, "201 " + configMap("", "b"), true,
			"1 document: 1 created (dry run: nothing was written)\n1. would be created (dry run) ConfigMap a (v1) in namespace team-a\n", nil},
		"would be configured": {configMap("1", "x"), configMap("1", "b"), true,
			"1 document: 1 configured (dry run: nothing was written)\n1. would be configured (dry run) ConfigMap a (v1) in namespace team-a: data.a\n", []string{"data.a"}},
		"would stay": {configMap("1", "b"), configMap("9", "b"), true,
			"1 document: 1 unchanged (dry run: nothing was written)\n1. would stay unchanged (dry run) ConfigMap a (v1) in namespace team-a\n", nil},
		"would be applied": {`403 {"kind":"Status"}`, configMap("1", "b"), true,
			"1 document: 1 applied (dry run: nothing was written)\n1. would be applied (dry run) ConfigMap a (v1) in namespace team-a. What it was before could not be read, so whether anything changed is not known.\n", nil},
	} {
		t.Run(name, func(t *testing.T) {
			h, c := visit(t, map[string]string{"GET " + cmA: test.before, "PATCH " + cmA: test.after})
			text, out, err := apply(brokenapi.Soon(t), c, applyIn{Resource: manifest("a"), DryRun: test.dryRun})
			require.NoError(t, err)
			require.Equal(t, test.text, text)
			require.Equal(t, test.dryRun, out.DryRun)
			require.Len(t, out.Documents, 1)
			require.Equal(t, test.changed, out.Documents[0].Changed)
			dry := ""
			if test.dryRun {
				dry = "dryRun=All&"
			}
			require.Equal(t, []string{"PATCH " + cmA + "?" + dry + "fieldManager=kubernetes-mcp-edge&fieldValidation=Strict"}, writes(h))
		})
	}
}

// TestNothingIsWrittenBefore all documents are understood: the last one's
// mistake keeps the first from the cluster, and every mistake is told.
func TestNothingIsWrittenBefore(t *testing.T) {
	for name, test := range map[string]struct{ last, want, word string }{
		"syntax":     {"---\na: [\n", "not valid YAML", "arguments"},
		"kind":       {"---\napiVersion: v1\nkind: ConfigMaps2\nmetadata: {name: x}\n", `document 2 (ConfigMaps2 x): This cluster has no kind "ConfigMaps2" in apiVersion "v1". Call again with one of these (apiVersion kind): v1 ConfigMap.`, "unknown-kind"},
		"no version": {"---\nkind: ConfigMap\nmetadata: {name: x, namespace: team-a}\n", "document 2 (ConfigMap x): apiVersion is missing; for this kind the cluster offers v1.", "arguments"},
		"no place":   {"---\napiVersion: v1\nkind: Secret\nmetadata: {name: x}\n", "document 2 (Secret x): this kind lives in namespaces: set metadata.namespace, or call again with namespace.", "arguments"},
		"no places":  {"---\napiVersion: v1\nkind: Namespace\nmetadata: {name: x, namespace: team-a}\n", "document 2 (Namespace x): this kind has no namespaces: leave metadata.namespace out.", "arguments"},
		"read only":  {"---\napiVersion: v1\nkind: ComponentStatus\nmetadata: {name: x}\n", "ComponentStatus (v1) cannot be written", "unsupported"},
		"twice":      {manifest("a"), "document 2 (ConfigMap a): this is the same object as document 1: send it once.", "arguments"},
		"not base64": {"---\napiVersion: v1\nkind: Secret\nmetadata: {name: x, namespace: team-a}\ndata: {a: YQ==, 'b.c': CANARY}\n",
			`document 2 (Secret x): data["b.c"] is not base64; plain text belongs under stringData.`, "arguments"},
		"two mistakes": {"---\napiVersion: v1\nkind: Pod\nmetadata: {name: x}\n---\napiVersion: v1\nkind: Secret\nmetadata: {name: z}\n",
			"Nothing was written.\ndocument 2 (Pod x): this kind lives in namespaces: set metadata.namespace, or call again with namespace.\ndocument 3 (Secret z): this kind", "arguments"},
		"its own CRD": {"---\napiVersion: apiextensions.k8s.io/v1\nkind: CustomResourceDefinition\nmetadata: {name: w}\nspec: {group: example.com, names: {kind: Widget}}\n" +
			"---\napiVersion: example.com/v1\nkind: Widget\nmetadata: {name: x, namespace: team-a}\n",
			"Its CustomResourceDefinition is document 2: apply that alone first, then the rest.", "unknown-kind"},
	} {
		t.Run(name, func(t *testing.T) {
			h, c := visit(t, map[string]string{cmA: configMap("1", "b")})
			_, _, err := apply(brokenapi.Soon(t), c, applyIn{Resource: manifest("a") + test.last})
			require.ErrorContains(t, err, test.want)
			require.Equal(t, test.word, answer.Word(err))
			require.Empty(t, writes(h))
		})
	}
	h, c := visit(t, nil)
	h.Answer("/api/v1", "403 {\"kind\":\"Status\",\"message\":\"no\"}")
	_, _, err := apply(brokenapi.Soon(t), c, applyIn{Resource: manifest("a", "b")})
	require.ErrorContains(t, err, "Nothing was written.\ndocument 1 (ConfigMap a): The cluster's RBAC")
	require.NotContains(t, err.Error(), "document 2")
	_, _, err = apply(brokenapi.Soon(t), c, applyIn{Resource: manifest("a"), Namespace: "../x"})
	require.ErrorContains(t, err, "not the name of a namespace")
}

// TestReportOfAHalf: where a document fails, the report says what was done
// before it and what was not tried, and the call has failed.
func TestReportOfAHalf(t *testing.T) {
	h, c := visit(t, map[string]string{
		"PATCH " + cmA: "201 " + configMap("1", "b"),
		"PATCH /api/v1/namespaces/team-a/configmaps/b": `403 {"kind":"Status","message":"bob cannot patch"}`,
		"PATCH /api/v1/namespaces/team-a/configmaps/c": "201 " + configMap("1", "b"),
	})
	_, _, err := apply(brokenapi.Soon(t), c, applyIn{Resource: manifest("a", "b", "c")})
	require.EqualError(t, err, "3 documents: 1 created, 1 failed, 1 not tried\n"+
		"1. created ConfigMap a (v1) in namespace team-a\n"+
		"2. failed ConfigMap b (v1) in namespace team-a. The cluster's RBAC does not allow this to the caller. Use a namespace that the caller may read, or call whoami to see who that is. The server said: bob cannot patch\n"+
		"3. not tried ConfigMap c (v1) in namespace team-a\n"+
		"-- It ended at the first document that failed, since the later ones may need it. Mend it, then send all of them again: what is unchanged stays unchanged. --\n")
	require.Equal(t, "forbidden", answer.Word(err))
	require.Len(t, writes(h), 2)

	// A dry run needs no order: it tells all that is wrong.
	_, _, err = apply(brokenapi.Soon(t), c, applyIn{Resource: manifest("a", "b", "c"), DryRun: true})
	require.ErrorContains(t, err, "3 documents: 2 created, 1 failed (dry run: nothing was written)\n")
	require.ErrorContains(t, err, "\n2. would fail (dry run) ConfigMap b")
	require.ErrorContains(t, err, "\n3. would be created (dry run) ConfigMap c")
	require.NotContains(t, err.Error(), "It ended at")
}

// TestUnknownOutcome: a write whose answer did not come may have happened.
func TestUnknownOutcome(t *testing.T) {
	for name, reply := range map[string]string{
		"garbled": "200 {", "failed": `500 {"kind":"Status","message":"etcdserver: request timed out"}`,
	} {
		_, c := visit(t, map[string]string{"PATCH " + cmA: reply})
		_, _, err := apply(brokenapi.Soon(t), c, applyIn{Resource: manifest("a")})
		require.ErrorContains(t, err, "1 document: 1 unknown\n1. unknown ConfigMap a (v1) in namespace team-a.", name)
		require.ErrorContains(t, err, doubt, name)
	}
	h, c := visit(t, nil)
	ctx, cancel := context.WithCancel(brokenapi.Soon(t))
	h.Handle(cmA, hang(cancel, "PATCH"))
	_, _, err := apply(ctx, c, applyIn{Resource: manifest("a", "b")})
	require.ErrorContains(t, err, "2 documents: 1 unknown, 1 not tried\n")
	require.Equal(t, "canceled", answer.Word(err))
	// What was never sent is no riddle: not where the time was over before it,
	ctx, cancel = context.WithCancel(brokenapi.Soon(t))
	h, c = visit(t, nil)
	h.Handle(cmA, hang(cancel, "GET"))
	_, _, err = apply(ctx, c, applyIn{Resource: manifest("a")})
	require.ErrorContains(t, err, "1 document: 1 not tried\n1. not tried ConfigMap a (v1) in namespace team-a. The call was canceled.\n")
	require.Empty(t, writes(h))
	// and not where this program may not send it.
	ctx, cancel = context.WithCancel(brokenapi.Soon(t))
	_, c2 := brokenapi.Visit(t, offered)
	defer cancel()
	_, _, err = apply(ctx, c2, applyIn{Resource: manifest("a")})
	require.ErrorContains(t, err, "1 document: 1 failed\n")
	require.NotContains(t, err.Error(), doubt)
	require.Equal(t, "read-only", answer.Word(err))
}

// TestConflictsNameFieldsAndManagers, and how to take them over; force is sent
// only on request.
func TestConflictsNameFieldsAndManagers(t *testing.T) {
	conflict := `409 {"kind":"Status","reason":"Conflict","message":"Apply failed with 1 conflict","details":{"name":"a","causes":[
		{"reason":"FieldManagerConflict","message":"conflict with \"kubectl-edit\" using v1","field":".data.a"}]}}`
	h, c := visit(t, map[string]string{"GET " + cmA: configMap("1", "x"), "PATCH " + cmA: conflict})
	_, _, err := apply(brokenapi.Soon(t), c, applyIn{Resource: manifest("a")})
	require.ErrorContains(t, err, `1. failed ConfigMap a (v1) in namespace team-a. Other managers own fields that this would change: .data.a (conflict with "kubectl-edit" using v1). `+
		"Leave those fields out; or, only if the user wants to take them over, call again with force true.\n")
	require.Equal(t, "conflict", answer.Word(err))
	require.NotContains(t, writes(h)[0], "force")
	h.Answer("PATCH "+cmA, strings.Replace(conflict, `\"kubectl-edit\"`, `\"kubernetes-mcp-edge\" with subresource \"scale\"`, 1))
	_, _, err = apply(brokenapi.Soon(t), c, applyIn{Resource: manifest("a")})
	require.ErrorContains(t, err, "call again with force true. resources_scale set spec.replicas: leave it out to keep that number.\n")
	h.Answer("PATCH "+cmA, configMap("2", "b"))
	_, _, err = apply(brokenapi.Soon(t), c, applyIn{Resource: manifest("a"), Force: true})
	require.NoError(t, err)
	require.Contains(t, writes(h)[2], "&force=true")
}

// TestFailuresSayWhatToDo.
func TestFailuresSayWhatToDo(t *testing.T) {
	versioned := "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: a, namespace: team-a, resourceVersion: '7'}\n"
	for name, test := range map[string]struct{ text, reply, want string }{
		"stale":      {versioned, `409 {"kind":"Status","reason":"Conflict","message":"the object has been modified"}`, "no longer the one that was read"},
		"in between": {manifest("a"), `409 {"kind":"Status","reason":"Conflict","message":"the object has been modified"}`, "changed by somebody else meanwhile; try once more. The server said: the object"},
		"invalid":    {manifest("a"), `422 {"kind":"Status","message":"data.a: too long"}`, "refuses the object; mend what it names. The server said: data.a: too long"},
		"nowhere":    {manifest("a"), `404 {"kind":"Status","message":"namespaces \"team-a\" not found","details":{"name":"team-a"}}`, `most often its namespace does not exist. The server said: namespaces "team-a" not found`},
	} {
		_, c := visit(t, map[string]string{"PATCH " + cmA: test.reply})
		_, _, err := apply(brokenapi.Soon(t), c, applyIn{Resource: test.text})
		require.ErrorContains(t, err, test.want, name)
		require.NotContains(t, err.Error(), doubt, name)
	}
}
