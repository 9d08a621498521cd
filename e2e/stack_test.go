package e2e

import (
	"context"
	"errors"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"kubernetes-mcp-edge/e2e/harness"
	"kubernetes-mcp-edge/e2e/rig"
)

// TestStackStopsEverything: everybody is served on both clusters, what is printed
// to copy works, and Ctrl-C ends all, and leaves no process, no stack.json, and no
// directory of keys and logs.
func TestStackStopsEverything(t *testing.T) {
	t.Parallel()
	r := runStack(t, nil, "--port", "0")
	state := r.up(t)
	info, err := os.Stat(r.state())
	require.NoError(t, err)
	require.Equal(t, os.FileMode(0o600), info.Mode().Perm())
	require.Equal(t, []string{"team-a", "team-b"}, state.Namespaces)
	client := rig.NewClient(t, false)
	for _, tenants := range []map[string]map[string]map[string]string{state.Tenants, state.SecondTenants} {
		for _, user := range []string{"admin", "alice", "bob"} {
			for _, kind := range []string{"token", "certificate"} {
				headers := make(harness.Headers, 0, len(tenants[user][kind]))
				for name, value := range tenants[user][kind] {
					headers = append(headers, harness.Header{Name: name, Value: value})
				}
				got, _, err := client.CallTool(t.Context(), state.URL, headers, "whoami", `{}`)
				require.NoError(t, err)
				require.Contains(t, got.Text(), "User: "+user)
				require.Contains(t, got.Text(), headers.Get("kubernetes-server"))
			}
		}
	}
	require.NotEqual(t, state.Tenants["alice"]["token"]["kubernetes-server"], state.SecondTenants["alice"]["token"]["kubernetes-server"])
	for _, admin := range []string{state.GuardAdmin, state.BackendAdmin} {
		rig.Fetch(t.Context(), t, new(http.Client), admin+"/readyz")
		require.Contains(t, rig.Fetch(t.Context(), t, new(http.Client), admin+"/metrics"), "go_goroutines")
	}
	r.pastedLinesWork(t, client)
	below := descendants(t, r.cmd.Process.Pid)
	require.GreaterOrEqual(t, len(below), 12, "two clusters, their five and two components, guard, backend, Envoy")

	require.NoError(t, r.cmd.Process.Signal(os.Interrupt))
	require.Equal(t, 0, r.wait(t), r.out.String())
	gone(t, below)
	r.leftNothing(t)
}

// TestStackWithOneCluster: whoever has little memory does without the second. It
// ends in order, too.
func TestStackWithOneCluster(t *testing.T) {
	t.Parallel()
	r := runStack(t, nil, "--port", "0", "--second-cluster=false")
	state := r.up(t)
	require.Len(t, state.Tenants, 3)
	require.Nil(t, state.SecondTenants)
	r.endsInOrder(t, syscall.SIGTERM)
	require.Contains(t, r.out.String(), "ready kubernetes ")
	require.NotContains(t, r.out.String(), "ready kubernetes-2", "it was to be saved, not hidden")
}

// pastedLinesWork: what make run prints to copy is copied here, into a shell in
// which curl and claude are programs that tell what they were given.
func (r *stackRun) pastedLinesWork(t *testing.T, client *harness.Client) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	require.NoError(t, harness.Until(ctx, func(context.Context) error {
		if !strings.Contains(r.out.String(), "Ctrl-C stops it") {
			return errors.New("the lines are not printed yet")
		}
		return nil
	}))
	for _, tool := range []string{"curl", "claude"} {
		arguments := pasted(t, r.out.String(), tool)
		url := arguments[slices.IndexFunc(arguments, func(a string) bool { return strings.HasPrefix(a, "http://") })]
		got, _, err := client.CallTool(t.Context(), url, headerArguments(arguments), "whoami", `{}`)
		require.NoError(t, err)
		require.Contains(t, got.Text(), "User: alice", tool)
	}
	python, err := exec.CommandContext(ctx, "sh", "-c", line(t, r.out.String(), "python3")).CombinedOutput()
	require.NoError(t, err, string(python))
	require.Contains(t, string(python), "User: alice")
	require.Contains(t, string(python), "settings")
	require.Contains(t, string(python), "refused: kubernetes-server")
	page := rig.Fetch(ctx, t, new(http.Client), regexp.MustCompile(`(?m)^http://\S+/status$`).FindString(r.out.String()))
	require.Contains(t, page, "unknown-header", "the page shows nothing of the calls that were shown")
}

