package main

import (
	"context"
	"net"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/testscript"

	"kubernetes-mcp-edge/extproc/proof"
)

// TestMain makes the test binary the program itself when a script calls it, so
// that signals and exit statuses are the real ones.
func TestMain(m *testing.M) {
	testscript.Main(m, map[string]func(){"extproc": main})
}

func TestScripts(t *testing.T) {
	testscript.Run(t, testscript.Params{
		Dir:                 "testdata/script",
		RequireExplicitExec: true,
		Setup: func(env *testscript.Env) error {
			key, err := proof.GenerateSigningKey(time.Time{})
			if err != nil {
				return err
			}
			content, err := proof.EncodeSigningKeys(key)
			if err != nil {
				return err
			}
			return os.WriteFile(env.WorkDir+"/keys.pem", content, 0o600)
		},
		Cmds: map[string]func(*testscript.TestScript, bool, []string){"waitfor": waitFor, "waitsocket": waitSocket},
	})
}

// waitFor waits until a file holds a text: waitfor FILE TEXT.
func waitFor(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 2 {
		ts.Fatalf("usage: waitfor FILE TEXT")
	}
	var content []byte
	if !await(func() bool {
		content, _ = os.ReadFile(ts.MkAbs(args[0]))
		return strings.Contains(string(content), args[1])
	}) {
		ts.Fatalf("%s never held %q; it holds:\n%s", args[0], args[1], content)
	}
}

// waitSocket waits until somebody answers on a Unix socket: waitsocket PATH.
func waitSocket(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 1 {
		ts.Fatalf("usage: waitsocket PATH")
	}
	if !await(func() bool {
		conn, err := (&net.Dialer{}).DialContext(context.Background(), "unix", ts.MkAbs(args[0]))
		return err == nil && conn.Close() == nil
	}) {
		ts.Fatalf("nobody ever answered on %s", args[0])
	}
}

// await asks every few milliseconds, for twenty seconds.
func await(done func() bool) bool {
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	deadline := time.NewTimer(20 * time.Second)
	defer deadline.Stop()
	for {
		if done() {
			return true
		}
		select {
		case <-tick.C:
		case <-deadline.C:
			return false
		}
	}
}
