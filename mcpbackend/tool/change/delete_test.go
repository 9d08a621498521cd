package change

import (
	"testing"

	"github.com/stretchr/testify/require"

	"kubernetes-mcp-edge/mcpbackend/answer"
	"kubernetes-mcp-edge/mcpbackend/brokenapi"
)

const success = `{"kind":"Status","status":"Success"}`

// TestDelete: what is sent, and what is said.
func TestDelete(t *testing.T) {
	ten := int64(10)
	for name, test := range map[string]struct {
		in            deleteIn
		path, reply   string
		body, text    string
		pending, gone bool
	}{
		"at once": {deleteIn{APIVersion: "v1", Kind: "ConfigMap", Name: "a", Namespace: "team-a"}, cmA, success,
			`{"apiVersion":"v1","kind":"DeleteOptions","propagationPolicy":"Background"}`, "Deleted: ConfigMap a (v1) in namespace team-a\n", false, true},
		"by kind alone": {deleteIn{Kind: "cm", Name: "a", Namespace: "team-a"}, cmA, success,
			`{"apiVersion":"v1","kind":"DeleteOptions","propagationPolicy":"Background"}`, "Deleted: ConfigMap a (v1) in namespace team-a\n", false, true},
		"with time": {deleteIn{Kind: "ConfigMap", Name: "a", Namespace: "team-a", GracePeriodSeconds: &ten}, cmA, `{"metadata":{"deletionTimestamp":"x"}}`,
			`{"apiVersion":"v1","kind":"DeleteOptions","propagationPolicy":"Background","gracePeriodSeconds":10}`,
			"Being deleted: ConfigMap a (v1) in namespace team-a\nIt is there until its containers have ended.\n", true, false},
		"dry": {deleteIn{Kind: "ConfigMap", Name: "a", Namespace: "team-a", DryRun: true}, cmA, `{"metadata":{"deletionTimestamp":"x"}}`,
			`{"apiVersion":"v1","kind":"DeleteOptions","propagationPolicy":"Background","dryRun":["All"]}`,
			"Would be deleted (dry run: nothing was): ConfigMap a (v1) in namespace team-a\n", false, false},
		"finalizers": {deleteIn{Kind: "Namespace", Name: "team-a", Namespace: "x"}, "/api/v1/namespaces/team-a", `{"metadata":{"deletionTimestamp":"x","finalizers":["example.com/a\u001b[31m","b"]}}`,
			`{"apiVersion":"v1","kind":"DeleteOptions","propagationPolicy":"Background"}`,
			"Being deleted: Namespace team-a (v1) in the cluster (this kind has no namespaces: the argument was not used)\n" +
				"It is there until these finalizers are done: example.com/a, b. Do not remove them: their controllers do that.\nEvery object in the namespace goes with it.\n", true, false},
		"a CRD, dry": {deleteIn{Kind: "crd", Name: "widgets.example.com", DryRun: true}, "/apis/apiextensions.k8s.io/v1/customresourcedefinitions/widgets.example.com", success,
			`{"apiVersion":"v1","kind":"DeleteOptions","propagationPolicy":"Background","dryRun":["All"]}`,
			"Would be deleted (dry run: nothing was): CustomResourceDefinition widgets.example.com (apiextensions.k8s.io/v1) in the cluster\nEvery object of the kind that it defines goes with it.\n", false, false},
	} {
		t.Run(name, func(t *testing.T) {
			h, c := visit(t, map[string]string{"DELETE " + test.path: test.reply})
			text, out, err := remove(brokenapi.Soon(t), c, test.in)
			require.NoError(t, err)
			require.Equal(t, test.text, text)
			require.Equal(t, test.pending, out.Pending)
			require.Equal(t, test.in.DryRun, out.DryRun)
			require.Equal(t, test.in.Name, out.Name)
			require.Equal(t, []string{"DELETE " + test.path}, writes(h))
			require.JSONEq(t, test.body, h.Requests()[len(h.Requests())-1].Body)
		})
	}
}

// TestDeleteMistakes end before anything is sent, or say what became of it.
func TestDeleteMistakes(t *testing.T) {
	for name, test := range map[string]struct {
		in         deleteIn
		want, word string
	}{
		"a path as name":     {deleteIn{Kind: "Pod", Name: "../x", Namespace: "team-a"}, "name is not the name of an object", "arguments"},
		"a path as place":    {deleteIn{Kind: "Pod", Name: "a", Namespace: "../x"}, "namespace is not the name of a namespace", "arguments"},
		"no place":           {deleteIn{Kind: "ConfigMap", Name: "a"}, "lives in namespaces", "arguments"},
		"no kind":            {deleteIn{Kind: "Zebra/x", Name: "a"}, "kind must be one word", "arguments"},
		"a kind that cannot": {deleteIn{Kind: "ComponentStatus", Name: "a"}, "cannot be deleted", "unsupported"},
		"an unknown kind":    {deleteIn{APIVersion: "v1", Kind: "ConfigMaps2", Name: "a"}, "Call again with one of these (apiVersion kind): v1 ConfigMap", "unknown-kind"},
	} {
		h, c := visit(t, nil)
		_, _, err := remove(brokenapi.Soon(t), c, test.in)
		require.ErrorContains(t, answer.Advise(err), test.want, name)
		require.Equal(t, test.word, answer.Word(err), name)
		require.Empty(t, writes(h), name)
	}
	in := deleteIn{Kind: "ConfigMap", Name: "a", Namespace: "team-a"}
	for reply, want := range map[string]string{
		missing:                                  "ConfigMap a (v1) in namespace team-a was not deleted: There is no such object",
		`500 {"kind":"Status","message":"etcd"}`: doubt, "200 {": doubt,
		`403 {"kind":"Status","message":"no"}`: "was not deleted: The cluster's RBAC does not allow this",
	} {
		_, c := visit(t, map[string]string{"DELETE " + cmA: reply})
		_, _, err := remove(brokenapi.Soon(t), c, in)
		require.ErrorContains(t, err, want)
		require.Equal(t, want == doubt, contains(err, doubt))
	}
}

