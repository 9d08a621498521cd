package clients

import (
	"encoding/base64"
	"encoding/pem"
	"fmt"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"kubernetes-mcp-edge/e2e/harness"
	"kubernetes-mcp-edge/e2e/rig"
	"kubernetes-mcp-edge/extproc/kubeheader"
)

// The exit statuses that the READMEs of the examples promise.
const (
	exampleRefused     = 1
	exampleNothingSent = 2
	exampleRejected    = 3
	exampleUnreachable = 4
)

// sdk is a line of an MCP SDK with the example for it.
type sdk struct{ name, interpreter, file string }

// sdks are both lines of both. Those with the number 2 speak the modern era
// here, the others know only the legacy one.
func sdks(t *testing.T) []sdk {
	t.Helper()
	example := func(path ...string) string {
		return filepath.Join(append([]string{harness.Root(), "examples"}, path...)...)
	}
	installed(t, "node", "typescript", ".installed")
	return []sdk{
		{"python-v1", installed(t, "python", "python-v1", "bin", "python"), example("python", "client_v1.py")},
		{"python-v2", installed(t, "python", "python-v2", "bin", "python"), example("python", "client.py")},
		{"typescript-v1", node(t), example("typescript", "client_v1.ts")},
		{"typescript-v2", node(t), example("typescript", "client.ts")},
	}
}

// call is one that an example is told to make.
type call struct{ tool, arguments string }

// run runs the example with these headers in its environment.
func (s sdk) run(t *testing.T, headers harness.Headers, calls []call, args ...string) outcome {
	t.Helper()
	for _, c := range calls {
		args = append(args, "--call", c.tool+"="+c.arguments)
	}
	return run(t, environment(headers), headers, s.interpreter, append([]string{s.file}, args...)...)
}

// deed is a call, and what a person reads then.
type deed struct {
	call  call
	reads string // a pattern
}

// deeds are what a tenant does in his own namespace.
func deeds(c rig.Caller) []deed {
	here := fmt.Sprintf(`"namespace":%q}`, c.Namespace)
	return []deed{
		{call{"whoami", `{}`}, `User: ` + c.User + `\nGroups: tenants, `},
		{call{"resources_list", `{"kind":"Deployment",` + here}, `3 Deployment \(apps/v1\) in namespace ` + c.Namespace + `\n(?s:.*)\nweb +2/2 `},
		{call{"resources_get", `{"kind":"ConfigMap","apiVersion":"v1","name":"settings",` + here}, `(?s:.*)namespace: ` + c.Namespace + `\n`},
		{call{"pods_list_in_namespace", `{` + here}, `4 Pod \(v1\) in namespace ` + c.Namespace + `\n(?s:.*)\nweb-\S+ +1/1 +Running `},
		{call{"pods_log", `{"labelSelector":"app=web","tail":2,` + here}, `# 4 log lines of 2 pods matching app=web in namespace ` + c.Namespace + `\n(web-\S+/web .* web of ` + c.Namespace + ` answered request \d+\n?){4}$`},
		{call{"diagnose", `{` + here}, `Everything in namespace ` + c.Namespace + `: 4 errors\.\n(?s:.*)ERROR Pod/importer-\S+ ImagePullBackOff: `},
	}
}

// mistakes are those that a tenant is most likely to make, and what the backend
// or the cluster says to them.
func mistakes(c rig.Caller) []deed {
	here := fmt.Sprintf(`"namespace":%q}`, c.Namespace)
	const forbidden = `The cluster's RBAC does not allow this to the caller\. .*: `
	return []deed{
		{call{"namespaces_list", `{}`}, forbidden + `namespaces is forbidden: User "` + c.User + `" cannot list`},
		{call{"pods_list", `{}`}, forbidden + `pods is forbidden: User "` + c.User + `" cannot list .* at the cluster scope`},
		{call{"pods_list_in_namespace", fmt.Sprintf(`{"namespace":%q}`, c.Foreign)}, forbidden + `pods is forbidden: User "` + c.User + `" cannot list`},
		{call{"resources_get", `{"kind":"ConfigMap","apiVersion":"v1","name":"setings",` + here}, `There is no such object\. .*configmaps "setings" not found`},
		{call{"resources_list", `{"kind":"Pdo",` + here}, `This cluster has no kind "Pdo"\. .*v1 Pod`},
		{call{"pods_log", `{"labelSelector":"app=web","container":"sidecar",` + here}, `None of the 2 pods has a container sidecar\. .*web \(running\)`},
		{call{"pods_get", `{` + here}, `.*"name"`},
	}
}

// calls are those of deeds.
func calls(of []deed) []call {
	out := make([]call, 0, len(of))
	for _, d := range of {
		out = append(out, d.call)
	}
	return out
}

// requireAnswers wants the answers to these, in order.
func (got outcome) requireAnswers(t *testing.T, of []deed, verdict string) {
	t.Helper()
	require.Empty(t, got.stderr)
	answers := strings.Split("\n"+got.stdout, "\n--- ")[1:]
	require.Len(t, answers, len(of), got.stdout)
	for i, d := range of {
		require.Regexp(t, `^`+d.call.tool+verdict+`\n`+d.reads, answers[i])
	}
}

