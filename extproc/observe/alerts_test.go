package observe

import (
	"os"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"sigs.k8s.io/yaml"
)

// TestDocsAlerts: the rules of operations.md are a rule file, each with a name
// of its own, over metrics and labels that there are.
func TestDocsAlerts(t *testing.T) {
	text, err := os.ReadFile("../../docs/operations.md")
	require.NoError(t, err)
	blocks := regexp.MustCompile("(?ms)^```yaml\n(groups:.*?)^```$").FindAllStringSubmatch(string(text), -1)
	require.Len(t, blocks, 1)
	var file struct {
		Groups []struct {
			Name  string `json:"name"`
			Rules []struct {
				Alert  string            `json:"alert"`
				Expr   string            `json:"expr"`
				For    string            `json:"for"`
				Labels map[string]string `json:"labels"`
			} `json:"rules"`
		} `json:"groups"`
	}
	require.NoError(t, yaml.UnmarshalStrict([]byte(blocks[0][1]), &file))
	labels := map[string]bool{"le": true, tookLabel: true}
	for _, d := range definitions() {
		for _, l := range d.labels {
			labels[l] = true
		}
	}
	seen := map[string]bool{}
	for _, rule := range file.Groups[0].Rules {
		require.False(t, seen[rule.Alert], rule.Alert)
		seen[rule.Alert] = true
		require.Contains(t, rule.Expr, prefix, rule.Alert)
		require.Regexp(t, `^(page|ticket)$`, rule.Labels["severity"])
		if rule.For != "" {
			_, err := time.ParseDuration(rule.For)
			require.NoError(t, err, rule.Alert)
		}
		for _, pair := range []string{"()", "[]", "{}"} {
			require.Equal(t, strings.Count(rule.Expr, pair[:1]), strings.Count(rule.Expr, pair[1:]), rule.Alert)
		}
		for _, used := range regexp.MustCompile(`by \(([a-z_, ]+)\)|\{([a-z_]+)=`).FindAllStringSubmatch(rule.Expr, -1) {
			for l := range strings.SplitSeq(used[1]+used[2], ",") {
				require.True(t, labels[strings.TrimSpace(l)], "%s: no label %q", rule.Alert, l)
			}
		}
	}
	require.Greater(t, len(seen), 5)
}
