package clients

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"testing"

	"github.com/stretchr/testify/require"

	"kubernetes-mcp-edge/e2e/harness"
)

// fence is a block of the docs that needs Node. Those that do not are marked sh,
// and the tests of package e2e run them.
var fence = regexp.MustCompile("(?ms)^```bash\n(.*?)^```$")

// TestDocsCommandsRun runs the blocks as bob, whose kubeconfig and endpoint are
// where their tools look. Each shows who he is, or a rejection.
func TestDocsCommandsRun(t *testing.T) {
	for page, blocks := range map[string]int{"docs/clients.md": 1, "examples/typescript/README.md": 3} {
		text, err := os.ReadFile(filepath.Join(harness.Root(), page))
		require.NoError(t, err)
		found := fence.FindAllStringSubmatch(string(text), -1)
		require.Len(t, found, blocks, page)
		dir := harness.Root()
		if filepath.Dir(page) != "docs" {
			dir = filepath.Join(dir, filepath.Dir(page))
		}
		for i, block := range found {
			t.Run(fmt.Sprintf("%s/%d", page, i), func(t *testing.T) {
				cmd := exec.CommandContext(t.Context(), "bash", "-euo", "pipefail", "-c", block[1])
				cmd.Dir = dir
				cmd.Env = append(os.Environ(), "PATH="+filepath.Dir(world.Binaries.KubeMCP)+":"+os.Getenv("PATH"), "HOME="+t.TempDir(),
					"KUBECONFIG="+world.Cluster.Users["bob"].Kubeconfig, "MCP_URL="+world.Stack.URL, "TMPDIR="+t.TempDir())
				out, err := cmd.CombinedOutput()
				require.NoError(t, err, string(out))
				require.Regexp(t, `User: bob\b|(?m)^Rejected: kubernetes-authorization still holds a placeholder`, string(out))
			})
		}
	}
}

// TestMakeInstallsByDigest: on a machine that has nothing yet, make clients
// installs what the lock files pin, and runs none of what it installs.
func TestMakeInstallsByDigest(t *testing.T) {
	cache := t.TempDir()
	for _, target := range []string{"clients", "e2e"} {
		cmd := exec.CommandContext(t.Context(), "make", "-n", "-C", harness.Root(), target, "CACHE="+cache)
		cmd.Env = []string{"PATH=" + os.Getenv("PATH"), "HOME=" + os.Getenv("HOME")}
		out, err := cmd.CombinedOutput()
		require.NoError(t, err, string(out))
		require.Regexp(t, `pip install .*--require-hashes .*-r e2e/clients/requirements.txt`, string(out))
		for prefix, source := range map[string]string{"node-clients": "e2e/clients", "typescript": "examples/typescript"} {
			require.Contains(t, string(out), "cp "+source+"/package.json "+source+"/package-lock.json "+cache+"/"+prefix+"/")
			require.Regexp(t, `npm ci --prefix `+cache+`/`+prefix+` --ignore-scripts `, string(out))
		}
	}
}

// TestLocksNameNoHost: npm takes the packages from where it is set up to, and
// each has its digest.
func TestLocksNameNoHost(t *testing.T) {
	for _, dir := range []string{"e2e/clients", "examples/typescript"} {
		text, err := os.ReadFile(filepath.Join(harness.Root(), dir, "package-lock.json"))
		require.NoError(t, err)
		require.NotContains(t, string(text), `"resolved"`)
		packages := regexp.MustCompile(`(?m)^    "node_modules/.*": \{$`).FindAllString(string(text), -1)
		digests := regexp.MustCompile(`(?m)^      "integrity": "sha512-[A-Za-z0-9+/=]+",$`).FindAllString(string(text), -1)
		require.NotEmpty(t, packages)
		require.Len(t, digests, len(packages), dir)
	}
}
