package e2e

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"

	"kubernetes-mcp-edge/e2e/harness"
	"kubernetes-mcp-edge/e2e/rig"
)

// TestCanaryProcessesKeepTheirMemory: the running programs write no core file,
// and neither command line nor environment holds a secret.
func TestCanaryProcessesKeepTheirMemory(t *testing.T) {
	s := shared.Stack
	require.Equal(t, "alice", rig.Whoami(t, rig.NewClient(t, false), s.URL, shared.Cluster.Token("alice")))
	key, err := os.ReadFile(s.SigningKeyFile())
	require.NoError(t, err)
	alice := shared.Cluster.Users["alice"]
	canaries := []canary{signingCanary(t, key), text("token", alice.Token), material(t, "key", alice.Key), material(t, "CA", shared.Cluster.CA)}
	noCore := regexp.MustCompile(`(?m)^Max core file size +0 +0 `)
	for _, p := range []*harness.Process{s.Extproc, s.MCPBackend} {
		proc := fmt.Sprintf("/proc/%d/", p.PID())
		limits, err := os.ReadFile(proc + "limits")
		require.NoError(t, err)
		require.Regexp(t, noCore, string(limits), "%s may write a core file", p.Name)
		command, err := os.ReadFile(proc + "cmdline")
		require.NoError(t, err)
		require.Contains(t, string(command), "--policy", "this is not the command line of %s", p.Name)
		places := map[string][]byte{p.Name + "'s command line": command}
		environment, err := os.ReadFile(proc + "environ")
		if !errors.Is(err, fs.ErrPermission) { // as it should be for all but root
			require.NoError(t, err)
			places[p.Name+"'s environment"] = environment
		}
		for _, c := range canaries {
			require.Empty(t, c.seen(places))
		}
	}
}

// nobody is a user who is not root, on any system.
const nobody = 65534

// TestCanaryProcessesAreNotDumpable: PR_SET_DUMPABLE is cleared. The kernel
// shows it by the owner of /proc/PID/environ: the process's own user, or root
// for a process whose memory is its own affair (proc(5)). Since root owns its
// processes either way, root runs them as nobody here.
func TestCanaryProcessesAreNotDumpable(t *testing.T) {
	user := os.Getuid()
	if user == 0 {
		user = nobody
	}
	dir, err := os.MkdirTemp("", "e2e-dump-") //nolint:usetesting // below t.TempDir, which is root's alone, nobody else finds a file
	require.NoError(t, err)
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	s := shared.Stack
	for name, from := range map[string]string{
		"extproc": shared.Binaries.Extproc, "mcpbackend": shared.Binaries.MCPBackend,
		"signing-key.pem": s.SigningKeyFile(), "keys.json": s.KeysFile(),
	} {
		content, err := os.ReadFile(from)
		require.NoError(t, err)
		mode := os.FileMode(0o600)
		if name == "extproc" || name == "mcpbackend" {
			mode = 0o700
		}
		require.NoError(t, os.WriteFile(filepath.Join(dir, name), content, mode))
	}
	require.NoError(t, os.WriteFile(filepath.Join(dir, "policy.yaml"), []byte(shared.Policy), 0o600))
	if os.Getuid() == 0 {
		entries, err := os.ReadDir(dir)
		require.NoError(t, err)
		for _, e := range entries {
			require.NoError(t, os.Chown(filepath.Join(dir, e.Name()), nobody, nobody))
		}
		require.NoError(t, os.Chown(dir, nobody, nobody))
	}

	// A process that lets itself be dumped, to see the difference.
	control := startAs(t, user, dir, "cat")
	require.NoError(t, harness.Until(rig.Soon(t), func(context.Context) error {
		if owner := ownerOf(t, control); owner != user {
			return fmt.Errorf("the owner is %d", owner)
		}
		return nil
	}))
	for _, command := range [][]string{
		{filepath.Join(dir, "extproc"), "--policy", "policy.yaml", "--signing-key", "signing-key.pem"},
		{filepath.Join(dir, "mcpbackend"), "--policy", "policy.yaml", "--keys", "keys.json"},
	} {
		port, err := harness.FreePort()
		require.NoError(t, err)
		address := net.JoinHostPort("127.0.0.1", strconv.Itoa(port))
		p := startAs(t, user, dir, append(command, "--listen", address)...)
		require.NoError(t, harness.Until(rig.Soon(t), func(ctx context.Context) error {
			c, err := new(net.Dialer).DialContext(ctx, "tcp", address)
			if err != nil {
				return err
			}
			return c.Close()
		}))
		require.Zero(t, ownerOf(t, p), "%s lets itself be dumped", filepath.Base(command[0]))
	}
}

// startAs starts a program as this user, until the test ends.
func startAs(t *testing.T, user int, dir string, command ...string) *exec.Cmd {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), command[0], command[1:]...)
	cmd.Dir = dir
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	if user != os.Getuid() {
		cmd.SysProcAttr.Credential = &syscall.Credential{Uid: uint32(user), Gid: uint32(user)}
	}
	in, err := cmd.StdinPipe() // open until the end: cat waits for it
	require.NoError(t, err)
	var out strings.Builder
	cmd.Stderr = &out
	require.NoError(t, cmd.Start())
	t.Cleanup(func() {
		_ = in.Close()
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
		if t.Failed() {
			t.Logf("%s printed:\n%s", filepath.Base(command[0]), out.String())
		}
	})
	return cmd
}

func ownerOf(t *testing.T, cmd *exec.Cmd) int {
	t.Helper()
	info, err := os.Stat(fmt.Sprintf("/proc/%d/environ", cmd.Process.Pid))
	require.NoError(t, err)
	stat, ok := info.Sys().(*syscall.Stat_t)
	require.True(t, ok)
	return int(stat.Uid)
}
