package tool

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/modelcontextprotocol/go-sdk/jsonrpc"
	"github.com/modelcontextprotocol/go-sdk/mcp"

	"kubernetes-mcp-edge/mcpbackend/admit"
)

// Catalog is all that a program could offer. It is not changed once made.
type Catalog struct {
	tools   []Tool
	prompts []Prompt
}

// NewCatalog puts the families of tools and prompts together. A name that two
// have is an error, since metrics and the audit line tell them apart by it.
func NewCatalog(tools []Tool, prompts []Prompt) (*Catalog, error) {
	c := &Catalog{tools: slices.Clone(tools), prompts: slices.Clone(prompts)}
	seen := map[string]bool{}
	for _, name := range c.Names() {
		if seen[name] {
			return nil, fmt.Errorf("tool: two are called %s", name)
		}
		seen[name] = true
	}
	return c, nil
}

// Toolsets are the names of all toolsets, sorted.
func (c *Catalog) Toolsets() []string {
	names := make([]string, 0, len(c.tools)+len(c.prompts))
	for _, t := range c.tools {
		names = append(names, t.toolset)
	}
	for _, p := range c.prompts {
		names = append(names, p.toolset)
	}
	slices.Sort(names)
	return slices.Compact(names)
}

// Known reports whether a tool or prompt of this name exists in any toolset: a
// name that is not known is a caller's text.
func (c *Catalog) Known(name string) bool { return c.toolset(name) != "" || c.promptset(name) != "" }

// Names are those of all tools and prompts.
func (c *Catalog) Names() []string {
	names := make([]string, 0, len(c.tools)+len(c.prompts))
	for _, t := range c.tools {
		names = append(names, t.name)
	}
	for _, p := range c.prompts {
		names = append(names, p.name)
	}
	return names
}

// Needs is what the tools of these toolsets may do on the wire beyond reading:
// no client of the program has to be able to do more.
func (c *Catalog) Needs(toolsets []string) (writes, execs bool) {
	for _, t := range c.tools {
		if slices.Contains(toolsets, t.toolset) {
			writes = writes || t.access == Writes
			execs = execs || t.access == Execs
		}
	}
	return writes, execs
}

// Prompts reports whether there is a prompt in these toolsets.
func (c *Catalog) Prompts(toolsets []string) bool {
	return slices.ContainsFunc(c.prompts, func(p Prompt) bool { return slices.Contains(toolsets, p.toolset) })
}

// Register adds the tools and prompts of these toolsets. A name that is none is
// an error.
func (c *Catalog) Register(s *mcp.Server, clients Clients, toolsets []string) error {
	for _, name := range toolsets {
		if !slices.Contains(c.Toolsets(), name) {
			return fmt.Errorf("there is no toolset %q: choose from %s", name, strings.Join(c.Toolsets(), ", "))
		}
	}
	for _, t := range c.tools {
		if !slices.Contains(toolsets, t.toolset) {
			continue
		}
		if err := t.add(s, clients); err != nil {
			return fmt.Errorf("tool %s: %w", t.name, err)
		}
	}
	for _, p := range c.prompts {
		if slices.Contains(toolsets, p.toolset) {
			p.add(s, clients)
		}
	}
	return nil
}

// Narrow is middleware that leaves a caller the tools and prompts of those of
// these toolsets that his kubernetes-toolsets header names. Nothing it does adds
// one: a toolset that does not exist, or that the operator left out, leaves less.
func (c *Catalog) Narrow(toolsets []string) mcp.Middleware {
	return func(next mcp.MethodHandler) mcp.MethodHandler {
		return func(ctx context.Context, method string, req mcp.Request) (mcp.Result, error) {
			offered := func(toolset string) bool { return slices.Contains(toolsets, toolset) && wanted(ctx, toolset) }
			if text := c.missing(req, offered); text != "" {
				Note(ctx, WordNotOffered)
				return nil, Failure(ctx, jsonrpc.CodeInvalidParams, WordNotOffered, text)
			}
			result, err := next(ctx, method, req)
			if err != nil {
				return result, err
			}
			switch list := result.(type) {
			case *mcp.ListToolsResult:
				narrowed := *list
				narrowed.Tools = slices.DeleteFunc(slices.Clone(list.Tools), func(t *mcp.Tool) bool { return !offered(c.toolset(t.Name)) })
				return &narrowed, nil
			case *mcp.ListPromptsResult:
				narrowed := *list
				narrowed.Prompts = slices.DeleteFunc(slices.Clone(list.Prompts), func(p *mcp.Prompt) bool { return !offered(c.promptset(p.Name)) })
				return &narrowed, nil
			}
			return result, nil
		}
	}
}

// missing is what to say to a call of what is not offered; "" if it is. The name
// is the caller's text and not repeated.
func (c *Catalog) missing(req mcp.Request, offered func(toolset string) bool) string {
	switch call := req.(type) {
	case *mcp.CallToolRequest:
		if !offered(c.toolset(call.Params.Name)) {
			return "This request offers no such tool; call tools/list, or name its toolset in the kubernetes-toolsets header."
		}
	case *mcp.GetPromptRequest:
		if !offered(c.promptset(call.Params.Name)) {
			return "This request offers no such prompt; call prompts/list, or name its toolset in the kubernetes-toolsets header."
		}
	}
	return ""
}

// toolset is the tool's; "" if there is no such tool.
func (c *Catalog) toolset(name string) string {
	if i := slices.IndexFunc(c.tools, func(t Tool) bool { return t.name == name }); i >= 0 {
		return c.tools[i].toolset
	}
	return ""
}

// promptset is the prompt's; "" if there is no such prompt.
func (c *Catalog) promptset(name string) string {
	if i := slices.IndexFunc(c.prompts, func(p Prompt) bool { return p.name == name }); i >= 0 {
		return c.prompts[i].toolset
	}
	return ""
}

// wanted reports whether the request's caller wants what is of the toolset.
func wanted(ctx context.Context, toolset string) bool {
	caller, ok := admit.FromContext(ctx)
	if !ok {
		return false
	}
	target, ok := caller.Verified.Target()
	return !ok || target.Toolsets == nil || slices.Contains(target.Toolsets, toolset)
}
