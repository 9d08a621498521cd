// Package tool is the frame that every tool stands in: it declares a tool once,
// with its schema, its toolset and what it may do on the wire, finds out who
// calls, opens the door to his cluster and turns errors into advice. The tools
// themselves are in the packages below this one. None of them ever sees a
// header.
package tool

import (
	"context"
	"errors"
	"fmt"

	"github.com/google/jsonschema-go/jsonschema"
	"github.com/modelcontextprotocol/go-sdk/mcp"

	"kubernetes-mcp-edge/extproc/proof"
	"kubernetes-mcp-edge/mcpbackend/admit"
	"kubernetes-mcp-edge/mcpbackend/kube"
)

// Clients opens the door to a cluster; *kube.Clients is the one that does.
type Clients interface {
	For(ctx context.Context, v proof.Verified, decision string) (*kube.Client, error)
}

// The toolsets.
const (
	Core  = "core"  // reads
	Write = "write" // changes objects
	Exec  = "exec"  // runs commands in containers
)

// Access is what a tool may do on the wire. The transport holds the client to it.
type Access uint8

// The accesses.
const (
	Reads  Access = iota
	Writes        // and reads
	Execs         // runs commands in containers, and reads
)

// Options say what a Tool is, beside its name and description. Annotations
// follow from them, so that they stay true.
type Options struct {
	Toolset     string
	Access      Access
	Destructive bool                                // it may take away or overwrite; only where Access is not Reads
	Idempotent  bool                                // twice is as once; reading always is
	Adjust      func(map[string]*jsonschema.Schema) // changes the properties of the schema; may be nil
}

// Work is what a tool does: the text for the model, and the structured part for
// programs, which is not a second copy of it. The client may do on the wire
// what Options.Access says, and ctx has a deadline.
type Work[In, Out any] func(ctx context.Context, c *kube.Client, in In) (text string, out Out, err error)

// Tool is one tool, made by New.
type Tool struct {
	name, toolset string
	access        Access
	add           func(*mcp.Server, Clients) error
}

// New declares a tool whose arguments are the fields of In. Its schema is
// enforced before work begins.
func New[In, Out any](t mcp.Tool, o Options, work Work[In, Out]) Tool {
	return Tool{name: t.Name, toolset: o.Toolset, access: o.Access, add: func(s *mcp.Server, clients Clients) error {
		schema, err := jsonschema.For[In](nil)
		if err != nil {
			return err
		}
		if o.Adjust != nil {
			o.Adjust(schema.Properties)
		}
		t.InputSchema = schema
		t.Annotations = annotations(t.Title, o)
		mcp.AddTool(s, &t, func(ctx context.Context, _ *mcp.CallToolRequest, in In) (*mcp.CallToolResult, Out, error) {
			text, out, err := called(ctx, clients, o.Access, in, work)
			if err != nil {
				return nil, out, err
			}
			return &mcp.CallToolResult{Content: []mcp.Content{&mcp.TextContent{Text: text}}}, out, nil
		})
		return nil
	}}
}

// annotations tell a client the truth: reading changes nothing, and a cluster
// is a world that others change.
func annotations(title string, o Options) *mcp.ToolAnnotations {
	yes := true
	reads := o.Access == Reads
	destructive := o.Destructive && !reads
	return &mcp.ToolAnnotations{
		Title: title, ReadOnlyHint: reads, DestructiveHint: &destructive,
		IdempotentHint: reads || o.Idempotent, OpenWorldHint: &yes,
	}
}

// errNoCaller means that a tool was reached around admit.
var errNoCaller = errors.New("tool: no verified caller in the context")

func called[In, Out any](ctx context.Context, clients Clients, access Access, in In, work Work[In, Out]) (text string, out Out, err error) {
	c, err := open(ctx, clients, access)
	if err != nil {
		return "", out, failed(ctx, err)
	}
	if text, out, err = work(ctx, c, in); err != nil {
		var none Out
		return "", none, scrubbedError(c, failed(ctx, err))
	}
	return c.Scrub(text), scrubbed(c, out), nil
}

// open is the door to the caller's cluster.
func open(ctx context.Context, clients Clients, access Access) (*kube.Client, error) {
	caller, ok := admit.FromContext(ctx)
	if !ok {
		return nil, errNoCaller
	}
	c, err := clients.For(ctx, caller.Verified, caller.Decision)
	if err != nil {
		return nil, err
	}
	switch access {
	case Reads:
		return c, nil
	case Writes:
		return c.Writing(), nil
	case Execs:
		return c.Executing(), nil
	}
	return nil, fmt.Errorf("tool: no access %d", access)
}
