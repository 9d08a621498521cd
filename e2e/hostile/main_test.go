package hostile

import (
	"os"
	"testing"

	"kubernetes-mcp-edge/e2e/rig"
)

var world = rig.World{Bare: true}

func TestMain(m *testing.M) { os.Exit(rig.Main(m, &world)) }
