package e2e

import (
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"kubernetes-mcp-edge/e2e/harness"
	"kubernetes-mcp-edge/e2e/rig"
	"kubernetes-mcp-edge/extproc/kubeheader"
)

// pages are the documents that people read.
func pages(t *testing.T) map[string]string {
	t.Helper()
	out := map[string]string{}
	for _, pattern := range []string{"*.md", "docs/*.md", "examples/*/README.md"} {
		matches, err := filepath.Glob(filepath.Join(harness.Root(), pattern))
		require.NoError(t, err)
		for _, path := range matches {
			text, err := os.ReadFile(path)
			require.NoError(t, err)
			out[strings.TrimPrefix(path, harness.Root()+"/")] = string(text)
		}
	}
	require.Greater(t, len(out), 8)
	return out
}

var fence = regexp.MustCompile("(?ms)^```sh\n(.*?)^```$")

// TestDocsCommandsRun runs every command block of the docs. A line that calls
// make is run dry: the targets themselves are what runs this test. Those of an
// example run in its folder; for all, a tenant's kubeconfig and the endpoint are
// where their tools look.
func TestDocsCommandsRun(t *testing.T) {
	t.Parallel()
	ran := 0
	for page, text := range pages(t) {
		for i, block := range fence.FindAllStringSubmatch(text, -1) {
			ran++
			t.Run(fmt.Sprintf("%s/%d", page, i), func(t *testing.T) {
				t.Parallel()
				dir := t.TempDir()
				if strings.HasPrefix(page, "examples/") {
					dir = filepath.Join(harness.Root(), filepath.Dir(page))
				}
				runBlock(t, dir, block[1])
			})
		}
	}
	require.GreaterOrEqual(t, ran, 3, "the pattern finds no blocks")
}

func runBlock(t *testing.T, dir, block string) {
	t.Helper()
	makes, shell := []string{}, []string{}
	for line := range strings.Lines(block) {
		if target, ok := strings.CutPrefix(line, "make "); ok {
			makes = append(makes, strings.Fields(target)[0])
			continue
		}
		shell = append(shell, line)
	}
	for _, target := range makes {
		out, err := exec.CommandContext(t.Context(), "make", "-n", "-C", harness.Root(), target).CombinedOutput()
		require.NoError(t, err, string(out))
	}
	cmd := exec.CommandContext(t.Context(), "sh", "-euc", strings.Join(shell, ""))
	cmd.Dir = dir
	cmd.Env = append(os.Environ(), "PATH="+filepath.Dir(shared.Binaries.Extproc)+":"+os.Getenv("PATH"),
		"KUBECONFIG="+shared.Cluster.Users["bob"].Kubeconfig, "MCP_URL="+shared.Stack.URL, "PYTHONDONTWRITEBYTECODE=1")
	out, err := cmd.CombinedOutput()
	require.NoError(t, err, string(out))
}

// TestDocsLinksLead: every relative link of a page leads to a file.
func TestDocsLinksLead(t *testing.T) {
	link := regexp.MustCompile(`\]\(([^)#:]+)(?:#[^)]*)?\)`)
	for page, text := range pages(t) {
		for _, match := range link.FindAllStringSubmatch(text, -1) {
			require.FileExists(t, filepath.Join(harness.Root(), filepath.Dir(page), match[1]), "%s links to it", page)
		}
	}
}

// TestThreatModelNamesRealTests, and so does the page about upstream's defects: a
// row without a test would be a wish.
func TestThreatModelNamesRealTests(t *testing.T) {
	t.Parallel()
	tests := map[string]bool{}
	declared := regexp.MustCompile(`(?m)^func ((?:Test|Fuzz)\w*)\(`)
	require.NoError(t, filepath.WalkDir(harness.Root(), func(path string, _ os.DirEntry, err error) error {
		if err != nil || !strings.HasSuffix(path, "_test.go") {
			return err
		}
		text, err := os.ReadFile(path)
		for _, match := range declared.FindAllSubmatch(text, -1) {
			tests[string(match[1])] = true
		}
		return err
	}))
	for page, least := range map[string]int{"docs/threat-model.md": 20, "docs/AUTH_HEADERS_PROVIDER.md": 12} {
		named := regexp.MustCompile("`((?:Test|Fuzz)[A-Za-z0-9]*)`").FindAllStringSubmatch(pages(t)[page], -1)
		require.Greater(t, len(named), least)
		for _, match := range named {
			require.True(t, tests[match[1]], "%s names %s, which does not exist", page, match[1])
		}
	}
}

// TestReadmeExchangesAreReal: the two exchanges that the README shows are what
// the product answers today, but for the decision id and the port.
func TestReadmeExchangesAreReal(t *testing.T) {
	blocks := regexp.MustCompile("(?ms)^```json\n(.*?)^```$").FindAllStringSubmatch(pages(t)["README.md"], -1)
	require.Len(t, blocks, 4, "request and answer, twice")
	client := rig.NewClient(t, false)
	good := shared.Cluster.Token("alice")
	for i, headers := range []harness.Headers{good, good.With(kubeheader.Authorization, "Bearer ${TOKEN}")} {
		res, err := client.Post(t.Context(), shared.Stack.URL, headers, blocks[2*i][1])
		require.NoError(t, err)
		require.Equal(t, steady(t, []byte(blocks[2*i+1][1])), steady(t, res.Message()))
	}
}

// steady is JSON with what differs from run to run taken out.
func steady(t *testing.T, message []byte) string {
	t.Helper()
	text := regexp.MustCompile(`127\.0\.0\.1:\d+`).ReplaceAllString(string(message), "127.0.0.1:PORT")
	text = regexp.MustCompile(`[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}`).ReplaceAllString(text, "UUID")
	var value any
	require.NoError(t, json.Unmarshal([]byte(text), &value))
	out, err := json.Marshal(value)
	require.NoError(t, err)
	return string(out)
}