// TestSeveralKindsOfOneName: nothing is deleted by a guess.
func TestSeveralKindsOfOneName(t *testing.T) {
	h, c := visit(t, map[string]string{
		"/apis": `{"kind":"APIGroupDiscoveryList","items":[
			{"metadata":{"name":"a.example.com"},"versions":[{"version":"v1","resources":[{"resource":"widgets","scope":"Namespaced","verbs":["delete"],"responseKind":{"kind":"Widget"}}]}]},
			{"metadata":{"name":"b.example.com"},"versions":[{"version":"v1","resources":[{"resource":"widgets","scope":"Namespaced","verbs":["delete"],"responseKind":{"kind":"Widget"}}]}]}]}`,
	})
	_, _, err := remove(brokenapi.Soon(t), c, deleteIn{Kind: "Widget", Name: "a", Namespace: "team-a"})
	require.EqualError(t, err, "several kinds are called Widget: pass apiVersion a.example.com/v1, or one of b.example.com/v1.")
	require.Empty(t, writes(h))
}

const podA = "/api/v1/namespaces/team-a/pods/a"

// TestDeletePod: that very Pod goes, and the answer says whether another comes.
func TestDeletePod(t *testing.T) {
	for name, test := range map[string]struct {
		found, text, uid string
		dryRun           bool
	}{
		"owned": {`{"metadata":{"uid":"u-1","ownerReferences":[{"kind":"Node","name":"n"},{"kind":"ReplicaSet","name":"web-1","controller":true}]}}`,
			"Being deleted: Pod a (v1) in namespace team-a\nIt is there until its containers have ended.\n" +
				"Its controller, ReplicaSet web-1, replaces it: to have fewer Pods, scale or delete what owns that.\n", "u-1", false},
		"alone": {`{"metadata":{"uid":"u-1"}}`, "Being deleted: Pod a (v1) in namespace team-a\nIt is there until its containers have ended.\nNo controller owns it: nothing replaces it.\n", "u-1", false},
		"ours": {`{"metadata":{"uid":"u-1","labels":{"app.kubernetes.io/managed-by":"kubernetes-mcp-edge"}}}`,
			"Being deleted: Pod a (v1) in namespace team-a\nIt is there until its containers have ended.\nA Service that pods_run made for it goes with it.\n", "u-1", false},
		"dry":            {`{"metadata":{"uid":"u-1"}}`, "Would be deleted (dry run: nothing was): Pod a (v1) in namespace team-a\nNo controller owns it: nothing replaces it.\n", "u-1", true},
		"not to be read": {`403 {"kind":"Status"}`, "Being deleted: Pod a (v1) in namespace team-a\nIt is there until its containers have ended.\n", "", false},
	} {
		h, c := visit(t, map[string]string{"GET " + podA: test.found, "DELETE " + podA: `{"metadata":{"deletionTimestamp":"x"}}`})
		text, out, err := removePod(brokenapi.Soon(t), c, podsDeleteIn{Name: "a", Namespace: "team-a", DryRun: test.dryRun})
		require.NoError(t, err, name)
		require.Equal(t, test.text, text, name)
		require.Equal(t, !test.dryRun, out.Pending, name)
		preconditions, _ := sent(t, h)["preconditions"].(map[string]any)
		uid, _ := preconditions["uid"].(string)
		require.Equal(t, test.uid, uid, name)
		require.Equal(t, test.dryRun, sent(t, h)["dryRun"] != nil, name)
		require.Len(t, h.Requests(), 2, name)
	}
	h, c := visit(t, nil)
	_, _, err := removePod(brokenapi.Soon(t), c, podsDeleteIn{Name: "a", Namespace: "team-a"})
	require.Error(t, err)
	_, _, err = removePod(brokenapi.Soon(t), c, podsDeleteIn{Name: "a"})
	require.ErrorContains(t, err, "namespace")
	_, _, err = removePod(brokenapi.Soon(t), c, podsDeleteIn{Name: "a/b", Namespace: "team-a"})
	require.ErrorContains(t, err, "name is not the name of an object")
	require.Empty(t, writes(h))
}