// line finds the command line that begins with this word, continuation lines
// included.
func line(t *testing.T, out, word string) string {
	t.Helper()
	found := regexp.MustCompile(`(?m)^` + word + ` (?:.*\\\n)*.*$`).FindString(out)
	require.NotEmpty(t, found, "no line begins with %s", word)
	return found
}

// pasted runs a line with a fake program in place of its first word and returns
// the arguments that the shell gave it.
func pasted(t *testing.T, out, word string) []string {
	t.Helper()
	bin := t.TempDir()
	require.NoError(t, os.WriteFile(filepath.Join(bin, word), []byte("#!/bin/sh\nprintf '%s\\n' \"$@\"\n"), 0o700))
	cmd := exec.CommandContext(t.Context(), "sh", "-c", line(t, out, word))
	cmd.Env = append(os.Environ(), "PATH="+bin+":"+os.Getenv("PATH"))
	arguments, err := cmd.Output()
	require.NoError(t, err)
	return strings.Split(strings.TrimSpace(string(arguments)), "\n")
}

// headerArguments are the kubernetes-* headers among a program's arguments.
func headerArguments(arguments []string) harness.Headers {
	var headers harness.Headers
	for _, a := range arguments {
		if name, value, ok := strings.Cut(a, ": "); ok && strings.HasPrefix(name, "kubernetes-") {
			headers = append(headers, harness.Header{Name: name, Value: value})
		}
	}
	return headers
}

// TestDemo: make demo shows one good and four bad calls and prints no secret.
func TestDemo(t *testing.T) {
	t.Parallel()
	r := runStack(t, nil, "--once", "--port", "0")
	require.Equal(t, 0, r.wait(t), r.out.String())
	out := r.out.String()
	require.Contains(t, out, "All five answers are as they should be.")
	require.Contains(t, out, "User: alice")
	for _, reason := range []string{"credential-missing", "placeholder", "address-not-allowed", "unknown-header"} {
		require.Contains(t, out, `"reason": "`+reason+`"`)
	}
	require.NotRegexp(t, `[0-9a-f]{48}|LS0tLS1CRUdJTi`, out, "a token or PEM was printed")
}

// TestStackSaysWhatIsWrong: one clear sentence, and a status.
func TestStackSaysWhatIsWrong(t *testing.T) {
	t.Parallel()
	taken, err := new(net.ListenConfig).Listen(t.Context(), "tcp", "127.0.0.1:0")
	require.NoError(t, err)
	defer func() { _ = taken.Close() }()
	_, port, err := net.SplitHostPort(taken.Addr().String())
	require.NoError(t, err)
	for _, row := range []struct {
		name   string
		env    []string
		args   []string
		status int
		says   string
	}{
		{"port in use", nil, []string{"--port", port}, 1, "port " + port + " is in use"},
		{"unknown flag", nil, []string{"--prot", "1"}, 2, "not defined: -prot"},
		{"argument", nil, []string{"now"}, 2, `"now" is no flag`},
		{"cluster", []string{"CLUSTER=minikube"}, nil, 2, `CLUSTER is "minikube"`},
		{"no kubeconfig", []string{"CLUSTER=kubeconfig", "KUBECONFIG="}, []string{"--port", "0"}, 1, "needs KUBECONFIG"},
		{"no binary", []string{"EXTPROC=/nonexistent/extproc"}, []string{"--port", "0"}, 1, "run make build"},
		{"broken cluster", []string{"CLUSTER_BIN=/bin/false"}, []string{"--port", "0"}, 1, "cluster ended"},
	} {
		t.Run(row.name, func(t *testing.T) {
			r := runStack(t, row.env, row.args...)
			require.Equal(t, row.status, r.wait(t))
			require.Contains(t, r.out.String(), row.says)
			require.NoFileExists(t, r.state())
		})
	}
}

// TestStackOnAKubeconfig: CLUSTER=kubeconfig shows the same on any cluster.
func TestStackOnAKubeconfig(t *testing.T) {
	t.Parallel()
	for _, user := range []string{"alice", "bob"} {
		r := runStack(t, onKubeconfig(user), "--once", "--port", "0")
		require.Equal(t, 0, r.wait(t), r.out.String())
		require.Contains(t, r.out.String(), "User: "+user)
		require.True(t, slices.Contains(strings.Fields(r.out.String()), shared.Cluster.Server))
	}
}
