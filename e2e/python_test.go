package e2e

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"kubernetes-mcp-edge/e2e/harness"
	"kubernetes-mcp-edge/e2e/rig"
	"kubernetes-mcp-edge/extproc/kubeheader"
)

// The exit statuses that examples/python/README.md promises.
const (
	pythonRefused     = 1
	pythonNothingSent = 2
	pythonRejected    = 3
	pythonUnreachable = 4
)

// pythonSDK is a line of the MCP Python SDK with the example for it.
type pythonSDK struct{ interpreter, file string }

// pythonSDKs finds the interpreters where make puts them, or where PYTHON_V2
// and PYTHON_V1 say.
func pythonSDKs(t *testing.T) []pythonSDK {
	t.Helper()
	find := func(variable, venv, file string) pythonSDK {
		path := os.Getenv(variable)
		if path == "" {
			path = filepath.Join(harness.Root(), ".cache", venv, "bin", "python")
		}
		_, err := os.Stat(path)
		require.NoError(t, err, "no Python for examples/python/%s: run make python, or set %s to an interpreter that has its requirements", file, variable)
		return pythonSDK{path, file}
	}
	return []pythonSDK{find("PYTHON_V2", "python-v2", "client.py"), find("PYTHON_V1", "python-v1", "client_v1.py")}
}

// pythonRun is what a person gets to see of a run.
type pythonRun struct {
	stdout, stderr string
	status         int
}

// run runs the example with this environment and nothing of the test's own. A
// traceback or a credential in what it prints fails the test.
func (sdk pythonSDK) run(t *testing.T, env []string, args ...string) pythonRun {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	cmd := exec.CommandContext(ctx, sdk.interpreter, append([]string{filepath.Join(harness.Root(), "examples", "python", sdk.file)}, args...)...)
	cmd.Env = append([]string{
		"PATH=" + filepath.Dir(shared.Binaries.KubeMCP) + ":/usr/bin:/bin", "HOME=" + t.TempDir(),
		"MCP_URL=" + shared.Stack.URL, "PYTHONDONTWRITEBYTECODE=1",
	}, env...)
	var stdout, stderr bytes.Buffer
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	err := cmd.Run()
	if exit := new(exec.ExitError); !errors.As(err, &exit) {
		require.NoError(t, err)
	}
	got := pythonRun{stdout.String(), stderr.String(), cmd.ProcessState.ExitCode()}
	printed := got.stdout + got.stderr
	for i, secret := range pythonSecrets(t, env) {
		for _, spelling := range leakSpellings(secret) {
			if strings.Contains(printed, spelling) { // NotContains would print the value
				t.Errorf("the output holds credential %d", i)
			}
		}
	}
	require.NotContains(t, printed, "Traceback")
	return got
}

// bobsContext are the options for the client certificate in bob's kubeconfig.
func bobsContext() []string {
	return []string{"--kubeconfig", shared.Cluster.Users["bob"].Kubeconfig, "--context", "certificate"}
}

// bobsKey is his key as kubemcp makes it a header.
var bobsKey = sync.OnceValues(func() (string, error) {
	made, err := exec.Command(shared.Binaries.KubeMCP, append([]string{"headers"}, bobsContext()...)...).Output()
	if err != nil {
		return "", err
	}
	var headers map[string]string
	err = json.Unmarshal(made, &headers)
	return headers[kubeheader.ClientKey], err
})

// pythonSecrets are the credentials that a run can have had: what is in its
// environment, and bob's key as it is and as kubemcp encodes it anew.
func pythonSecrets(t *testing.T, env []string) []string {
	t.Helper()
	bob, err := bobsKey()
	require.NoError(t, err)
	require.NotEmpty(t, bob)
	out := []string{
		bob, shared.Cluster.Certificate("bob").Get(kubeheader.ClientKey),
		shared.Cluster.Token("alice").Get(kubeheader.Authorization),
	}
	for _, variable := range env {
		if sent, ok := strings.CutPrefix(variable, "KUBERNETES_AUTHORIZATION="); ok {
			out = append(out, sent)
		}
	}
	return out
}

// pythonEnv are the variables that kubemcp headers --format env exports.
func pythonEnv(headers harness.Headers) []string {
	out := make([]string, 0, len(headers))
	for _, h := range headers {
		out = append(out, strings.ToUpper(strings.ReplaceAll(h.Name, "-", "_"))+"="+h.Value)
	}
	return out
}

// requirePods wants the pods of one namespace, as the admin sees them without
// Python, and none of the other's.
func (got pythonRun) requirePods(t *testing.T, own, foreign string) {
	t.Helper()
	for _, namespace := range []string{own, foreign} {
		listed, _, err := rig.NewClient(t, false).CallTool(t.Context(), shared.Stack.URL, shared.Cluster.Token("admin"),
			"resources_list", `{"apiVersion":"v1","kind":"Pod","namespace":"`+namespace+`"}`)
		require.NoError(t, err)
		var pods struct {
			Names []string `json:"names"`
		}
		require.NoError(t, json.Unmarshal(listed.Structured, &pods))
		require.GreaterOrEqual(t, len(pods.Names), 2, listed.Text())
		for _, name := range pods.Names {
			require.Equal(t, namespace == own, strings.Contains(got.stdout, name), "pod %s of %s in:\n%s", name, namespace, got.stdout)
		}
	}
}

