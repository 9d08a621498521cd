package tool

import (
	"context"
	"sync/atomic"

	"github.com/modelcontextprotocol/go-sdk/mcp"
)

// The words that stand beside kube's Troubles for why a call failed.
const (
	WordAnonymous   = "anonymous"    // the caller sent no headers
	WordArguments   = "arguments"    // they were wrong
	WordUnknownKind = "unknown-kind" // the cluster has no such kind
	WordBusy        = "busy"         // too many calls
	WordNotOffered  = "not-offered"  // there is no such tool or prompt for this request
	WordInternal    = "internal"     // this program failed
)

type troubleKey struct{}

// Watched returns a context in which a tool that fails leaves one word about
// why, for the audit line: a Trouble or one of the Words. Trouble reads it.
func Watched(ctx context.Context) context.Context {
	return context.WithValue(ctx, troubleKey{}, new(atomic.Pointer[string]))
}

// Trouble is the word that a call under ctx has left; "" if it left none.
func Trouble(ctx context.Context) string {
	if left, ok := ctx.Value(troubleKey{}).(*atomic.Pointer[string]); ok {
		if word := left.Load(); word != nil {
			return *word
		}
	}
	return ""
}

// Busy is the answer to a call that is not made because too many others are
// under way or were made; text says so. The audit line says "busy".
func Busy(ctx context.Context, text string) *mcp.CallToolResult {
	Note(ctx, WordBusy)
	return &mcp.CallToolResult{IsError: true, Content: []mcp.Content{&mcp.TextContent{Text: text}}}
}

// Note leaves the word for why a call failed; a later one takes its place.
func Note(ctx context.Context, word string) {
	if left, ok := ctx.Value(troubleKey{}).(*atomic.Pointer[string]); ok {
		left.Store(&word)
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
