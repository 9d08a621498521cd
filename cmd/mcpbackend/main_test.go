package main

import (
	"context"
	"net"
	"net/http"
	"os"
	"syscall"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/testscript"

	"kubernetes-mcp-edge/extproc/proof"
)

func TestMain(m *testing.M) {
	testscript.Main(m, map[string]func(){"mcpbackend": main})
}

func TestScripts(t *testing.T) {
	testscript.Run(t, testscript.Params{
		Dir: "testdata/script",
		Setup: func(env *testscript.Env) error {
			// Nothing of the machine that could lend a cluster or a proxy.
			env.Setenv("HOME", env.WorkDir)
			address, err := freeAddress(context.Background())
			if err != nil {
				return err
			}
			env.Setenv("ADDRESS", address)
			return writeKeys(env.WorkDir + "/keys.json")
		},
		Cmds: map[string]func(*testscript.TestScript, bool, []string){
			"healthy": healthy,
			"sigterm": sigterm,
		},
	})
}

func writeKeys(path string) error {
	key, err := proof.GenerateSigningKey(time.Time{})
	if err != nil {
		return err
	}
	set, err := proof.EncodeKeySet(key.Public())
	if err != nil {
		return err
	}
	return os.WriteFile(path, set, 0o600)
}

func freeAddress(ctx context.Context) (string, error) {
	listener, err := new(net.ListenConfig).Listen(ctx, "tcp", "127.0.0.1:0")
	if err != nil {
		return "", err
	}
	return listener.Addr().String(), listener.Close()
}

// healthy waits until the backend answers: healthy ADDRESS.
func healthy(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 1 {
		ts.Fatalf("usage: healthy ADDRESS")
	}
	ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
	defer cancel()
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for {
		req, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+args[0]+"/healthz", nil)
		ts.Check(err)
		if resp, err := new(http.Client).Do(req); err == nil {
			_ = resp.Body.Close()
			if resp.StatusCode == http.StatusOK {
				return
			}
		}
		select {
		case <-ctx.Done():
			ts.Fatalf("%s did not become healthy", args[0])
		case <-tick.C:
		}
	}
}

// sigterm signals every background command as a supervisor does; testscript's
// own kill knows only INT and KILL.
func sigterm(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 0 || len(ts.BackgroundCmds()) == 0 {
		ts.Fatalf("usage: sigterm, with a command in the background")
	}
	for _, cmd := range ts.BackgroundCmds() {
		ts.Check(cmd.Process.Signal(syscall.SIGTERM))
	}
}
