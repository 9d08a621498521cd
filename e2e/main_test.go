package e2e

import (
	"os"
	"testing"

	"kubernetes-mcp-edge/e2e/rig"
)

// shared is what all tests of this package use.
var shared rig.World

func TestMain(m *testing.M) { os.Exit(rig.Main(m, &shared)) }
