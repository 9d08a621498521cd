package policy

import (
	"bytes"
	"flag"
	"os"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"go.yaml.in/yaml/v3"

	"kubernetes-mcp-edge/extproc/hostpolicy"
)

var update = flag.Bool("update", false, "write docs/policy.defaults.yaml and docs/policy.schema.json anew")

// upToDate compares a committed file with what the code says.
func upToDate(t *testing.T, path string, want []byte) {
	t.Helper()
	if *update {
		require.NoError(t, os.WriteFile(path, want, 0o644))
	}
	committed, err := os.ReadFile(path)
	require.NoError(t, err)
	require.True(t, bytes.Equal(want, committed), "%s is out of date: go test ./extproc/policy -run 'TestDefaults|TestSchema' -update", path)
}

// TestDefaultsFile: the file of defaults says what a file says that has only the
// two required keys, and the docs hold it.
func TestDefaultsFile(t *testing.T) {
	got, err := Parse(Defaults())
	require.NoError(t, err)
	want := mustParse(t, "")
	require.NotEqual(t, want.Digest, got.Digest)
	got.Digest, got.lines, got.kinds = want.Digest, want.lines, want.kinds // how it is written
	require.Equal(t, want, got)
	require.True(t, got.Header.Hosts.Empty())
	upToDate(t, "../../docs/policy.defaults.yaml", Defaults())
}

func TestDefaultsAreLegible(t *testing.T) {
	for line := range strings.Lines(string(Defaults())) {
		require.LessOrEqual(t, len(line), commentWidth+1, line)
		require.NotRegexp(t, `\s\n$`, line)
	}
	everyKeyCommented(t, Defaults())
}

// TestSampleShowsEveryKey: docs/policy.yaml is a file that an operator may start
// from, with every key under the words of the table.
func TestSampleShowsEveryKey(t *testing.T) {
	const sample = "../../docs/policy.yaml"
	p, err := Load(sample)
	require.NoError(t, err)
	require.Empty(t, p.Warnings())
	require.Equal(t, hostpolicy.Allowed, p.Header.Hosts.Host("api.example.com", 443))
	file, err := os.ReadFile(sample)
	require.NoError(t, err)
	everyKeyCommented(t, file)
}

func everyKeyCommented(t *testing.T, file []byte) {
	t.Helper()
	var doc yaml.Node
	require.NoError(t, yaml.Unmarshal(file, &doc))
	commented(t, doc.Content[0], defaults().keys())
}

// commented asserts that the mapping holds exactly these keys in their order,
// each below a comment that says what the table says.
func commented(t *testing.T, n *yaml.Node, keys []key) {
	t.Helper()
	require.Len(t, n.Content, 2*len(keys))
	for i, k := range keys {
		name := n.Content[2*i]
		require.Equal(t, k.name, name.Value)
		said := strings.Join(strings.Fields(strings.ReplaceAll(name.HeadComment, "#", "")), " ")
		require.True(t, strings.HasSuffix(said, k.about), "%s says %q and not %q", k.name, said, k.about)
		if below, nested := k.value.(mapping); nested {
			commented(t, n.Content[2*i+1], below.keys)
		}
	}
}
