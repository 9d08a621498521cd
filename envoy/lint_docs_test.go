package envoy_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/stretchr/testify/require"

	"kubernetes-mcp-edge/envoy"
)

const lintIntro = `# Rules of kubemcp lint

<!-- Generated from envoy/lint_*.go: make generate -->

    kubemcp lint bootstrap.yaml                      # a bootstrap, YAML or JSON
    kubemcp lint config_dump.json                    # a saved /config_dump
    kubemcp lint --admin http://127.0.0.1:9901       # a running Envoy; or unix:PATH
    kubemcp lint envoyfilter.yaml                    # EnvoyFilter objects of Istio

Each finding names the file or URL, the line (of YAML), the path inside, the rule, what is wrong and what to do. Exit status 0: clean, 1: findings,
2: nothing that can be judged, or a wrong command line. ` + "`--format json`" + ` prints the same for programs. Notes do not count; ` + "`--ignore RULE`" + ` makes
notes of a rule's findings, where something else makes up for it.

A bootstrap that fetches listeners, routes or filters from elsewhere says nothing of them: lint the live dump. Of a dump, what is active and what is warming is
judged; what is drained takes no new requests. Endpoints that came by EDS are asked for, and shown unless allow_paths of the admin interface permits
` + "`/config_dump`" + ` alone; a cluster whose endpoints are not known counts as beyond loopback. A manifest is judged for what EnvoyFilters can say; TLS, routes and the
backend's cluster are the Gateway's, VirtualService's and DestinationRule's, and show in the gateway's dump.

What an older Envoy does not know yet is not asked of it: a dump tells its version, for a file say ` + "`--envoy-version 1.36.4`" + `.

The linter knows the types of Envoy 1.40. It cannot know what only Envoy knows, such as whether files exist: run ` + "`envoy --mode validate`" + ` too.
`

// rulesPage renders docs/lint.md.
func rulesPage() string {
	var out strings.Builder
	out.WriteString(lintIntro)
	for _, r := range envoy.Rules() {
		out.WriteString("\n## " + r.ID + "\n" + sentence(r.Wrong) + "\n\n*Why:* " + r.Why + "\n\n*Mend:* " + r.Mend + ".\n")
	}
	return out.String()
}

func sentence(s string) string { return strings.ToUpper(s[:1]) + s[1:] + "." }

// TestDriftLint keeps the page of the rules equal to the rules.
func TestDriftLint(t *testing.T) {
	file := filepath.Join("..", "docs", "lint.md")
	if *update {
		require.NoError(t, os.WriteFile(file, []byte(rulesPage()), 0o600))
	}
	got, err := os.ReadFile(file)
	require.NoError(t, err)
	require.Empty(t, cmp.Diff(rulesPage(), string(got)), "run go test ./envoy -run TestDrift -update")
}

// TestRulesSpeak: every rule says all it has to, in one way.
func TestRulesSpeak(t *testing.T) {
	seen := map[string]bool{}
	for _, r := range envoy.Rules() {
		require.Regexp(t, `^[a-z][a-z0-9]*(-[a-z0-9]+)*$`, r.ID)
		require.False(t, seen[r.ID], "%s is there twice", r.ID)
		seen[r.ID] = true
		require.Regexp(t, `[^.]$`, r.Wrong, r.ID)
		require.Regexp(t, `\.$`, r.Why, r.ID)
		require.Regexp(t, `^[a-z].*[^.]$`, r.Mend, r.ID)
	}
}
