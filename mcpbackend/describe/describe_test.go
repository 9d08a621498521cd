package describe

import (
	"encoding/base64"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"kubernetes-mcp-edge/mcpbackend/brokenapi"
	"kubernetes-mcp-edge/mcpbackend/kube"
)

// kinds of the group v1 that the tests ask about.
const coreKinds = `{"resources":[
	{"name":"pods","kind":"Pod","namespaced":true,"verbs":["get","list"]},
	{"name":"configmaps","kind":"ConfigMap","namespaced":true,"verbs":["get","list"]},
	{"name":"secrets","kind":"Secret","namespaced":true,"verbs":["get","list"]},
	{"name":"serviceaccounts","kind":"ServiceAccount","namespaced":true,"verbs":["get","list"]},
	{"name":"nodes","kind":"Node","namespaced":false,"verbs":["get","list"]}]}`

const appsKinds = `{"resources":[{"name":"deployments","kind":"Deployment","namespaced":true,"verbs":["get","list"]}]}`

const ownKinds = `{"resources":[{"name":"backups","kind":"Backup","namespaced":true,"verbs":["get","list"]}]}`

const noEvents = `{"kind":"EventList","apiVersion":"v1","items":[]}`

// visit opens a server with these answers and the kinds above.
func visit(t *testing.T, answers map[string]string) (*brokenapi.Server, *kube.Client) {
	t.Helper()
	h, c := brokenapi.Visit(t, answers)
	h.Answer("/api/v1", coreKinds)
	h.Answer("/apis/apps/v1", appsKinds)
	h.Answer("/apis/example.com/v1", ownKinds)
	return h, c
}

// describe describes the object "a", in namespace team-a if it has one.
func describe(t *testing.T, c *kube.Client, apiVersion, kind string) (Description, error) {
	t.Helper()
	ctx := brokenapi.Soon(t)
	k, err := c.Resolve(ctx, apiVersion, kind)
	require.NoError(t, err)
	return Object(ctx, c, k, "team-a", "a")
}

const pod = `{"kind":"Pod","apiVersion":"v1","metadata":{"name":"a","namespace":"team-a","uid":"u-1","labels":{"app":"web"}},
	"spec":{"nodeName":"node-1","containers":[{"name":"web","image":"registry.example.com/web:1","env":[{"name":"WORD","value":"abcdef.0123456789abcdef"}]}]},
	"status":{"phase":"Running","containerStatuses":[{"name":"web","restartCount":3,"state":{"waiting":{"reason":"CrashLoopBackOff"}}}]}}`

// TestPodIsDescribed as kubectl does it, in three requests when everything is
// cold.
func TestPodIsDescribed(t *testing.T) {
	h, c := visit(t, map[string]string{
		"/api/v1/namespaces/team-a/pods/a": pod,
		"/api/v1/namespaces/team-a/events": `{"kind":"EventList","apiVersion":"v1","items":[{"metadata":{"name":"e"},"type":"Warning","reason":"BackOff","message":"back-off\t\u001b[31m` + brokenapi.Token + `","count":2}]}`,
	})
	d, err := describe(t, c, "v1", "Pod")
	require.NoError(t, err)
	require.Regexp(t, `(?m)^Name: +a\nNamespace: +team-a\n`, d.Text)
	require.Regexp(t, `(?m)^Node: +node-1`, d.Text)
	require.Regexp(t, `Reason: +CrashLoopBackOff`, d.Text)
	require.Regexp(t, `WORD: +\[redacted\]`, d.Text)
	require.Regexp(t, `Warning +BackOff +<unknown> .*back-off    \[redacted\]`, d.Text)
	require.Empty(t, d.Unread)
	require.False(t, d.Shortened)
	require.Len(t, h.Asked(), 3)
	require.Equal(t, []string{"/api/v1", "/api/v1/namespaces/team-a/pods/a"}, h.Asked()[:2])
	events, err := url.Parse(h.Asked()[2])
	require.NoError(t, err)
	require.Equal(t, "/api/v1/namespaces/team-a/events", events.Path)
	require.ElementsMatch(t, []string{"involvedObject.name=a", "involvedObject.namespace=team-a", "involvedObject.uid=u-1"},
		strings.Split(events.Query().Get("fieldSelector"), ","))
	require.Equal(t, "250", events.Query().Get("limit"))
}

