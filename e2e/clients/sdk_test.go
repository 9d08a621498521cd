package clients

import (
	"fmt"
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

// work is what a tenant does in his own namespace, and what he reads there.
func work(c rig.Caller) ([]call, []string) {
	return []call{
			{"whoami", `{}`},
			{"resources_list", fmt.Sprintf(`{"kind":"Pod","apiVersion":"v1","namespace":%q}`, c.Namespace)},
			{"resources_get", fmt.Sprintf(`{"kind":"ConfigMap","apiVersion":"v1","name":"settings","namespace":%q}`, c.Namespace)},
		}, []string{
			`--- whoami\nUser: ` + c.User + `\nGroups: tenants, `,
			`--- resources_list\n4 Pod \(v1\) in namespace ` + c.Namespace + `\n(?s:.*)\nweb-\S+ +1/1 +Running `,
			`--- resources_get\n(?s:.*)namespace: ` + c.Namespace + `\n`,
		}
}

// TestSDKsCallTools: both tenants, with both credentials, read their own.
func TestSDKsCallTools(t *testing.T) {
	for _, s := range sdks(t) {
		t.Run(s.name, func(t *testing.T) {
			for _, c := range world.Callers() {
				calls, reads := work(c)
				got := s.run(t, c.Headers, calls)
				require.Zero(t, got.status, got)
				require.Empty(t, got.stderr)
				for _, pattern := range reads {
					require.Regexp(t, pattern, got.stdout)
				}
				require.NotContains(t, got.stdout, c.Foreign)
			}
		})
	}
}

// mistake is a call that the backend or the cluster refuses, and what a person
// reads then.
type mistake struct {
	name  string
	call  call
	reads string // a pattern
}

// mistakes are the most likely ones.
func mistakes(c rig.Caller) []mistake {
	return []mistake{
		{"foreign namespace", call{"resources_list", fmt.Sprintf(`{"kind":"Pod","apiVersion":"v1","namespace":%q}`, c.Foreign)},
			`The cluster's RBAC does not allow this to the caller\. .*pods is forbidden: User "` + c.User + `" cannot list`},
		{"no such object", call{"resources_get", fmt.Sprintf(`{"kind":"ConfigMap","apiVersion":"v1","name":"setings","namespace":%q}`, c.Namespace)},
			`There is no such object\. .*configmaps "setings" not found`},
		{"missing argument", call{"resources_get", `{"kind":"ConfigMap","apiVersion":"v1"}`}, `name`},
	}
}

// TestSDKsShowMistakes: a refused call is an answer that says what to do.
func TestSDKsShowMistakes(t *testing.T) {
	for _, s := range sdks(t) {
		t.Run(s.name, func(t *testing.T) {
			for _, c := range world.Callers()[:2] {
				wrong := mistakes(c)
				calls := make([]call, 0, len(wrong))
				for _, m := range wrong {
					calls = append(calls, m.call)
				}
				got := s.run(t, c.Headers, calls)
				require.Equal(t, exampleRefused, got.status, got)
				require.Empty(t, got.stderr)
				answers := strings.Split(got.stdout, "--- ")[1:]
				require.Len(t, answers, len(wrong), got.stdout)
				for i, m := range wrong {
					require.Regexp(t, `^`+m.call.tool+`: refused\n.*`+m.reads, answers[i], m.name)
				}
			}
			unknown := s.run(t, world.Cluster.Token("alice"), []call{{"pods_lst", `{}`}})
			require.Equal(t, exampleRejected, unknown.status, unknown)
			require.Equal(t, "Rejected: unknown tool \"pods_lst\"\n", unknown.stderr)
		})
	}
}

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