// TestPythonTenants: alice with a token from the environment and bob with a
// client certificate from his kubeconfig see themselves and their own pods.
func TestPythonTenants(t *testing.T) {
	t.Parallel()
	for _, sdk := range pythonSDKs(t) {
		t.Run(sdk.file, func(t *testing.T) {
			t.Parallel()
			alice := pythonEnv(shared.Cluster.Token("alice"))
			for _, got := range []pythonRun{
				sdk.run(t, append([]string{"KUBERNETES_NAMESPACE=team-a"}, alice...)),
				// A pod has variables with the same prefix that are no headers.
				sdk.run(t, append([]string{"KUBERNETES_PORT=tcp://10.0.0.1:443"}, alice...), "--namespace", "team-a"),
			} {
				require.Zero(t, got.status, got.stderr)
				require.Empty(t, got.stderr)
				require.Contains(t, got.stdout, "User: alice\n")
				got.requirePods(t, "team-a", "team-b")
			}
			bob := sdk.run(t, nil, bobsContext()...)
			require.Zero(t, bob.status, bob.stderr)
			require.Empty(t, bob.stderr)
			require.Contains(t, bob.stdout, "User: bob\n")
			bob.requirePods(t, "team-b", "team-a")

			foreign := sdk.run(t, alice, "--namespace", "team-b")
			require.Equal(t, pythonRefused, foreign.status, foreign.stderr)
			require.Contains(t, foreign.stdout, "User: alice\n")
			require.Contains(t, foreign.stdout, "resources_list: refused")
			require.Contains(t, foreign.stdout, "forbidden")
			require.NotContains(t, foreign.stdout, "web-")
		})
	}
}

// requireRejection wants the reason's own sentence and what to ask about, and a
// decision that the guard's log has too.
func (got pythonRun) requireRejection(t *testing.T, reason kubeheader.Reason, header string) {
	t.Helper()
	require.Equal(t, pythonRejected, got.status, got.stderr)
	require.Empty(t, got.stdout)
	lines := strings.Split(got.stderr, "\n")
	require.Greater(t, len(lines), 4, got.stderr)
	require.Equal(t, "Rejected: "+reason.Problem(header).Message, lines[0])
	require.Equal(t, "  header:   "+header, lines[1])
	require.Equal(t, "  reason:   "+reason.String(), lines[2])
	decision, ok := strings.CutPrefix(lines[3], "  decision: ")
	require.True(t, ok, lines[3])
	require.Len(t, decision, 36)
	require.Contains(t, string(shared.Stack.Extproc.Output()), decision)
}

// TestPythonShowsRejections: one sentence, header, reason and decision.
func TestPythonShowsRejections(t *testing.T) {
	t.Parallel()
	good := shared.Cluster.Token("alice")
	for _, sdk := range pythonSDKs(t) {
		t.Run(sdk.file, func(t *testing.T) {
			t.Parallel()
			for _, c := range []struct {
				reason kubeheader.Reason
				header string
				send   harness.Headers
			}{
				{kubeheader.ReasonCredentialMissing, kubeheader.Authorization, good.Without(kubeheader.Authorization)},
				{kubeheader.ReasonPlaceholder, kubeheader.Authorization, good.With(kubeheader.Authorization, "Bearer ${TOKEN}")},
				{kubeheader.ReasonTokenExpired, kubeheader.Authorization, good.With(kubeheader.Authorization, "Bearer "+expiringJWT(`{"exp":1700000000}`))},
				{kubeheader.ReasonAddressNotAllowed, kubeheader.Server, good.With(kubeheader.Server, "https://169.254.169.254")},
			} {
				t.Run(c.reason.String(), func(t *testing.T) {
					got := sdk.run(t, pythonEnv(c.send))
					got.requireRejection(t, c.reason, c.header)
					require.Equal(t, 4, strings.Count(got.stderr, "\n"), got.stderr)
				})
			}
			t.Run("several", func(t *testing.T) {
				got := sdk.run(t, pythonEnv(good.Without(kubeheader.Authorization).With(kubeheader.Namespace, "Team_A")))
				got.requireRejection(t, kubeheader.ReasonCredentialMissing, kubeheader.Authorization)
				require.Contains(t, got.stderr, "\nAlso: "+kubeheader.ReasonNamespaceMalformed.Problem(kubeheader.Namespace).Message+"\n")
			})
		})
	}
}

// TestPythonSendsNothingUnusable: what cannot be sent is said without quoting it.
func TestPythonSendsNothingUnusable(t *testing.T) {
	t.Parallel()
	good := shared.Cluster.Token("alice")
	token := good.Get(kubeheader.Authorization)
	for _, sdk := range pythonSDKs(t) {
		t.Run(sdk.file, func(t *testing.T) {
			t.Parallel()
			for _, c := range []struct {
				name, says string
				env, args  []string
			}{
				{"nothing is set", "no KUBERNETES_* variable is set", nil, nil},
				{"line break", "KUBERNETES_AUTHORIZATION holds a line break", pythonEnv(good.With(kubeheader.Authorization, token+"\nnext")), nil},
				{"outside ASCII", "KUBERNETES_AUTHORIZATION holds a line break or a character outside", pythonEnv(good.With(kubeheader.Authorization, token+"\u00f6")), nil},
				{"no kubeconfig", "its own message is above", nil, []string{"--kubeconfig", filepath.Join(t.TempDir(), "none")}},
				{"no kubemcp", "kubemcp cannot be run", []string{"PATH=/usr/bin:/bin"}, []string{"--kubeconfig"}},
				{"password in the URL", "is not a URL such as", pythonEnv(good), []string{"--url", "http://me:" + strings.TrimPrefix(token, "Bearer ") + "@127.0.0.1/mcp"}},
			} {
				t.Run(c.name, func(t *testing.T) {
					got := sdk.run(t, c.env, c.args...)
					require.Equal(t, pythonNothingSent, got.status, got.stderr)
					require.Empty(t, got.stdout)
					require.Contains(t, got.stderr, c.says)
				})
			}
		})
	}
}
