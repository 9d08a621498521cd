package e2e

import (
	"bytes"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rsa"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"kubernetes-mcp-edge/e2e/harness"
	"kubernetes-mcp-edge/e2e/rig"
)

// clusterReport is what a test reads of cluster.json beyond harness.Cluster.
type clusterReport struct {
	Server    string                      `json:"server"`
	CA        string                      `json:"ca"`
	Users     map[string]harness.Identity `json:"users"`
	AuditLog  string                      `json:"auditLog"`
	Processes map[string]int              `json:"processes"`
}

// clusterRun is a cluster program under test.
type clusterRun struct {
	cmd    *exec.Cmd
	dir    string
	out    *output
	ended  chan struct{}
	status error
}

func runCluster(t *testing.T, args ...string) *clusterRun {
	t.Helper()
	r := &clusterRun{dir: filepath.Join(t.TempDir(), "state"), out: new(output), ended: make(chan struct{})}
	r.cmd = exec.Command(shared.Binaries.Cluster, append([]string{"--dir", r.dir}, args...)...)
	r.cmd.Stdout, r.cmd.Stderr = r.out, r.out
	require.NoError(t, r.cmd.Start())
	go func() {
		r.status = r.cmd.Wait()
		close(r.ended)
	}()
	t.Cleanup(func() {
		_ = r.cmd.Process.Kill() // fails only if it has ended
		<-r.ended
	})
	return r
}

// ready waits for cluster.json.
func (r *clusterRun) ready(t *testing.T) clusterReport {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	require.NoError(t, harness.Until(ctx, func(context.Context) error {
		select {
		case <-r.ended:
			t.Fatalf("it ended: %s", r.out)
		default:
		}
		_, err := os.Stat(filepath.Join(r.dir, "cluster.json"))
		return err
	}), r.out)
	return readReport(t, r.dir)
}

func readReport(t *testing.T, dir string) clusterReport {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(dir, "cluster.json"))
	require.NoError(t, err)
	var out clusterReport
	require.NoError(t, json.Unmarshal(text, &out))
	return out
}

// stopLimit is how long the program may take to end all it started.
const stopLimit = 5 * time.Second

// wait returns the exit status.
func (r *clusterRun) wait(t *testing.T) int {
	t.Helper()
	timer := time.NewTimer(stopLimit)
	defer timer.Stop()
	select {
	case <-r.ended:
		return r.cmd.ProcessState.ExitCode()
	case <-timer.C:
		t.Fatalf("still there after %s: %s", stopLimit, r.out)
		return -1
	}
}

// TestClusterEndsAsOne: a signal ends all components within five seconds, and with
// them a command that still runs "in a Pod"; none outlives the program, however it
// went.
func TestClusterEndsAsOne(t *testing.T) {
	t.Parallel()
	for _, signal := range []syscall.Signal{syscall.SIGTERM, syscall.SIGINT, syscall.SIGKILL} {
		t.Run(signal.String(), func(t *testing.T) {
			r := runCluster(t)
			report := r.ready(t)
			components := descendants(t, r.cmd.Process.Pid)
			require.Len(t, components, 5)
			for name, pid := range report.Processes {
				require.Contains(t, components, pid, "%s is no child", name)
			}
			ended := sleepInAPod(t, readCluster(t, r.dir))
			all := descendants(t, r.cmd.Process.Pid)
			require.Greater(t, len(all), len(components), "the command is a child of the cluster's")
			require.NoError(t, r.cmd.Process.Signal(signal))
			status := r.wait(t)
			gone(t, all)
			<-ended
			if signal != syscall.SIGKILL {
				require.Zero(t, status, r.out)
			}
		})
	}
}

// TestClusterEndsWithAComponent: half a control plane is none.
func TestClusterEndsWithAComponent(t *testing.T) {
	t.Parallel()
	r := runCluster(t)
	report := r.ready(t)
	components := descendants(t, r.cmd.Process.Pid)
	require.NoError(t, syscall.Kill(report.Processes["etcd"], syscall.SIGKILL))
	require.Equal(t, 1, r.wait(t))
	gone(t, components)
	require.Regexp(t, `(?m)^cluster: etcd ended: signal: killed.*; see .*/logs/etcd\.log$`, r.out.String())
}

// TestClusterAPIServerOnly: two processes, one line each as it becomes ready,
// and the port that was asked for.
func TestClusterAPIServerOnly(t *testing.T) {
	t.Parallel()
	port := strconv.Itoa(freePort(t))
	r := runCluster(t, "--apiserver-only", "--port", port)
	report := r.ready(t)
	require.Equal(t, "https://127.0.0.1:"+port, report.Server)
	require.Len(t, descendants(t, r.cmd.Process.Pid), 2)
	require.NoError(t, r.cmd.Process.Signal(syscall.SIGTERM))
	require.Zero(t, r.wait(t))
	require.Regexp(t, `^etcd +\d+\.\ds\nkube-apiserver +\d+\.\ds\nnamespaces team-a, team-b +\d+\.\ds\nready +\d+\.\ds\n$`, r.out.String())
}

// TestClusterStartsQuickly reads what the cluster of all these tests said of itself.
func TestClusterStartsQuickly(t *testing.T) {
	out := shared.Cluster.Process().Output()
	said := regexp.MustCompile(`(?m)^ready +(\d+\.\d)s$`).FindSubmatch(out)
	require.Len(t, said, 2, string(out))
	seconds, err := strconv.ParseFloat(string(said[1]), 64)
	require.NoError(t, err)
	require.LessOrEqual(t, seconds, 10.0)
}

