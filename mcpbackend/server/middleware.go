package server

import (
	"context"
	"fmt"
	"log/slog"
	"runtime"
	"runtime/debug"
	"time"

	"github.com/modelcontextprotocol/go-sdk/jsonrpc"
	"github.com/modelcontextprotocol/go-sdk/mcp"

	"kubernetes-mcp-edge/mcpbackend/admit"
	"kubernetes-mcp-edge/mcpbackend/tool"
)

const methodCallTool = "tools/call"

// recovered turns a panic into an answer. go-sdk runs handlers on goroutines of
// its own and recovers nowhere: one panic would end the process, and with it
// the calls of everybody.
func recovered(log *slog.Logger) mcp.Middleware {
	return func(next mcp.MethodHandler) mcp.MethodHandler {
		return func(ctx context.Context, method string, req mcp.Request) (result mcp.Result, err error) {
			defer func() {
				if p := recover(); p != nil {
					caller, _ := admit.FromContext(ctx)
					log.Error("panic", "decision", caller.Decision, "method", method, "panic", panicText(p), "stack", string(debug.Stack()))
					result, err = internal(method)
				}
			}()
			return next(ctx, method, req)
		}
	}
}

// panicText keeps what the runtime says; any other value may hold anything.
func panicText(p any) string {
	if e, ok := p.(runtime.Error); ok {
		return e.Error()
	}
	return fmt.Sprintf("%T", p)
}

// internal is the answer to a request that met a panic.
func internal(method string) (mcp.Result, error) {
	const text = "the server failed on this request; try once more, and tell the user if it fails again"
	if method == methodCallTool {
		return &mcp.CallToolResult{IsError: true, Content: []mcp.Content{&mcp.TextContent{Text: text}}}, nil
	}
	return nil, &jsonrpc.Error{Code: jsonrpc.CodeInternalError, Message: text}
}

// audited writes one line per tool call: who (as a hash), what, how it ended
// and how long it took. No argument and no answer is in it.
func audited(log *slog.Logger, known func(tool string) bool) mcp.Middleware {
	return func(next mcp.MethodHandler) mcp.MethodHandler {
		return func(ctx context.Context, method string, req mcp.Request) (mcp.Result, error) {
			call, ok := req.(*mcp.CallToolRequest)
			if !ok {
				return next(ctx, method, req)
			}
			name := "unknown"
			if known(call.Params.Name) {
				name = call.Params.Name
			}
			caller, _ := admit.FromContext(ctx)
			start, outcome := time.Now(), "panic"
			ctx, trouble := tool.Watched(ctx)
			defer func() {
				attributes := []any{
					"decision", caller.Decision, "fingerprint", caller.Verified.Fingerprint(),
					"tool", name, "outcome", outcome, "duration", time.Since(start).String(),
				}
				if *trouble != "" {
					attributes = append(attributes, "trouble", *trouble)
				}
				log.Info("tool call", attributes...)
			}()
			result, err := next(ctx, method, req)
			outcome = outcomeOf(result, err)
			return result, err
		}
	}
}

func outcomeOf(result mcp.Result, err error) string {
	if err != nil {
		return "rejected"
	}
	if r, ok := result.(*mcp.CallToolResult); ok && r.IsError {
		return "tool-error"
	}
	return "ok"
}

// bounded gives every request its deadline, whether or not its client still
// waits: an older client's going away cancels nothing.
func bounded(limit time.Duration) mcp.Middleware {
	return func(next mcp.MethodHandler) mcp.MethodHandler {
		return func(ctx context.Context, method string, req mcp.Request) (mcp.Result, error) {
			ctx, cancel := context.WithTimeout(ctx, limit)
			defer cancel()
			return next(ctx, method, req)
		}
	}
}
