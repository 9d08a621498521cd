package clients

import (
	"bufio"
	"encoding/json"
	"maps"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"kubernetes-mcp-edge/e2e/harness"
)

// passing are the scenarios that need nothing of a server but what any has, or
// what this one has, by the revision that requires them. The rest of the suite
// asks for tools, prompts and resources with names of its own, as the baselines
// say one by one.
var passing = map[string][]string{
	"2025-11-25": {
		"dns-rebinding-protection", "logging-set-level", "ping", "prompts-list", "resources-list", "server-initialize",
		"tools-list",
	},
	"2026-07-28": {
		"caching", "dns-rebinding-protection", "http-header-validation", "input-required-result-unsupported-methods",
		"input-required-result-validate-input", "prompts-list", "resources-list", "sep-2164-resource-not-found",
		"server-sse-multiple-streams", "tools-list",
	},
}

// statelessChecks is how many checks of server-stateless pass at least, which
// needs fixtures for others.
const statelessChecks = 24

// TestConformance runs the suite at both eras through the whole stack. It has no
// option for headers, so a relay in front adds them; pages from there may call,
// and none from elsewhere. The suite fails by itself on a failure that is not in
// the baseline, and on an entry that passes. What it ignores is looked at here:
// entries for what does not exist, and scenarios that found nothing to check.
func TestConformance(t *testing.T) {
	suite := tool(t, "conformance", "dist", "index.js")
	caller := world.Cluster.Token("alice")
	relay := newRelay(t, func(r *http.Request) {
		for _, h := range caller {
			r.Header.Set(h.Name, h.Value)
		}
	})
	url := relay.to(t, world.StartStack(t, harness.Options{PolicyExtra: "origins: [" + relay.server.URL + "]\n"}).URL)
	for revision, scenarios := range passing {
		t.Run(revision, func(t *testing.T) {
			results := t.TempDir()
			baseline := filepath.Join(testdata(t), "conformance-"+revision+".yaml")
			got := run(t, nil, caller, node(t), suite, "server", "--url", url,
				"--requirements", revision, "--expected-failures", baseline, "-o", results)
			require.Zero(t, got.status, summary(got.stdout))
			for _, entry := range entries(t, baseline) {
				require.Contains(t, got.stdout, "  ~ "+entry+"\n", "the suite knows no such scenario or check, or it passes")
			}
			checked := readChecks(t, results)
			for _, scenario := range scenarios {
				require.Positive(t, checked[scenario]["SUCCESS"], "%s checked nothing", scenario)
				require.Zero(t, checked[scenario]["FAILURE"], scenario)
			}
			if revision >= "2026-07-28" {
				require.GreaterOrEqual(t, checked["server-stateless"]["SUCCESS"], statelessChecks)
			}
		})
	}
}

// TestConformanceBaselines: each expected failure says why beside it.
func TestConformanceBaselines(t *testing.T) {
	for _, revision := range slices.Collect(maps.Keys(passing)) {
		require.NotEmpty(t, entries(t, filepath.Join(testdata(t), "conformance-"+revision+".yaml")))
	}
}

func testdata(t *testing.T) string {
	t.Helper()
	dir, err := filepath.Abs("testdata")
	require.NoError(t, err)
	return dir
}

// entry is a line of a baseline: a scenario or one of its checks, and the reason.
var entry = regexp.MustCompile(`^  - ([a-z0-9-]+(?::[a-z0-9-]+)?) # \S.{9,}$`)

// entries are those of a baseline. A line of another form fails the test.
func entries(t *testing.T, file string) []string {
	t.Helper()
	f, err := os.Open(file)
	require.NoError(t, err)
	defer func() { _ = f.Close() }()
	var out []string
	for lines := bufio.NewScanner(f); lines.Scan(); {
		line := lines.Text()
		if strings.HasPrefix(line, "#") || line == "server:" {
			continue
		}
		match := entry.FindStringSubmatch(line)
		require.NotNil(t, match, "%s: no entry with its reason: %s", file, line)
		out = append(out, match[1])
	}
	return out
}

// readChecks counts what the checks of each scenario came to.
func readChecks(t *testing.T, results string) map[string]map[string]int {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(results, "server-*", "checks.json"))
	require.NoError(t, err)
	require.NotEmpty(t, files)
	stamp := regexp.MustCompile(`^server-(.+)-\d{4}-\d\d-\d\dT[0-9-]+Z$`)
	out := map[string]map[string]int{}
	for _, file := range files {
		match := stamp.FindStringSubmatch(filepath.Base(filepath.Dir(file)))
		require.NotNil(t, match, file)
		text, err := os.ReadFile(file)
		require.NoError(t, err)
		var checks []struct {
			Status string `json:"status"`
		}
		require.NoError(t, json.Unmarshal(text, &checks))
		counts := map[string]int{}
		for _, check := range checks {
			counts[check.Status]++
		}
		out[match[1]] = counts
	}
	return out
}

// summary is the end of what the suite prints.
func summary(text string) string {
	_, after, found := strings.Cut(text, "=== SUMMARY ===")
	if !found {
		return text
	}
	return after
}