// TestSecretsShowSizesOnly: kubectl itself prints the token of a service account.
func TestSecretsShowSizesOnly(t *testing.T) {
	value := base64.StdEncoding.EncodeToString([]byte("CANARY-value"))
	h, c := visit(t, map[string]string{"/api/v1/namespaces/team-a/secrets/a": `{"kind":"Secret","apiVersion":"v1","type":"kubernetes.io/service-account-token",
		"metadata":{"name":"a","namespace":"team-a","annotations":{"kapp.k14s.io/original":"CANARY","example.com/own":"{CANARY}","kubernetes.io/service-account.name":"web"}},
		"data":{"token":"` + value + `","empty":"","password":"` + value + `","odd":7,"one":"QQ==","two":"QUE="}}`})
	d, err := describe(t, c, "v1", "Secret")
	require.NoError(t, err)
	require.NotContains(t, d.Text, "CANARY")
	require.NotContains(t, d.Text, value)
	require.Regexp(t, `password: +12 bytes`, d.Text)
	require.Regexp(t, `token: +\[redacted\]`, d.Text)
	require.Regexp(t, `empty: +0 bytes`, d.Text)
	require.Regexp(t, `one: +1 bytes`, d.Text)
	require.Regexp(t, `two: +2 bytes`, d.Text)
	require.Regexp(t, `service-account.name: web`, d.Text)
	require.Len(t, h.Asked(), 2)
}

// TestListedSecretsAreEmpty: some describers read all Secrets of a namespace.
func TestListedSecretsAreEmpty(t *testing.T) {
	w := wire{shaper: shaper{ctx: brokenapi.Soon(t), scrub: strings.ToLower}}
	for _, body := range []string{
		`{"kind":"SecretList","items":[{"metadata":{"name":"x"},"data":{"a":"Q0FOQVJZ"}}]}`,
		`{"kind":"Secret","data":{"a":"Q0FOQVJZ"},"stringData":{"a":"CANARY"}}`,
	} {
		out, err := w.shaped([]byte(body), true)
		require.NoError(t, err)
		require.NotContains(t, strings.ToUpper(string(out)), "CANARY")
		require.NotContains(t, string(out), "Q0FOQVJZ")
		require.Contains(t, string(out), `"a":"AAAAAAAA"`)
	}
}

// TestConfigMapsAreRedacted value by value: one that holds a Secret's manifest
// takes nothing from the others.
func TestConfigMapsAreRedacted(t *testing.T) {
	_, c := visit(t, map[string]string{
		"/api/v1/namespaces/team-a/configmaps/a": `{"kind":"ConfigMap","apiVersion":"v1","metadata":{"name":"a","namespace":"team-a",
			"annotations":{"kubectl.kubernetes.io/last-applied-configuration":"CANARY","kapp.k14s.io/original":"CANARY"}},
			"data":{"manifest":"kind: Secret\nstringData:\n  p: CANARY\n","plain":"a=1\tb=2","token":"eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiJDQU5BUlkifQ.x"},"binaryData":{"b":"Q0FOQVJZ"}}`,
		"/api/v1/namespaces/team-a/events": noEvents,
	})
	d, err := describe(t, c, "v1", "ConfigMap")
	require.NoError(t, err)
	require.NotContains(t, d.Text, "CANARY")
	require.NotContains(t, d.Text, "eyJ")
	require.Contains(t, d.Text, "plain:\n----\na=1    b=2\n")
	require.Contains(t, d.Text, "stringData: [redacted]\n")
	require.Contains(t, d.Text, "b: 6 bytes")
}

// TestWhatIsForbiddenIsSaid: kubectl's describer of a ConfigMap gives up without
// the events, others leave them out without a word.
func TestWhatIsForbiddenIsSaid(t *testing.T) {
	for kind, path := range map[string]string{"ConfigMap": "configmaps", "Pod": "pods"} {
		_, c := visit(t, map[string]string{
			"/api/v1/namespaces/team-a/" + path + "/a": `{"kind":"` + kind + `","apiVersion":"v1","metadata":{"name":"a","namespace":"team-a"}}`,
			"/api/v1/namespaces/team-a/events":         `403 {"kind":"Status","status":"Failure","code":403,"reason":"Forbidden","message":"CANARY"}`,
		})
		d, err := describe(t, c, "v1", kind)
		require.NoError(t, err)
		require.Equal(t, []string{"events (forbidden)"}, d.Unread, kind)
		require.Regexp(t, `^Name: +a\n`, d.Text)
		require.NotContains(t, d.Text, "CANARY")
		require.Equal(t, kind == "ConfigMap", strings.Contains(d.Text, "\nBinaryData\n====\n"), "kubectl's own words")
	}
}

