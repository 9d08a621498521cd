package e2e

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"kubernetes-mcp-edge/e2e/harness"
)

// stackBinary builds what make run runs.
var stackBinary = sync.OnceValues(func() (string, error) {
	path := filepath.Join(shared.dir, "stack")
	out, err := exec.Command("go", "build", "-o", path, "./cmd/stack").CombinedOutput()
	if err != nil {
		return "", fmt.Errorf("%w: %s", err, out)
	}
	return path, nil
})

// stackRun is a stack program under test.
type stackRun struct {
	cmd    *exec.Cmd
	dir    string // --dir
	temp   string // TMPDIR
	out    *bytes.Buffer
	ended  chan struct{}
	status error
}

func (r *stackRun) state() string { return filepath.Join(r.dir, "stack.json") }

func runStack(t *testing.T, env []string, args ...string) *stackRun {
	t.Helper()
	binary, err := stackBinary()
	require.NoError(t, err)
	r := &stackRun{dir: t.TempDir(), temp: shortDir(t), out: new(bytes.Buffer), ended: make(chan struct{})}
	r.cmd = exec.Command(binary, append([]string{"--dir", r.dir}, args...)...)
	r.cmd.Env = append(append(os.Environ(), env...), "TMPDIR="+r.temp)
	// Through a pipe, which is closed when every holder has ended.
	pipe, err := r.cmd.StdoutPipe()
	require.NoError(t, err)
	r.cmd.Stderr = r.cmd.Stdout
	require.NoError(t, r.cmd.Start())
	go func() {
		_, _ = r.out.ReadFrom(pipe)
		r.status = r.cmd.Wait()
		close(r.ended)
	}()
	t.Cleanup(func() {
		_ = r.cmd.Process.Kill()
		<-r.ended
	})
	return r
}

// wait returns the exit status.
func (r *stackRun) wait(t *testing.T) int {
	t.Helper()
	timer := time.NewTimer(time.Minute)
	defer timer.Stop()
	select {
	case <-r.ended:
	case <-timer.C:
		t.Fatal("the stack did not end")
	}
	return r.cmd.ProcessState.ExitCode()
}

// up waits until the stack is ready and returns what stack.json says.
func (r *stackRun) up(t *testing.T) (out struct {
	URL        string                                  `json:"url"`
	BackendURL string                                  `json:"backend_url"`
	EnvoyAdmin string                                  `json:"envoy_admin"`
	Namespaces []string                                `json:"namespaces"`
	Tenants    map[string]map[string]map[string]string `json:"tenants"`
},
) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	require.NoError(t, harness.Until(ctx, func(context.Context) error {
		select {
		case <-r.ended:
			return errors.New("the stack ended: " + r.out.String())
		default:
		}
		text, err := os.ReadFile(r.state())
		if err != nil {
			return err
		}
		return json.Unmarshal(text, &out)
	}))
	return out
}

// descendants are the processes below pid, with their start times.
func descendants(t *testing.T, pid int) map[int]string {
	t.Helper()
	stats, err := filepath.Glob("/proc/[0-9]*/stat")
	require.NoError(t, err)
	parents, starts := map[int]int{}, map[int]string{}
	for _, path := range stats {
		if id, parent, start, ok := readStat(path); ok {
			parents[id], starts[id] = parent, start
		}
	}
	below := map[int]string{}
	for id := range parents {
		for at := parents[id]; at > 1; at = parents[at] {
			if at == pid {
				below[id] = starts[id]
			}
		}
	}
	return below
}

// readStat reads pid, parent and start time of a process that is not a zombie.
func readStat(path string) (pid, parent int, start string, ok bool) {
	text, err := os.ReadFile(path)
	if err != nil {
		return 0, 0, "", false // it ended meanwhile
	}
	open, end := bytes.IndexByte(text, '('), bytes.LastIndexByte(text, ')')
	fields := strings.Fields(string(text[end+1:]))
	pid, _ = strconv.Atoi(strings.TrimSpace(string(text[:open])))
	parent, _ = strconv.Atoi(fields[1])
	return pid, parent, fields[19], fields[0] != "Z"
}

// gone waits until none of the processes is there any more.
func gone(t *testing.T, processes map[int]string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	require.NoError(t, harness.Until(ctx, func(context.Context) error {
		for pid, start := range processes {
			if _, _, now, ok := readStat(fmt.Sprintf("/proc/%d/stat", pid)); ok && now == start {
				name, _ := os.ReadFile(fmt.Sprintf("/proc/%d/comm", pid))
				return fmt.Errorf("%s (%d) is still there", strings.TrimSpace(string(name)), pid)
			}
		}
		return nil
	}))
}

