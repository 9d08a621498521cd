package harden_test

import (
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"testing"

	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"

	"kubernetes-mcp-edge/extproc/harden"
)

// childMode, set in the environment, makes the test binary a child that reports
// its limits instead of running tests: the call cannot be undone, so it must
// not touch the process of the tests.
const childMode = "HARDEN_TEST_CHILD"

// limits is what a process says about itself.
type limits struct {
	Soft     uint64 `json:"soft"`
	Hard     uint64 `json:"hard"`
	Dumpable int    `json:"dumpable"`
}

func TestMain(m *testing.M) {
	mode := os.Getenv(childMode)
	if mode == "" {
		os.Exit(m.Run())
	}
	if err := child(mode); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func child(mode string) error {
	if mode == "hardened" {
		if err := harden.NoCoreDumps(); err != nil {
			return err
		}
		if err := harden.NoCoreDumps(); err != nil {
			return fmt.Errorf("second call: %w", err)
		}
	}
	var core unix.Rlimit
	if err := unix.Getrlimit(unix.RLIMIT_CORE, &core); err != nil {
		return err
	}
	dumpable, err := unix.PrctlRetInt(unix.PR_GET_DUMPABLE, 0, 0, 0, 0)
	if err != nil {
		return err
	}
	return json.NewEncoder(os.Stdout).Encode(limits{Soft: core.Cur, Hard: core.Max, Dumpable: dumpable})
}

func run(t *testing.T, mode string) limits {
	t.Helper()
	self, err := os.Executable()
	require.NoError(t, err)
	cmd := exec.CommandContext(t.Context(), self)
	cmd.Env = append(os.Environ(), childMode+"="+mode, "GORACE=atexit_sleep_ms=0")
	cmd.Stderr = os.Stderr
	out, err := cmd.Output()
	require.NoError(t, err)
	var l limits
	require.NoError(t, json.Unmarshal(out, &l))
	return l
}

func TestNoCoreDumps(t *testing.T) {
	require.Equal(t, limits{}, run(t, "hardened"))
}

// TestChildIsDumpableWithout shows that the flag above is the call's doing.
func TestChildIsDumpableWithout(t *testing.T) {
	require.Equal(t, 1, run(t, "plain").Dumpable)
}
