package clients

import (
	"os"
	"testing"

	"kubernetes-mcp-edge/e2e/rig"
)

// world is what all tests of this package use.
var world rig.World

func TestMain(m *testing.M) { os.Exit(rig.Main(m, &world)) }
