//go:build unix

package describe

import (
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"
)

// withTrap is set in a process that runs this package's tests with kubeconfigs
// that tell who opens them.
const withTrap = "DESCRIBE_WITH_TRAP"

// TestNoKubeconfigIsOpened: clientcmd is linked with kubectl's describers, and
// has read its environment by the time that main begins. In a process with a
// kubeconfig in every place where it looks, all of this package's tests pass and
// none of the files is opened: each is a pipe, and a writer of a pipe waits for
// its reader.
func TestNoKubeconfigIsOpened(t *testing.T) {
	switch path := os.Getenv(withTrap); path {
	case "":
	case inNone:
		return
	default:
		_, err := os.ReadFile(path)
		require.NoError(t, err)
		return
	}
	home := t.TempDir()
	named, usual := filepath.Join(home, "named"), filepath.Join(home, ".kube", "config")
	require.NoError(t, os.Mkdir(filepath.Dir(usual), 0o700))
	opened := map[string]<-chan struct{}{}
	for _, path := range []string{named, usual, filepath.Join(home, ".kube", ".kubeconfig")} {
		opened[path] = trap(t, path)
	}
	environment := append(os.Environ(), "HOME="+home, "KUBECONFIG="+named,
		"KUBERNETES_MASTER=https://canary.example.com", "POD_NAMESPACE=canary",
		"KUBERNETES_SERVICE_HOST=canary.example.com", "KUBERNETES_SERVICE_PORT=443")
	again(t, ".", append(environment, withTrap+"="+inNone))
	for path, o := range opened {
		select {
		case <-o:
			t.Errorf("%s was opened", filepath.Base(path))
		default:
		}
	}
	// The trap works: the same process is noticed when it does open the file.
	again(t, "^TestNoKubeconfigIsOpened$", append(environment, withTrap+"="+named))
	<-opened[named]
}

// inNone is the value of withTrap in a process that steps into no trap itself.
const inNone = "none"

// again runs tests of this package in a process of its own.
func again(t *testing.T, pattern string, environment []string) {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), os.Args[0], "-test.run="+pattern)
	cmd.Env = environment
	out, err := cmd.CombinedOutput()
	require.NoError(t, err, string(out))
}

// trap makes a pipe; the channel is closed once somebody opens it to read.
func trap(t *testing.T, path string) <-chan struct{} {
	t.Helper()
	require.NoError(t, unix.Mkfifo(path, 0o600))
	opened := make(chan struct{})
	go func() {
		defer close(opened)
		if f, err := os.OpenFile(path, os.O_WRONLY, 0); err == nil {
			_ = f.Close()
		}
	}()
	t.Cleanup(func() { // lets go of a writer that still waits
		f, err := os.OpenFile(path, os.O_RDONLY|unix.O_NONBLOCK, 0)
		require.NoError(t, err)
		<-opened
		require.NoError(t, f.Close())
	})
	return opened
}
