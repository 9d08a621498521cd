package clients

import (
	"encoding/json"
	"os"
	"path/filepath"
	"regexp"
	"testing"

	"github.com/stretchr/testify/require"

	"kubernetes-mcp-edge/e2e/harness"
)

// The exit statuses of the Inspector's command line.
const (
	inspectorFailed    = 1
	inspectorToolError = 5
)

// inspectorNotice is what it says of a machine without a keychain.
var inspectorNotice = regexp.MustCompile(`(?m)^\[mcp-inspector\] .*\n`)

// inspect runs the Inspector's command line in this era.
// The headers are in a file, since other users of a machine can read arguments.
func inspect(t *testing.T, url, era string, headers harness.Headers, args ...string) outcome {
	t.Helper()
	text, err := json.Marshal(map[string]any{"mcpServers": map[string]any{"kubernetes": map[string]any{
		"type": "streamable-http", "url": url, "headers": headers.Map(), "protocolEra": era,
	}}})
	require.NoError(t, err)
	config := filepath.Join(t.TempDir(), "inspector.json")
	require.NoError(t, os.WriteFile(config, text, 0o600))
	env := []string{"MCP_INSPECTOR_SECRET_STORE=memory"}
	got := run(t, env, headers, node(t), append([]string{
		tool(t, "inspector", "clients", "launcher", "build", "index.js"), "--cli", "--config", config, "--server", "kubernetes",
		"--format", "json", "--stored-auth-only",
	}, args...)...)
	got.stderr = inspectorNotice.ReplaceAllString(got.stderr, "")
	return got
}

// toolCall are the arguments for a call.
func toolCall(c call) []string {
	return []string{"--method", "tools/call", "--tool-name", c.tool, "--tool-args-json", c.arguments}
}

// eras are what the Inspector can be told to speak: by itself it speaks the legacy
// one, and with "auto" the modern one if the server does.
func eras() []string { return []string{"legacy", "auto"} }

// shown is what the Inspector prints, one object on either stream.
type shown struct {
	Result harness.ToolResult `json:"result"`
	Error  struct {
		Message string `json:"message"`
	} `json:"error"`
}

func decode(t *testing.T, text string) shown {
	t.Helper()
	var out shown
	require.NoError(t, json.Unmarshal([]byte(text), &out), text)
	return out
}

// TestInspectorCallsTools: alice with a token and bob with a certificate read
// their own.
func TestInspectorCallsTools(t *testing.T) {
	for i, era := range eras() {
		t.Run(era, func(t *testing.T) {
			t.Parallel()
			c := world.Callers()[i]
			for _, d := range deeds(c) {
				got := inspect(t, world.Stack.URL, era, c.Headers, toolCall(d.call)...)
				require.Zero(t, got.status, got)
				require.Empty(t, got.stderr)
				require.Regexp(t, `^`+d.reads, decode(t, got.stdout).Result.Text())
				require.NotContains(t, got.stdout, c.Foreign)
			}
		})
	}
}

// TestInspectorShowsMistakes: a refused call is an answer that says what to do,
// and has a status of its own.
func TestInspectorShowsMistakes(t *testing.T) {
	for i, era := range eras() {
		t.Run(era, func(t *testing.T) {
			t.Parallel()
			c := world.Callers()[i]
			refused := func(headers harness.Headers, d deed) {
				got := inspect(t, world.Stack.URL, era, headers, toolCall(d.call)...)
				require.Equal(t, inspectorToolError, got.status, got)
				result := decode(t, got.stdout).Result
				require.True(t, result.IsError)
				require.Regexp(t, `^`+d.reads, result.Text())
			}
			for _, d := range mistakes(c) {
				refused(c.Headers, d)
			}
			refused(withForeignCA(t), deed{call{"whoami", `{}`}, foreignCASays})
		})
	}
}

// TestInspectorShowsRejections: the sentence, and nothing else.
func TestInspectorShowsRejections(t *testing.T) {
	for _, era := range eras() {
		t.Run(era, func(t *testing.T) {
			t.Parallel()
			for _, r := range rejections() {
				got := inspect(t, world.Stack.URL, era, r.send, "--method", "tools/list")
				require.Equal(t, inspectorFailed, got.status, "%s: %v", r.reason, got)
				require.Empty(t, got.stdout)
				require.Equal(t, r.message(), decode(t, got.stderr).Error.Message)
			}
		})
	}
}

// TestInspectorPinnedHidesRejections: told to speak nothing but the modern era,
// it keeps the reason to itself. The docs say so; once this fails, they need not.
func TestInspectorPinnedHidesRejections(t *testing.T) {
	r := rejections()[0]
	got := inspect(t, world.Stack.URL, "modern", r.send, "--method", "tools/list")
	require.Equal(t, inspectorFailed, got.status, got)
	require.Equal(t, "Version negotiation failed: the server did not offer pinned protocol version 2026-07-28 via server/discover (no fallback in pin mode)",
		decode(t, got.stderr).Error.Message)
}

// TestInspectorListsAll: the schemas of the tools hold no error that keeps a
// client from using them, and the prompt is there, filled with the caller's own.
func TestInspectorListsAll(t *testing.T) {
	for i, era := range eras() {
		t.Run(era, func(t *testing.T) {
			t.Parallel()
			c := world.Callers()[i]
			tools := inspect(t, world.Stack.URL, era, c.Headers, "--method", "tools/list", "--strict")
			require.Zero(t, tools.status, tools)
			for _, name := range []string{"whoami", "pods_log", "resources_get", "namespaces_list"} {
				require.Contains(t, tools.stdout, `{"name":"`+name+`",`)
			}
			require.Regexp(t, `^(|(?s:.*)\n0 errors, \d+ warnings? .*\n)$`, tools.stderr)

			prompts := inspect(t, world.Stack.URL, era, c.Headers, "--method", "prompts/list")
			require.Zero(t, prompts.status, prompts)
			require.Contains(t, prompts.stdout, `{"name":"cluster-health-check",`)
			health := inspect(t, world.Stack.URL, era, c.Headers, "--method", "prompts/get", "--prompt-name", "cluster-health-check",
				"--prompt-args", "namespace="+c.Namespace)
			require.Zero(t, health.status, health)
			require.Contains(t, health.stdout, "Everything in namespace "+c.Namespace+": 4 errors.")
			require.NotContains(t, health.stdout, c.Foreign)
		})
	}
}
