package faults

import (
	"context"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/rs/zerolog"

	"kubernetes-mcp-edge/e2e/harness"
)

// update writes docs/faults.md anew from this run.
var update = flag.Bool("update", false, "write docs/faults.md from what this run measures")

// world is what all tests of this package use.
var world struct {
	binaries harness.Binaries
	cluster  *harness.Cluster
	audit    string // the API server's audit log
	dir      string
}

func TestMain(m *testing.M) {
	flag.Parse()
	zerolog.SetGlobalLevel(zerolog.Disabled) // toxiproxy logs each connection that it breaks
	code, err := runAll(m)
	if err != nil {
		fmt.Fprintln(os.Stderr, "faults:", err)
		code = 1
	}
	os.Exit(code)
}

func runAll(m *testing.M) (int, error) {
	ctx, cancel := context.WithTimeout(context.Background(), 2*time.Minute)
	defer cancel()
	var err error
	if world.binaries, err = harness.Find(); err != nil {
		return 1, err
	}
	if world.dir, err = os.MkdirTemp("", "faults-"); err != nil {
		return 1, err
	}
	defer func() { _ = os.RemoveAll(world.dir) }()
	home := filepath.Join(world.dir, "k")
	if world.cluster, err = harness.StartCluster(ctx, world.binaries.Cluster, home); err != nil {
		return 1, err
	}
	defer world.cluster.Stop()
	world.audit = filepath.Join(home, "audit.log")
	if code := m.Run(); code != 0 {
		return code, nil
	}
	fmt.Print(table())
	if *update {
		return 0, writePage()
	}
	return 0, nil
}
