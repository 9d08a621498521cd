// Package tool holds the tools: what a model may ask of a cluster, and how the
// answer reads. It never sees a header; a tool asks admit who calls and kube
// for a client that acts as him.
//
// Each answer has a text for the model and a structured part for programs that
// is not a second copy of it. Whatever comes from a cluster is data from
// strangers: it is cleaned of characters that steer terminals and readers,
// Secrets and tokens are taken out, and it ends at a budget with a line that
// says so.
package tool

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/google/jsonschema-go/jsonschema"
	"github.com/modelcontextprotocol/go-sdk/jsonrpc"
	"github.com/modelcontextprotocol/go-sdk/mcp"

	"kubernetes-mcp-edge/extproc/proof"
	"kubernetes-mcp-edge/mcpbackend/admit"
	"kubernetes-mcp-edge/mcpbackend/kube"
)

// Clients opens the door to a cluster; *kube.Clients is the one that does.
type Clients interface {
	For(ctx context.Context, v proof.Verified, decision string) (*kube.Client, error)
}

// entry is one tool: its toolset and how to add it to a server.
type entry struct {
	name, toolset string
	add           func(*mcp.Server, Clients) error
}

// core is the toolset that reads any cluster.
const core = "core"

// entries is the list of all tools.
func entries() []entry {
	return []entry{
		{"whoami", core, addWhoAmI},
		{"namespaces_list", core, addNamespacesList},
		{"resources_list", core, addResourcesList},
		{"resources_get", core, addResourcesGet},
	}
}

// Toolsets are the names of all toolsets, sorted.
func Toolsets() []string {
	var names []string
	for _, e := range entries() {
		if !slices.Contains(names, e.toolset) {
			names = append(names, e.toolset)
		}
	}
	slices.Sort(names)
	return names
}

// Known reports whether a tool of this name exists in any toolset: a name that
// is not known is a caller's text.
func Known(name string) bool {
	return slices.ContainsFunc(entries(), func(e entry) bool { return e.name == name })
}

// Register adds the tools of these toolsets. A name that is none is an error.
func Register(s *mcp.Server, clients Clients, toolsets []string) error {
	for _, name := range toolsets {
		if !slices.Contains(Toolsets(), name) {
			return fmt.Errorf("there is no toolset %q: choose from %s", name, strings.Join(Toolsets(), ", "))
		}
	}
	for _, e := range entries() {
		if slices.Contains(toolsets, e.toolset) {
			if err := e.add(s, clients); err != nil {
				return fmt.Errorf("tool %s: %w", e.name, err)
			}
		}
	}
	return nil
}

// Narrow is middleware that leaves a caller the tools of the toolsets that his
// kubernetes-toolsets header names. Nothing it does adds a tool: a toolset that
// does not exist, or that the operator left out, leaves less.
func Narrow(next mcp.MethodHandler) mcp.MethodHandler {
	return func(ctx context.Context, method string, req mcp.Request) (mcp.Result, error) {
		if call, ok := req.(*mcp.CallToolRequest); ok && !offered(ctx, call.Params.Name) {
			return nil, &jsonrpc.Error{
				Code:    jsonrpc.CodeInvalidParams,
				Message: "this request offers no such tool; call tools/list, or name its toolset in the kubernetes-toolsets header",
			}
		}
		result, err := next(ctx, method, req)
		if list, ok := result.(*mcp.ListToolsResult); ok && err == nil {
			narrowed := *list
			narrowed.Tools = []*mcp.Tool{}
			for _, t := range list.Tools {
				if offered(ctx, t.Name) {
					narrowed.Tools = append(narrowed.Tools, t)
				}
			}
			return &narrowed, nil
		}
		return result, err
	}
}

// offered reports whether the request's caller may see the tool.
func offered(ctx context.Context, name string) bool {
	caller, ok := admit.FromContext(ctx)
	if !ok {
		return false
	}
	target, ok := caller.Verified.Target()
	if !ok || target.Toolsets == nil {
		return true
	}
	return slices.ContainsFunc(entries(), func(e entry) bool {
		return e.name == name && slices.Contains(target.Toolsets, e.toolset)
	})
}

type troubleKey struct{}

// Watched returns a context in which a tool that fails leaves one word about
// why, for the audit line: a Trouble, "anonymous", "unknown-kind", "arguments",
// "busy" or "internal". The word is "" until then.
func Watched(ctx context.Context) (watched context.Context, trouble *string) {
	trouble = new(string)
	return context.WithValue(ctx, troubleKey{}, trouble), trouble
}

// Busy is the answer to a call that is not made because too many others are
// under way; text says so. The audit line says "busy".
func Busy(ctx context.Context, text string) *mcp.CallToolResult {
	note(ctx, "busy")
	return &mcp.CallToolResult{IsError: true, Content: []mcp.Content{&mcp.TextContent{Text: text}}}
}

func note(ctx context.Context, word string) {
	if trouble, ok := ctx.Value(troubleKey{}).(*string); ok {
		*trouble = word
	}
}

// failed notes why for the audit line and makes the error fit for the model.
func failed(ctx context.Context, err error) error {
	note(ctx, word(err))
	return advise(err)
}

// errNoCaller means that a tool was reached around admit.
var errNoCaller = errors.New("tool: no verified caller in the context")

// run is a tool's work: the text for the model and the structured part.
type run[In, Out any] func(ctx context.Context, c *kube.Client, in In) (text string, out Out, err error)

// add registers a read-only tool with the schema of In, changed by adjust.
func add[In, Out any](s *mcp.Server, clients Clients, t mcp.Tool, adjust func(map[string]*jsonschema.Schema), work run[In, Out]) error {
	schema, err := jsonschema.For[In](nil)
	if err != nil {
		return err
	}
	if adjust != nil {
		adjust(schema.Properties)
	}
	t.InputSchema = schema
	yes, no := true, false
	// Reading a cluster changes nothing, twice as little as once, and the cluster
	// is a world that others change.
	t.Annotations = &mcp.ToolAnnotations{Title: t.Title, ReadOnlyHint: true, DestructiveHint: &no, IdempotentHint: true, OpenWorldHint: &yes}
	mcp.AddTool(s, &t, func(ctx context.Context, _ *mcp.CallToolRequest, in In) (*mcp.CallToolResult, Out, error) {
		var none Out
		caller, ok := admit.FromContext(ctx)
		if !ok {
			return nil, none, failed(ctx, errNoCaller)
		}
		client, err := clients.For(ctx, caller.Verified, caller.Decision)
		if err != nil {
			return nil, none, failed(ctx, err)
		}
		text, out, err := work(ctx, client, in)
		if err != nil {
			return nil, none, failed(ctx, err)
		}
		return &mcp.CallToolResult{Content: []mcp.Content{&mcp.TextContent{Text: text}}}, out, nil
	})
	return nil
}
