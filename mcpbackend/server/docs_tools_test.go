package server

import (
	"cmp"
	"encoding/json"
	"fmt"
	"maps"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/modelcontextprotocol/go-sdk/mcp"
	"github.com/stretchr/testify/require"

	"kubernetes-mcp-edge/mcpbackend/tool"
)

// TestDocsTools: the page is what the tools say of themselves to a client.
func TestDocsTools(t *testing.T) {
	const path = "../../docs/tools.md"
	page := toolsPage(t)
	if *update {
		require.NoError(t, os.WriteFile(path, []byte(page), 0o644))
	}
	committed, err := os.ReadFile(path)
	require.NoError(t, err)
	require.Equal(t, page, string(committed), "run make generate")
}

// offers is what one toolset holds.
type offers struct {
	tools   []*mcp.Tool
	prompts []*mcp.Prompt
}

// offeredBy asks a server that offers one toolset, as a client does.
func offeredBy(t *testing.T, c *tool.Catalog, toolset string) offers {
	t.Helper()
	s := mcp.NewServer(&mcp.Implementation{Name: "docs", Version: "1"}, nil)
	require.NoError(t, c.Register(s, nil, []string{toolset}))
	near, far := mcp.NewInMemoryTransports()
	served, err := s.Connect(t.Context(), far, nil)
	require.NoError(t, err)
	session, err := mcp.NewClient(&mcp.Implementation{Name: "docs", Version: "1"}, nil).Connect(t.Context(), near, nil)
	require.NoError(t, err)
	defer func() {
		_ = session.Close()
		_ = served.Wait()
	}()
	tools, err := session.ListTools(t.Context(), nil)
	require.NoError(t, err)
	out := offers{tools: tools.Tools}
	if c.Prompts([]string{toolset}) {
		prompts, err := session.ListPrompts(t.Context(), nil)
		require.NoError(t, err)
		out.prompts = prompts.Prompts
	}
	return out
}

// toolsets say which there are, in the order of the page.
var toolsets = []struct{ name, text string }{
	{tool.Core, "Reads. It is on by default."},
	{tool.Write, "Changes objects. It is off by default: `mcpbackend --toolsets core,write`."},
	{tool.Exec, "Runs commands in containers. It is off by default: `mcpbackend --toolsets core,exec`."},
}

func toolsPage(t *testing.T) string {
	t.Helper()
	c, err := catalog()
	require.NoError(t, err)
	var b strings.Builder
	b.WriteString(`# Tools

Generated from the catalog of mcpbackend/server: run ` + "`make generate`" + ` after a change there.

Which toolsets there are is the operator's choice (` + "`mcpbackend --toolsets`" + `); a request narrows it with the header
` + "`kubernetes-toolsets`" + ` and never widens it. A backend without the toolset ` + "`write`" + ` sends no request that writes, and one without
` + "`exec`" + ` runs no command: its transport refuses both, whatever a tool asks of it. What a caller may do in the cluster is decided
by the cluster, and by the operator's ` + "`access`" + ` rules. How this differs from other servers: [AUTH_HEADERS_PROVIDER.md](AUTH_HEADERS_PROVIDER.md).
`)
	known := make([]string, 0, len(toolsets))
	for _, set := range toolsets {
		known = append(known, set.name)
		fmt.Fprintf(&b, "\n## Toolset %s\n\n%s\n", set.name, set.text)
		here := offeredBy(t, c, set.name)
		for _, described := range here.tools {
			b.WriteString(toolSection(t, described))
		}
		for _, p := range here.prompts {
			b.WriteString(promptSection(p))
		}
	}
	require.ElementsMatch(t, known, c.Toolsets(), "a toolset is missing from the page")
	return b.String()
}

func toolSection(t *testing.T, described *mcp.Tool) string {
	t.Helper()
	var b strings.Builder
	fmt.Fprintf(&b, "\n### %s\n\n%s\n\n%s\n", described.Name, described.Description, hints(described.Annotations))
	var schema struct {
		Properties map[string]property `json:"properties"`
		Required   []string            `json:"required"`
	}
	text, err := json.Marshal(described.InputSchema)
	require.NoError(t, err)
	require.NoError(t, json.Unmarshal(text, &schema))
	if len(schema.Properties) == 0 {
		return b.String() + "\nNo arguments.\n"
	}
	b.WriteString("\n| argument | type | meaning |\n| --- | --- | --- |\n")
	names := slices.SortedFunc(maps.Keys(schema.Properties), func(x, y string) int {
		return cmp.Or(boolean(slices.Contains(schema.Required, y))-boolean(slices.Contains(schema.Required, x)), cmp.Compare(x, y))
	})
	for _, name := range names {
		p := schema.Properties[name]
		meaning := cell(p.Description)
		if slices.Contains(schema.Required, name) {
			meaning = strings.TrimSuffix("**required**; "+meaning, "; ")
		}
		fmt.Fprintf(&b, "| `%s` | %s | %s |\n", name, p.kind(), meaning)
	}
	return b.String()
}

func promptSection(p *mcp.Prompt) string {
	var b strings.Builder
	fmt.Fprintf(&b, "\n### Prompt %s\n\n%s\n", p.Name, p.Description)
	if len(p.Arguments) > 0 {
		b.WriteString("\n| argument | meaning |\n| --- | --- |\n")
	}
	for _, a := range p.Arguments {
		fmt.Fprintf(&b, "| `%s` | %s |\n", a.Name, cell(a.Description))
	}
	return b.String()
}

// property is the part of a JSON Schema that the page shows.
type property struct {
	Type        any       `json:"type"`
	Description string    `json:"description"`
	Items       *property `json:"items"`
	Enum        []any     `json:"enum"`
	Minimum     *float64  `json:"minimum"`
	Maximum     *float64  `json:"maximum"`
}

// kind is the type in words.
func (p property) kind() string {
	names := []string{fmt.Sprint(p.Type)}
	if several, ok := p.Type.([]any); ok { // of which null means left out
		names = nil
		for _, n := range several {
			if n != "null" {
				names = append(names, fmt.Sprint(n))
			}
		}
	}
	text := strings.Join(names, " or ")
	if p.Items != nil {
		text = "list of " + p.Items.kind()
	}
	if len(p.Enum) > 0 {
		values := make([]string, len(p.Enum))
		for i, v := range p.Enum {
			values[i] = fmt.Sprintf("`%v`", v)
		}
		text = strings.Join(values, ", ")
	}
	switch {
	case p.Minimum != nil && p.Maximum != nil:
		text += fmt.Sprintf(", %.0f to %.0f", *p.Minimum, *p.Maximum)
	case p.Minimum != nil:
		text += fmt.Sprintf(", at least %.0f", *p.Minimum)
	}
	return text
}

// hints are the annotations in words.
func hints(a *mcp.ToolAnnotations) string {
	if a.ReadOnlyHint {
		return "Changes nothing."
	}
	return fmt.Sprintf("Destructive: %s. Idempotent: %s.", word(*a.DestructiveHint), word(a.IdempotentHint))
}

func word(yes bool) string {
	if yes {
		return "yes"
	}
	return "no"
}

func boolean(yes bool) int {
	if yes {
		return 1
	}
	return 0
}

// cell is text that a cell of a table can hold.
func cell(s string) string { return strings.ReplaceAll(s, "|", "\\|") }
