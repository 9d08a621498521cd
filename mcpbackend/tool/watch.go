package tool

import (
	"context"

	"github.com/modelcontextprotocol/go-sdk/mcp"
)

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

type stepKey struct{}

// Stepped returns a context in which Step calls tell.
func Stepped(ctx context.Context, tell func(message string)) context.Context {
	return context.WithValue(ctx, stepKey{}, tell)
}

// Step says what a long call does now, for whoever waits for it. The message is
// the program's own words: nothing of the cluster or the caller is in it.
func Step(ctx context.Context, message string) {
	if tell, ok := ctx.Value(stepKey{}).(func(string)); ok {
		tell(message)
	}
}
