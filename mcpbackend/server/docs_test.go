package server

import (
	"flag"
	"os"
	"testing"

	"github.com/stretchr/testify/require"
)

var update = flag.Bool("update", false, "write the generated pages of docs/ anew")

// TestDocsMetrics: the page is what the metrics say of themselves.
func TestDocsMetrics(t *testing.T) {
	const path = "../../docs/metrics-backend.md"
	if *update {
		require.NoError(t, os.WriteFile(path, []byte(Docs()), 0o644))
	}
	committed, err := os.ReadFile(path)
	require.NoError(t, err)
	require.Equal(t, Docs(), string(committed), "run make generate")
}
