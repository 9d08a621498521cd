package kubeheader

import (
	"bytes"
	"flag"
	"io"
	"os"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

var update = flag.Bool("update", false, "write docs/contract.md and docs/reasons.md anew")

// TestDocs compares the committed pages with what the code says.
func TestDocs(t *testing.T) {
	for path, write := range map[string]func(io.Writer) error{
		"../../docs/contract.md": WriteContract,
		"../../docs/reasons.md":  WriteReasons,
	} {
		var page bytes.Buffer
		require.NoError(t, write(&page))
		if *update {
			require.NoError(t, os.WriteFile(path, page.Bytes(), 0o644))
		}
		committed, err := os.ReadFile(path)
		require.NoError(t, err)
		require.True(t, bytes.Equal(page.Bytes(), committed), "%s is out of date: go test ./extproc/kubeheader -run TestDocs -update", path)
	}
}

func TestDocsAreWhole(t *testing.T) {
	var reasons, page bytes.Buffer
	require.NoError(t, WriteReasons(&reasons))
	require.NoError(t, WriteContract(&page))
	for _, r := range Reasons() {
		require.Equal(t, 1, strings.Count(reasons.String(), "\n## "+r.String()+"\n"), r.String())
	}
	for i, name := range Names() {
		require.Equal(t, name, contract[i].header, "the table is not in contract order")
		require.Contains(t, page.String(), "| `"+name+"` |")
	}
	require.NotContains(t, reasons.String()+page.String(), "{hint}")
	require.NotContains(t, reasons.String()+page.String(), "..\n")
}

// A writer that fails is not ignored.
func TestDocsReportErrors(t *testing.T) {
	for _, write := range []func(io.Writer) error{WriteContract, WriteReasons} {
		_, w := io.Pipe()
		require.NoError(t, w.CloseWithError(io.ErrUnexpectedEOF))
		require.Error(t, write(w))
	}
}
