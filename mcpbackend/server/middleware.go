package server

import (
	"context"
	"errors"
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

// The methods that reach a cluster.
const (
	methodCallTool  = "tools/call"
	methodGetPrompt = "prompts/get"
)

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
					result, err = internal(ctx, method)
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

// internal is the answer to a request that met a mistake of this program.
func internal(ctx context.Context, method string) (mcp.Result, error) {
	const text = "the server failed on this request; try once more, and tell the user if it fails again"
	tool.Note(ctx, tool.WordInternal)
	if method == methodCallTool {
		failed := &mcp.CallToolResult{IsError: true, Content: []mcp.Content{&mcp.TextContent{Text: text}}}
		tool.Explain(failed, tool.WordInternal)
		return failed, nil
	}
	return nil, tool.Failure(ctx, jsonrpc.CodeInternalError, tool.WordInternal, text)
}

// coded sees to it that every error has a code: go-sdk would send any other as
// code 0, with its text, which may hold anything.
func coded(next mcp.MethodHandler) mcp.MethodHandler {
	return func(ctx context.Context, method string, req mcp.Request) (mcp.Result, error) {
		result, err := next(ctx, method, req)
		if err == nil {
			return result, nil
		}
		if known, ok := errors.AsType[*jsonrpc.Error](err); ok && known.Code != 0 {
			return nil, err
		}
		return internal(ctx, method)
	}
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
