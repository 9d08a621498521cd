package tool

import (
	"context"
	"testing"

	"github.com/modelcontextprotocol/go-sdk/mcp"
	"github.com/stretchr/testify/require"

	"kubernetes-mcp-edge/mcpbackend/kube"
)

func named(name, toolset string, access Access) Tool {
	return New(mcp.Tool{Name: name}, Options{Toolset: toolset, Access: access},
		func(context.Context, *kube.Client, struct{}) (string, any, error) { return name, nil, nil })
}

func asking(name, toolset string) Prompt {
	return NewPrompt(mcp.Prompt{Name: name}, toolset, func(context.Context, *kube.Client, map[string]string) (string, error) { return name, nil })
}

// TestCatalog: names are one list, of tools and prompts together, and toolsets
// are those that something belongs to.
func TestCatalog(t *testing.T) {
	c, err := NewCatalog([]Tool{named("b", Write, Writes), named("a", Core, Reads), named("c", Exec, Execs)}, []Prompt{asking("p", Core), asking("q", "other")})
	require.NoError(t, err)
	require.Equal(t, []string{"core", "exec", "other", "write"}, c.Toolsets())
	require.Equal(t, []string{"b", "a", "c", "p", "q"}, c.Names())
	for name, known := range map[string]bool{"a": true, "b": true, "p": true, "z": false, "": false, "core": false} {
		require.Equal(t, known, c.Known(name), name)
	}
	for toolset, want := range map[string][3]bool{Core: {false, false, true}, Write: {true, false, false}, Exec: {false, true, false}, "other": {false, false, true}, "none": {}} {
		writes, execs := c.Needs([]string{toolset})
		require.Equal(t, want, [3]bool{writes, execs, c.Prompts([]string{toolset})}, toolset)
	}
	server := func() *mcp.Server { return mcp.NewServer(&mcp.Implementation{Name: "x", Version: "1"}, nil) }
	require.NoError(t, c.Register(server(), nil, []string{Core, Write}))
	require.EqualError(t, c.Register(server(), nil, []string{"Core"}), `there is no toolset "Core": choose from core, exec, other, write`)

	for _, two := range []struct {
		tools   []Tool
		prompts []Prompt
	}{
		{[]Tool{named("a", Core, Reads), named("a", Write, Writes)}, nil},
		{nil, []Prompt{asking("a", Core), asking("a", Core)}},
		{[]Tool{named("a", Core, Reads)}, []Prompt{asking("a", Core)}},
	} {
		_, err := NewCatalog(two.tools, two.prompts)
		require.EqualError(t, err, "tool: two are called a")
	}
}

// TestAnnotations follow from what a tool may do: whatever it claims besides, one
// that reads takes nothing away.
func TestAnnotations(t *testing.T) {
	for name, row := range map[string]struct {
		o                                  Options
		reads, destructive, again, another bool
	}{
		"reads":              {Options{}, true, false, true, true},
		"reads and destroys": {Options{Destructive: true}, true, false, true, true},
		"writes":             {Options{Access: Writes}, false, false, false, true},
		"writes again":       {Options{Access: Writes, Idempotent: true}, false, false, true, true},
		"destroys":           {Options{Access: Writes, Destructive: true}, false, true, false, true},
		"runs":               {Options{Access: Execs, Destructive: true}, false, true, false, true},
	} {
		a := annotations("A title", row.o)
		require.Equal(t, "A title", a.Title)
		require.Equal(t, []bool{row.reads, row.destructive, row.again, row.another},
			[]bool{a.ReadOnlyHint, *a.DestructiveHint, a.IdempotentHint, *a.OpenWorldHint}, name)
	}
}

// TestNoCallerNoDoor: a tool that is reached around admit opens nothing.
func TestNoCallerNoDoor(t *testing.T) {
	_, err := open(t.Context(), nil, Reads)
	require.ErrorIs(t, err, errNoCaller)
}

// TestWords: the last one stands, and without a watcher none is kept.
func TestWords(t *testing.T) {
	ctx := Watched(t.Context())
	require.Empty(t, Trouble(ctx))
	Note(ctx, "forbidden")
	Busy(ctx, "x")
	require.Equal(t, "busy", Trouble(ctx))
	Note(t.Context(), "forbidden")
	require.Empty(t, Trouble(t.Context()))
	r := &mcp.CallToolResult{Meta: mcp.Meta{"other": 1, ReasonKey: "old"}}
	Explain(r, "new")
	require.Equal(t, mcp.Meta{"other": 1, ReasonKey: "new"}, r.Meta)
	Step(t.Context(), "nobody listens")
}
