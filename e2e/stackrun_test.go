package e2e

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"kubernetes-mcp-edge/e2e/harness"
)

// stackBinary builds what make run runs.
var stackBinary = sync.OnceValues(func() (string, error) {
	path := filepath.Join(shared.Dir, "stack")
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
	out    *output
	ended  chan struct{}
	status error
}

// output is a buffer that may be read while it is written.
type output struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (o *output) Write(p []byte) (int, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.text.Write(p)
}

func (o *output) String() string {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.text.String()
}

func (r *stackRun) state() string { return filepath.Join(r.dir, "stack.json") }

func runStack(t *testing.T, env []string, args ...string) *stackRun {
	t.Helper()
	return runStackIn(t, t.TempDir(), shared.ShortDir(t), env, args...)
}

// onKubeconfig is the environment of a stack on the cluster of all these tests: one
// that is up in a second, where it does not matter how its cluster came to be.
func onKubeconfig(user string) []string {
	return []string{"CLUSTER=kubeconfig", "KUBECONFIG=" + shared.Cluster.Users[user].Kubeconfig}
}

// runStackIn runs it with this --dir and TMPDIR.
func runStackIn(t *testing.T, dir, temp string, env []string, args ...string) *stackRun {
	t.Helper()
	binary, err := stackBinary()
	require.NoError(t, err)
	r := &stackRun{dir: dir, temp: temp, out: new(output), ended: make(chan struct{})}
	r.cmd = exec.Command(binary, append([]string{"--dir", r.dir}, args...)...)
	r.cmd.Env = append(append(os.Environ(), env...), "TMPDIR="+r.temp)
	// Through a pipe, which is closed when every holder has ended.
	pipe, err := r.cmd.StdoutPipe()
	require.NoError(t, err)
	r.cmd.Stderr = r.cmd.Stdout
	require.NoError(t, r.cmd.Start())
	go func() {
		_, _ = io.Copy(r.out, pipe)
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

// stackState is stack.json. Tenants are name, kind of credential, header, value.
type stackState struct {
	URL           string                                  `json:"url"`
	BackendURL    string                                  `json:"backend_url"`
	EnvoyAdmin    string                                  `json:"envoy_admin"`
	GuardAdmin    string                                  `json:"guard_admin"`
	BackendAdmin  string                                  `json:"backend_admin"`
	Namespaces    []string                                `json:"namespaces"`
	Tenants       map[string]map[string]map[string]string `json:"tenants"`
	SecondTenants map[string]map[string]map[string]string `json:"tenants_second_cluster"`
}

// up waits until the stack is ready and returns what stack.json says.
func (r *stackRun) up(t *testing.T) (out stackState) {
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