// TestClusterSaysWhatIsWrong: one sentence, and nothing left behind.
func TestClusterSaysWhatIsWrong(t *testing.T) {
	t.Parallel()
	listener, err := net.Listen("tcp4", "127.0.0.1:0")
	require.NoError(t, err)
	defer func() { _ = listener.Close() }()
	_, taken, err := net.SplitHostPort(listener.Addr().String())
	require.NoError(t, err)
	full := t.TempDir()
	require.NoError(t, os.WriteFile(filepath.Join(full, "something"), nil, 0o600))
	for _, c := range []struct {
		name   string
		args   []string
		status int
		want   string
	}{
		{"port in use", []string{"--port", taken}, 1, `^cluster: port ` + taken + ` on 127\.0\.0\.1 is in use: stop what listens there, or leave --port out to get a free one\n$`},
		{"no port", []string{"--port", "70000"}, 1, `^cluster: --port: 70000 is not a port; .*\n$`},
		{"used directory", []string{"--dir", full}, 1, `^cluster: ` + regexp.QuoteMeta(full) + ` is not empty: .*; name an empty directory\n$`},
		{"argument", []string{"up"}, 2, `^cluster: "up" is not an option; try --help\n$`},
	} {
		t.Run(c.name, func(t *testing.T) {
			r := runCluster(t, c.args...)
			require.Equal(t, c.status, r.wait(t))
			require.Regexp(t, c.want, r.out.String())
		})
	}
	left, err := os.ReadDir(full)
	require.NoError(t, err)
	require.Len(t, left, 1)
}

// TestClusterCredentials: the serving certificate holds for every name that a
// kubeconfig may use, tenants have one RSA and one P-256 key between them, and
// every file with a secret in it is its owner's alone.
func TestClusterCredentials(t *testing.T) {
	dir := filepath.Join(shared.Dir, "k")
	report := readReport(t, dir)
	roots := x509.NewCertPool()
	require.True(t, roots.AppendCertsFromPEM([]byte(report.CA)))
	for _, name := range []string{"127.0.0.1", "localhost", "kubernetes"} {
		conn, err := tls.Dial("tcp", strings.TrimPrefix(report.Server, "https://"), &tls.Config{RootCAs: roots, ServerName: name, MinVersion: tls.VersionTLS12})
		require.NoError(t, err, name)
		require.NoError(t, conn.Close())
	}
	keys := map[string]any{}
	for name, user := range report.Users {
		pair, err := tls.X509KeyPair([]byte(user.Certificate), []byte(user.Key))
		require.NoError(t, err)
		require.Equal(t, name, pair.Leaf.Subject.CommonName)
		keys[name] = pair.PrivateKey
	}
	require.Len(t, keys, 3)
	require.IsType(t, new(rsa.PrivateKey), keys["alice"])
	require.Equal(t, 2048, keys["alice"].(*rsa.PrivateKey).N.BitLen())
	require.IsType(t, new(ecdsa.PrivateKey), keys["bob"])
	require.Equal(t, elliptic.P256(), keys["bob"].(*ecdsa.PrivateKey).Curve)

	info, err := os.Stat(dir)
	require.NoError(t, err)
	require.Equal(t, os.FileMode(0o700), info.Mode().Perm())
	files, err := filepath.Glob(filepath.Join(dir, "*"))
	require.NoError(t, err)
	for _, file := range files {
		info, err := os.Stat(file)
		require.NoError(t, err)
		if info.Mode().IsRegular() {
			require.Equal(t, os.FileMode(0o600), info.Mode().Perm(), file)
		}
	}
}

// TestClusterAuditsPeople: what reached the API server stands in a file, as the
// person who asked, and the control plane's own traffic does not.
func TestClusterAuditsPeople(t *testing.T) {
	report := readReport(t, filepath.Join(shared.Dir, "k"))
	c := rig.NewClient(t, false)
	result, rpc, err := c.CallTool(t.Context(), shared.Stack.URL, shared.Cluster.Token("alice"), "resources_get",
		`{"apiVersion":"v1","kind":"ConfigMap","name":"feature-flags","namespace":"team-a"}`)
	require.NoError(t, err)
	require.Nil(t, rpc.Error)
	require.False(t, result.IsError, result.Text())
	text, err := os.ReadFile(report.AuditLog)
	require.NoError(t, err)
	users := map[string]bool{}
	found := false
	for line := range bytes.Lines(text) {
		var event struct {
			RequestURI string `json:"requestURI"`
			User       struct {
				Username string `json:"username"`
			} `json:"user"`
		}
		if json.Unmarshal(line, &event) != nil {
			continue // the last line may be half-written
		}
		users[event.User.Username] = true
		found = found || event.User.Username == "alice" && strings.HasSuffix(event.RequestURI, "/configmaps/feature-flags")
	}
	require.True(t, found, "the call is not in the audit log")
	for user := range users {
		require.Contains(t, []string{"admin", "alice", "bob"}, user)
	}
}

// freePort is a loopback port that nobody has at the moment.
func freePort(t *testing.T) int {
	t.Helper()
	listener, err := net.Listen("tcp4", "127.0.0.1:0")
	require.NoError(t, err)
	defer func() { _ = listener.Close() }()
	address, ok := listener.Addr().(*net.TCPAddr)
	require.True(t, ok, "%T", listener.Addr())
	return address.Port
}
