package change

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"kubernetes-mcp-edge/mcpbackend/answer"
	"kubernetes-mcp-edge/mcpbackend/brokenapi"
)

const (
	podsPath     = "/api/v1/namespaces/team-a/pods"
	servicesPath = "/api/v1/namespaces/team-a/services"
)

// made is what the server says of a new Pod.
const made = `201 {"kind":"Pod","metadata":{"name":"a","uid":"u-1"}}`

// TestRun creates the Pod that upstream creates, and its Service.
func TestRun(t *testing.T) {
	for _, dryRun := range []bool{false, true} {
		h, c := visit(t, map[string]string{"POST " + podsPath: made, "POST " + servicesPath: "201 {}"})
		text, out, err := run(brokenapi.Soon(t), c, runIn{Name: "a", Image: "registry.example.com:5000/x/web:1", Namespace: "team-a", Port: 8080, DryRun: dryRun})
		require.NoError(t, err)
		require.Equal(t, Ran{Namespace: "team-a", Pod: "a", Service: "a", DryRun: dryRun}, out)
		word, query, after := "Created:", "", "Whether the Pod starts is not known yet: see pods_get, or events_list for why not.\n"
		if dryRun {
			word, query, after = "Would be created (dry run: nothing was):", "dryRun=All&", ""
		}
		require.Equal(t, word+" Pod a in namespace team-a from image registry.example.com:5000/x/web:1. Its container has no securityContext, and the image is always pulled.\n"+
			word+" Service a, port 8080, in front of it; it goes when the Pod is deleted.\n"+after, text)
		query = "?" + query + "fieldManager=kubernetes-mcp-edge&fieldValidation=Strict"
		require.Equal(t, []string{"POST " + podsPath + query, "POST " + servicesPath + query}, writes(h))
		labels := `{"app.kubernetes.io/name":"a","app.kubernetes.io/component":"a","app.kubernetes.io/managed-by":"kubernetes-mcp-edge","app.kubernetes.io/part-of":"kubernetes-mcp-edge-run-sandbox"}`
		all := h.Requests()
		require.JSONEq(t, `{"apiVersion":"v1","kind":"Pod","metadata":{"name":"a","namespace":"team-a","labels":`+labels+`},
			"spec":{"containers":[{"name":"a","image":"registry.example.com:5000/x/web:1","imagePullPolicy":"Always","ports":[{"containerPort":8080}]}]}}`, all[0].Body)
		require.JSONEq(t, `{"apiVersion":"v1","kind":"Service","metadata":{"name":"a","namespace":"team-a","labels":`+labels+`,
			"ownerReferences":[{"apiVersion":"v1","kind":"Pod","name":"a","uid":"u-1"}]},
			"spec":{"type":"ClusterIP","selector":`+labels+`,"ports":[{"port":8080,"targetPort":8080}]}}`, all[1].Body)
	}
}

// TestRunWithoutAName makes one up, and without a port there is no Service.
func TestRunWithoutAName(t *testing.T) {
	h, c := visit(t, map[string]string{"POST " + podsPath: made})
	names := map[string]bool{}
	for range 5 {
		text, out, err := run(brokenapi.Soon(t), c, runIn{Image: "web", Namespace: "team-a"})
		require.NoError(t, err)
		require.Regexp(t, `^kubernetes-mcp-edge-run-[a-z2-7]{5}$`, out.Pod)
		require.Empty(t, out.Service)
		require.NotContains(t, text, "Service")
		require.NotContains(t, h.Requests()[0].Body, "ports")
		names[out.Pod] = true
	}
	require.Greater(t, len(names), 1)
}

// TestRunMistakes end before anything is sent.
func TestRunMistakes(t *testing.T) {
	h, c := visit(t, nil)
	for _, image := range []string{"", " web", "web ", "https://registry.example.com/web", "web:", "web tag", "a//b", "web:1:2/3", "web@sha256", "-web", "web\n", strings.Repeat("a", 513), "web;id", "$(id)"} {
		_, _, err := run(brokenapi.Soon(t), c, runIn{Image: image, Namespace: "team-a"})
		require.ErrorContains(t, err, "image is no image reference", image)
	}
	for _, image := range []string{"web", "web:1", "docker.io/library/web", "localhost:5000/Web:v1.2-x_y", "web@sha256:0123456789abcdef", "example.com/a/b/c:1@sha256:ab"} {
		require.Regexp(t, imageReference, image)
	}
	for name, in := range map[string]runIn{
		"name":      {Image: "web", Name: "A", Namespace: "team-a"},
		"dots":      {Image: "web", Name: "a.b", Namespace: "team-a"},
		"service":   {Image: "web", Name: "1a", Namespace: "team-a", Port: 80},
		"namespace": {Image: "web", Name: "a", Namespace: "../x"},
		"nowhere":   {Image: "web", Name: "a"},
	} {
		_, _, err := run(brokenapi.Soon(t), c, in)
		require.Error(t, err, name)
		require.Equal(t, "arguments", answer.Word(err), name)
	}
	require.Empty(t, h.Requests())
}

// TestRunHalf: where the Service fails the Pod is there, and the answer says so.
func TestRunHalf(t *testing.T) {
	in := runIn{Name: "a", Image: "web", Namespace: "team-a", Port: 80}
	_, c := visit(t, map[string]string{"POST " + podsPath: made, "POST " + servicesPath: `409 {"kind":"Status","reason":"AlreadyExists","message":"services \"a\" already exists"}`})
	_, _, err := run(brokenapi.Soon(t), c, in)
	require.ErrorContains(t, err, "Created: Pod a in namespace team-a from image web.")
	require.ErrorContains(t, err, "But Service a was not created: There is an object of that name already")
	require.Equal(t, "already-exists", answer.Word(err))

	h, c := visit(t, map[string]string{"POST " + podsPath: `409 {"kind":"Status","reason":"AlreadyExists","message":"pods \"a\" already exists"}`})
	_, _, err = run(brokenapi.Soon(t), c, in)
	require.ErrorContains(t, err, "Pod a in namespace team-a was not created: There is an object of that name already")
	require.Len(t, writes(h), 1)

	_, c = visit(t, map[string]string{"POST " + podsPath: `403 {"kind":"Status","message":"pods \"a\" is forbidden: violates PodSecurity \"restricted:latest\": runAsNonRoot != true"}`})
	_, _, err = run(brokenapi.Soon(t), c, in)
	require.ErrorContains(t, err, "create it with resources_create_or_update. The server said: ")
	require.Equal(t, "forbidden", answer.Word(err))
}
