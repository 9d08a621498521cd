// Package tool is the frame that every tool stands in: it declares a tool once,
// with its schema, its toolset and what it may do on the wire, finds out who
// calls, opens the door to his cluster and turns errors into advice. The tools
// themselves are in the packages below this one. None of them ever sees a
// header.
package tool

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"

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
		enforced, err := schema.Resolve(nil)
		if err != nil {
			return err
		}
		if t.OutputSchema == nil {
			whole, err := jsonschema.For[Out](nil)
			if err != nil {
				return err
			}
			t.OutputSchema = plain(whole)
		}
		t.InputSchema = schema
		t.Annotations = annotations(t.Title, o)
		// Not mcp.AddTool: what it does beyond this, the answer read again and
		// held to its schema, is a fifth of the time of a call.
		s.AddTool(&t, func(ctx context.Context, req *mcp.CallToolRequest) (*mcp.CallToolResult, error) {
			var in In
			if err := read(req.Params.Arguments, enforced, &in); err != nil {
				return refused(err), nil
			}
			result, err := called(ctx, clients, o.Access, in, work)
			if _, ok := errors.AsType[*jsonrpc.Error](err); err != nil && !ok {
				return refused(err), nil
			}
			return result, err
		})
		return nil
	}}
}

// read holds arguments to the schema, and reads them.
func read(arguments json.RawMessage, schema *jsonschema.Resolved, in any) error {
	fields := map[string]any{}
	if len(arguments) > 0 {
		if err := json.Unmarshal(arguments, &fields); err != nil {
			return fmt.Errorf("validating \"arguments\": %w", err)
		}
	}
	if err := schema.Validate(fields); err != nil {
		return fmt.Errorf("validating \"arguments\": %w", err)
	}
	if len(arguments) == 0 {
		return nil
	}
	return json.Unmarshal(arguments, in)
}

// refused is the answer to a call that came to nothing.
func refused(err error) *mcp.CallToolResult {
	result := new(mcp.CallToolResult)
	result.SetError(err)
	return result
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

// called does the work, and leaves the caller's token out of what came of it. A
// hostile server may put it wherever a name can stand.
func called[In, Out any](ctx context.Context, clients Clients, access Access, in In, work Work[In, Out]) (*mcp.CallToolResult, error) {
	c, err := open(ctx, clients, access)
	if err != nil {
		return nil, failed(ctx, err)
	}
	text, out, err := work(ctx, c, in)
	if err != nil {
		return nil, scrubbedError(c, failed(ctx, err))
	}
	structured, err := json.Marshal(out)
	if err != nil {
		return nil, failed(ctx, err)
	}
	return &mcp.CallToolResult{
		Content:           []mcp.Content{&mcp.TextContent{Text: c.Scrub(text)}},
		StructuredContent: json.RawMessage(scrubbed(c, structured)),
	}, nil
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
