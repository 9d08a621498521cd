package observe

import (
	"flag"
	"os"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

var update = flag.Bool("update", false, "write the generated pages of docs/ anew")

// TestDocsMetrics: the page is what the definitions say.
func TestDocsMetrics(t *testing.T) {
	const path = "../../docs/metrics.md"
	if *update {
		require.NoError(t, os.WriteFile(path, []byte(Docs()), 0o644))
	}
	committed, err := os.ReadFile(path)
	require.NoError(t, err)
	require.Equal(t, Docs(), string(committed), "run make generate")
}

// TestDocsNameEveryMetric: no metric is served that the page leaves out, and no
// page of the docs names one that is not served.
func TestDocsNameEveryMetric(t *testing.T) {
	families, err := observer(t, full()).registry.Gather()
	require.NoError(t, err)
	served := map[string]bool{}
	for _, family := range families {
		if strings.HasPrefix(family.GetName(), prefix) {
			served[family.GetName()] = true
			require.Contains(t, Docs(), "| `"+family.GetName()+"` |")
		}
	}
	suffix := regexp.MustCompile(`_(bucket|count|sum)$`)
	for _, path := range []string{"../../docs/metrics.md", "../../docs/operations.md"} {
		text, err := os.ReadFile(path)
		require.NoError(t, err)
		for _, name := range regexp.MustCompile(`\bkube_guard_[a-z_]+[a-z]`).FindAllString(string(text), -1) {
			require.True(t, served[name] || served[suffix.ReplaceAllString(name, "")], "%s names %s", path, name)
		}
	}
}