// TestStackStopsEverything: Ctrl-C ends all, and leaves no process, no
// stack.json, and no directory of keys and logs.
func TestStackStopsEverything(t *testing.T) {
	r := runStack(t, nil, "--port", "0")
	state := r.up(t)
	info, err := os.Stat(r.state())
	require.NoError(t, err)
	require.Equal(t, os.FileMode(0o600), info.Mode().Perm())
	require.Equal(t, []string{"team-a", "team-b"}, state.Namespaces)
	client := newClient(t, false)
	for _, user := range []string{"admin", "alice", "bob"} {
		for _, kind := range []string{"token", "certificate"} {
			var headers harness.Headers
			for name, value := range state.Tenants[user][kind] {
				headers = append(headers, harness.Header{Name: name, Value: value})
			}
			got, _, err := client.CallTool(t.Context(), state.URL, headers, "whoami", `{}`)
			require.NoError(t, err)
			require.Contains(t, got.Text(), user)
		}
	}
	below := descendants(t, r.cmd.Process.Pid)
	require.GreaterOrEqual(t, len(below), 8, "cluster and its four components, guard, backend, Envoy")

	require.NoError(t, r.cmd.Process.Signal(os.Interrupt))
	require.Equal(t, 0, r.wait(t), r.out.String())
	gone(t, below)
	require.NoFileExists(t, r.state())
	left, err := os.ReadDir(r.temp)
	require.NoError(t, err)
	require.Empty(t, left)
}

// TestStackKilledLeavesNoOrphan: not even SIGKILL leaves a process behind.
func TestStackKilledLeavesNoOrphan(t *testing.T) {
	r := runStack(t, nil, "--port", "0")
	r.up(t)
	below := descendants(t, r.cmd.Process.Pid)
	require.GreaterOrEqual(t, len(below), 8)
	require.NoError(t, r.cmd.Process.Signal(syscall.SIGKILL))
	r.wait(t)
	gone(t, below)
}

// TestStackPastedLinesWork: what make run prints to copy is copied here.
func TestStackPastedLinesWork(t *testing.T) {
	r := runStack(t, nil, "--port", "0")
	r.up(t)
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	require.NoError(t, harness.Until(ctx, func(context.Context) error {
		if _, err := os.Stat(filepath.Join(r.dir, "demo.py")); err != nil {
			return err
		}
		return nil
	}))
	python, err := exec.CommandContext(ctx, "python3", filepath.Join(r.dir, "demo.py")).CombinedOutput()
	require.NoError(t, err, string(python))
	require.Contains(t, string(python), "User: alice")
	require.Contains(t, string(python), "settings")
	require.Contains(t, string(python), "refused: kubernetes-server")

	require.NoError(t, r.cmd.Process.Signal(os.Interrupt))
	require.Equal(t, 0, r.wait(t))
}

// TestDemo: make demo shows one good and four bad calls and prints no secret.
func TestDemo(t *testing.T) {
	r := runStack(t, nil, "--once", "--port", "0")
	require.Equal(t, 0, r.wait(t), r.out.String())
	out := r.out.String()
	require.Contains(t, out, "All five answers are as they should be.")
	require.Contains(t, out, "User: alice")
	for _, reason := range []string{"credential-missing", "placeholder", "address-not-allowed", "unknown-header"} {
		require.Contains(t, out, `"reason": "`+reason+`"`)
	}
	require.NotRegexp(t, regexp.MustCompile(`[0-9a-f]{48}|LS0tLS1CRUdJTi`), out, "a token or PEM was printed")
}

// TestStackSaysWhatIsWrong: one clear sentence, and a status.
func TestStackSaysWhatIsWrong(t *testing.T) {
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
	for _, user := range []string{"alice", "bob"} {
		r := runStack(t, []string{"CLUSTER=kubeconfig", "KUBECONFIG=" + shared.cluster.Users[user].Kubeconfig}, "--once", "--port", "0")
		require.Equal(t, 0, r.wait(t), r.out.String())
		require.Contains(t, r.out.String(), "User: "+user)
		require.True(t, slices.Contains(strings.Fields(r.out.String()), shared.cluster.Server))
	}
}