// TestNamesLikeTokens: events are found by the name, whatever it looks like.
func TestNamesLikeTokens(t *testing.T) {
	const name = "abcdef.0123456789abcdef"
	h, c := visit(t, map[string]string{"/api/v1/namespaces/team-a/pods/" + name: pod, "/api/v1/namespaces/team-a/events": noEvents})
	k, err := c.Resolve(brokenapi.Soon(t), "v1", "Pod")
	require.NoError(t, err)
	_, err = Object(brokenapi.Soon(t), c, k, "team-a", name)
	require.NoError(t, err)
	require.Contains(t, h.Asked()[2], "involvedObject.name%3D"+name)
}

// TestKindsOfTheirOwn are written field by field, Secrets inside them redacted.
func TestKindsOfTheirOwn(t *testing.T) {
	_, c := visit(t, map[string]string{
		"/apis/example.com/v1/namespaces/team-a/backups/a": `{"kind":"Backup","apiVersion":"example.com/v1","metadata":{"name":"a","namespace":"team-a","managedFields":[{"manager":"x"}]},
			"spec":{"schedule":"@daily","copies":3,"template":{"kind":"Secret","data":{"p":"CANARY"},"stringData":{"p":"CANARY"}}},"data":{"mine":"shown"}}`,
		"/api/v1/namespaces/team-a/events": `{"kind":"EventList","apiVersion":"v1","items":[{"metadata":{"name":"e"},"type":"Normal","reason":"Saved"}]}`,
	})
	d, err := describe(t, c, "example.com/v1", "Backup")
	require.NoError(t, err)
	require.NotContains(t, d.Text, "CANARY")
	require.Regexp(t, `Schedule: +@daily`, d.Text)
	require.Regexp(t, `Mine: +shown`, d.Text)
	require.Regexp(t, `Normal +Saved`, d.Text)
	require.NotContains(t, d.Text, "Manager")
}

// TestDescribersThatPanic leave it to the generic one: this Deployment lacks what
// every API server fills in.
func TestDescribersThatPanic(t *testing.T) {
	_, c := visit(t, map[string]string{
		"/apis/apps/v1/namespaces/team-a/deployments/a": `{"kind":"Deployment","apiVersion":"apps/v1","metadata":{"name":"a"},"spec":{"paused":true}}`,
		"/api/v1/namespaces/team-a/events":              noEvents,
	})
	d, err := describe(t, c, "apps/v1", "Deployment")
	require.NoError(t, err)
	require.Regexp(t, `Paused: +true`, d.Text)
}

// TestTheObjectDecides: what goes wrong with it is the error.
func TestTheObjectDecides(t *testing.T) {
	for answer, trouble := range map[string]kube.Trouble{
		`403 {"kind":"Status"}`: kube.Forbidden, `401 {"kind":"Status"}`: kube.Unauthorized,
		`404 {"kind":"Status","reason":"NotFound","details":{"name":"a","kind":"pods"}}`: kube.NotFound,
		`[]`: kube.Garbled, `{"spec":[]}`: kube.Garbled, `{"spec":` + strings.Repeat(`[`, 100) + strings.Repeat(`]`, 100) + `}`: kube.TooLarge,
	} {
		_, c := visit(t, map[string]string{"/api/v1/namespaces/team-a/pods/a": answer})
		_, err := describe(t, c, "v1", "Pod")
		var e *kube.Error
		require.ErrorAs(t, err, &e, answer)
		require.Equal(t, trouble, e.Trouble, answer)
	}
}

// TestOnlyReadsAreSent, and to the paths of the API: a describer that did more
// would be stopped before the transport.
func TestOnlyReadsAreSent(t *testing.T) {
	h, c := visit(t, nil)
	w := newWire(brokenapi.Soon(t), c, kube.Kind{Version: "v1", Resource: "pods", Namespaced: true}, "team-a", "a")
	req, err := http.NewRequestWithContext(t.Context(), http.MethodDelete, h.URL+"/api/v1/namespaces/team-a/pods/a", nil)
	require.NoError(t, err)
	resp, err := w.RoundTrip(req)
	require.ErrorIs(t, err, errUnread)
	require.Nil(t, resp)
	require.Empty(t, h.Asked())
}