// TestSDKsCallTools: both tenants, with both credentials, read their own, and
// who may see all does.
func TestSDKsCallTools(t *testing.T) {
	for _, s := range sdks(t) {
		t.Run(s.name, func(t *testing.T) {
			t.Parallel()
			for _, c := range world.Callers() {
				got := s.run(t, c.Headers, calls(deeds(c)))
				require.Zero(t, got.status, got)
				got.requireAnswers(t, deeds(c), "")
				require.NotContains(t, got.stdout, c.Foreign)
			}
			all := []deed{{call{"namespaces_list", `{}`}, `(?s:.*)\nteam-a .*\nteam-b `}, {call{"pods_list", `{}`}, `8 Pod \(v1\) in all namespaces\n`}}
			got := s.run(t, world.Cluster.Token("admin"), calls(all))
			require.Zero(t, got.status, got)
			got.requireAnswers(t, all, "")
		})
	}
}

// TestSDKsShowMistakes: a refused call is an answer that says what to do.
func TestSDKsShowMistakes(t *testing.T) {
	for _, s := range sdks(t) {
		t.Run(s.name, func(t *testing.T) {
			t.Parallel()
			for _, c := range world.Callers()[:2] {
				got := s.run(t, c.Headers, calls(mistakes(c)))
				require.Equal(t, exampleRefused, got.status, got)
				got.requireAnswers(t, mistakes(c), ": refused")
			}
			unknown := s.run(t, world.Cluster.Token("alice"), []call{{"pods_lst", `{}`}})
			require.Equal(t, exampleRejected, unknown.status, unknown)
			require.Contains(t, unknown.stderr, "Rejected: This request offers no such tool; call tools/list, or name its toolset in the kubernetes-toolsets header.\n  reason:   not-offered\n")
			revoked := s.run(t, world.Cluster.Token("alice").With(kubeheader.Authorization, "Bearer canary-of-a-token"), []call{{"whoami", `{}`}})
			require.Equal(t, exampleRejected, revoked.status, revoked)
			require.Contains(t, revoked.stderr, "\n  reason:   credential-refused\n", "an SDK hands on what a program goes by")
			foreignCA := s.run(t, withForeignCA(t), []call{{"whoami", `{}`}})
			require.Equal(t, exampleRefused, foreignCA.status, foreignCA)
			foreignCA.requireAnswers(t, []deed{{call{"whoami", `{}`}, foreignCASays}}, ": refused")
		})
	}
}

// withForeignCA are alice's headers with the certificate of another authority.
func withForeignCA(t *testing.T) harness.Headers {
	t.Helper()
	other := httptest.NewTLSServer(http.NotFoundHandler())
	defer other.Close()
	text := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: other.Certificate().Raw})
	return world.Cluster.Token("alice").With(kubeheader.CertificateAuthority, base64.StdEncoding.EncodeToString(text))
}

// foreignCASays is a pattern of what a person reads then.
const foreignCASays = `The API server's certificate could not be verified.* check that kubernetes-certificate-authority-data belongs to this cluster`

// rejection is a request that the edge refuses.
type rejection struct {
	reason kubeheader.Reason
	header string
	send   harness.Headers
}

// message is the sentence that the person has to read.
func (r rejection) message() string { return r.reason.Problem(r.header).Message }

// rejections are the most likely ones.
func rejections() []rejection {
	token, pair := world.Cluster.Token("alice"), world.Cluster.Certificate("alice")
	const expired = "eyJhbGciOiJSUzI1NiJ9.eyJleHAiOjE3MDAwMDAwMDB9.c2lnbmF0dXJl" // exp 1700000000, in 2023
	return []rejection{
		{kubeheader.ReasonServerMissing, kubeheader.Server, token.Without(kubeheader.Server)},
		{kubeheader.ReasonBase64Malformed, kubeheader.CertificateAuthority, token.With(kubeheader.CertificateAuthority, "/home/alice/ca.crt!")},
		{kubeheader.ReasonNotPEM, kubeheader.CertificateAuthority, token.With(kubeheader.CertificateAuthority, "bm8gUEVN")},
		{kubeheader.ReasonTokenExpired, kubeheader.Authorization, token.With(kubeheader.Authorization, "Bearer "+expired)},
		{kubeheader.ReasonCredentialAmbiguous, kubeheader.Authorization, pair.With(kubeheader.Authorization, token.Get(kubeheader.Authorization))},
		{kubeheader.ReasonPlaceholder, kubeheader.Authorization, token.With(kubeheader.Authorization, "Bearer ${TOKEN}")},
	}
}

// TestSDKsShowRejections: the sentence, the header, the reason and the decision,
// which is in the guard's log too; and nothing else.
func TestSDKsShowRejections(t *testing.T) {
	for _, s := range sdks(t) {
		t.Run(s.name, func(t *testing.T) {
			t.Parallel()
			for _, r := range rejections() {
				got := s.run(t, r.send, nil)
				require.Equal(t, exampleRejected, got.status, "%s: %v", r.reason, got)
				require.Empty(t, got.stdout)
				lines := strings.Split(got.stderr, "\n")
				require.Len(t, lines, 5, got.stderr)
				require.Equal(t, []string{"Rejected: " + r.message(), "  header:   " + r.header, "  reason:   " + r.reason.String()}, lines[:3])
				decision, found := strings.CutPrefix(lines[3], "  decision: ")
				require.True(t, found, lines[3])
				require.Contains(t, string(world.Stack.Extproc.Output()), decision)
			}
		})
	}
}
