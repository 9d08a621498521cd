package server

import (
	"context"
	"log/slog"
	"time"

	"github.com/modelcontextprotocol/go-sdk/mcp"

	"kubernetes-mcp-edge/mcpbackend/admit"
	"kubernetes-mcp-edge/mcpbackend/kube"
	"kubernetes-mcp-edge/mcpbackend/tool"
)

// toolLabel names a tool, or for metrics a prompt, too.
const toolLabel = "tool"

// unknownTool stands for every name that is none of ours.
const unknownTool = "unknown"

// How a call ended.
const (
	outcomeOK        = "ok"
	outcomeToolError = "tool-error" // it says so in its result
	outcomeRejected  = "rejected"   // with a JSON-RPC error
	outcomePanic     = "panic"
)

// auditor writes one line per call of a tool or prompt: who (as a hash), what,
// of which kind of object and where, how it ended and how long it took. No
// other argument is in it, and no answer. Metrics count the same.
type auditor struct {
	log    *slog.Logger
	known  func(name string) bool
	counts *counts
}

func (a *auditor) audited(next mcp.MethodHandler) mcp.MethodHandler {
	return func(ctx context.Context, method string, req mcp.Request) (mcp.Result, error) {
		c := audit{auditor: a, begun: time.Now(), outcome: outcomePanic}
		switch r := req.(type) {
		case *mcp.CallToolRequest:
			c.what, c.name = toolLabel, r.Params.Name
		case *mcp.GetPromptRequest:
			c.what, c.name = "prompt", r.Params.Name
		default:
			return next(ctx, method, req)
		}
		if !a.known(c.name) {
			c.name = unknownTool
		}
		ctx, c.acts = kube.Recorded(tool.Watched(ctx))
		a.counts.underWay(1)
		defer c.end(ctx)
		result, err := next(ctx, method, req)
		c.outcome = outcomeOf(result, err)
		c.trouble = troubleOf(ctx, c.outcome)
		if failed, ok := result.(*mcp.CallToolResult); ok && failed.IsError {
			tool.Explain(failed, c.trouble)
		}
		return result, err
	}
}

// audit is one call.
type audit struct {
	*auditor

	what, name       string
	begun            time.Time
	acts             *kube.Acts
	outcome, trouble string
}

func (c *audit) end(ctx context.Context) {
	took := time.Since(c.begun)
	c.counts.underWay(-1)
	c.counts.ended(c.name, c.outcome, c.trouble, took)
	caller, _ := admit.FromContext(ctx)
	attributes := []slog.Attr{
		slog.String("decision", caller.Decision), slog.String("fingerprint", caller.Verified.Fingerprint()),
		slog.String(c.what, c.name),
	}
	if act, ok := c.acts.Last(); ok {
		resource := act.Resource
		if act.Subresource != "" {
			resource += "/" + act.Subresource
		}
		attributes = append(attributes, slog.String("verb", act.Verb), slog.String("group", act.Group), slog.String("resource", resource))
		if act.Namespace != "" {
			attributes = append(attributes, slog.String("namespace", act.Namespace))
		}
	}
	attributes = append(attributes, slog.String("outcome", c.outcome))
	if c.trouble != "" {
		attributes = append(attributes, slog.String("trouble", c.trouble))
	}
	c.log.LogAttrs(ctx, slog.LevelInfo, c.what+" call", append(attributes, slog.String("duration", took.String()))...)
}

func outcomeOf(result mcp.Result, err error) string {
	if err != nil {
		return outcomeRejected
	}
	if r, ok := result.(*mcp.CallToolResult); ok && r.IsError {
		return outcomeToolError
	}
	return outcomeOK
}

// troubleOf is the word for why a call failed. One that left no word never came
// to its tool: what go-sdk refuses are arguments that do not fit the schema, and
// Narrow a tool that is not offered.
func troubleOf(ctx context.Context, outcome string) string {
	word := tool.Trouble(ctx)
	switch {
	case outcome == outcomeOK:
		return ""
	case word != "":
		return word
	case outcome == outcomeToolError:
		return tool.WordArguments
	}
	return ""
}
