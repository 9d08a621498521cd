package faults

import (
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"github.com/rs/zerolog"

	"kubernetes-mcp-edge/e2e/rig"
)

// update writes docs/faults.md anew from this run.
var update = flag.Bool("update", false, "write docs/faults.md from what this run measures")

// world is what all tests of this package use.
var world = rig.World{Bare: true}

// auditLog is the API server's.
func auditLog() string { return filepath.Join(world.Dir, "k", "audit.log") }

func TestMain(m *testing.M) {
	zerolog.SetGlobalLevel(zerolog.Disabled) // toxiproxy logs each connection that it breaks
	code := rig.Main(m, &world)
	if code == 0 {
		code = report()
	}
	os.Exit(code)
}

// report prints the table of a run that went well, and writes it where asked.
func report() int {
	fmt.Print(table())
	if !*update {
		return 0
	}
	if err := writePage(); err != nil {
		fmt.Fprintln(os.Stderr, "faults:", err)
		return 1
	}
	return 0
}
