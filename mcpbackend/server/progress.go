package server

import (
	"context"
	"sync"
	"time"

	"github.com/modelcontextprotocol/go-sdk/mcp"

	"kubernetes-mcp-edge/mcpbackend/tool"
)

const (
	// firstProgress is how long a call is silent; most are over by then.
	firstProgress = 2 * time.Second
	// nextProgress is the longest pause afterwards. It is well below the idle
	// timeouts of what may stand in between.
	nextProgress = 5 * time.Second
	// leastProgress is the shortest, however many steps a tool has.
	leastProgress = time.Second
	// maxToken bounds the token that is repeated with each notification, in bytes.
	maxToken = 256
)

// progressing tells a client that asked for it how a long call goes on.
func progressing(next mcp.MethodHandler) mcp.MethodHandler {
	return func(ctx context.Context, method string, req mcp.Request) (mcp.Result, error) {
		send := sender(req)
		if send == nil {
			return next(ctx, method, req)
		}
		ctx, stop := reporting(ctx, send)
		defer stop() // before the result, which has to be the last message
		return next(ctx, method, req)
	}
}

// send sends one notification: how many there were, and what is being done.
type send func(ctx context.Context, progress float64, message string) error

// sender is how to tell the client; nil if he did not ask for it in a way that
// can be answered.
func sender(req mcp.Request) send {
	var token any
	var session *mcp.ServerSession
	switch r := req.(type) {
	case *mcp.CallToolRequest:
		token, session = r.Params.GetProgressToken(), r.Session
	case *mcp.GetPromptRequest:
		token, session = r.Params.GetProgressToken(), r.Session
	}
	switch t := token.(type) {
	case string:
		if len(t) > maxToken {
			return nil
		}
	case float64, int, int64:
	default:
		return nil
	}
	return func(ctx context.Context, progress float64, message string) error {
		return session.NotifyProgress(ctx, &mcp.ProgressNotificationParams{ProgressToken: token, Progress: progress, Message: message})
	}
}

// reporting reports after a while and then from time to time, and what tool.Step
// says meanwhile, until stop has returned. What is counted are the reports: how
// much there is to do, a tool does not know.
func reporting(ctx context.Context, report send) (stepped context.Context, stop func()) {
	steps := make(chan string, 1)
	ctx, cancel := context.WithCancel(ctx)
	var reporter sync.WaitGroup
	reporter.Go(func() { reportSteps(ctx, steps, report) })
	return tool.Stepped(ctx, func(message string) { putLast(steps, message) }), func() {
		cancel()
		reporter.Wait()
	}
}

// putLast leaves the message to be read in place of the one before it.
func putLast(steps chan string, message string) {
	for {
		select {
		case steps <- message:
			return
		default:
		}
		select {
		case <-steps:
		default:
		}
	}
}

func reportSteps(ctx context.Context, steps <-chan string, report send) {
	message, last := "waiting for the API server", time.Time{}
	timer := time.NewTimer(firstProgress)
	defer timer.Stop()
	for n := 0; ; {
		select {
		case <-ctx.Done():
			return
		case message = <-steps:
			if n > 0 {
				timer.Reset(leastProgress - time.Since(last))
			}
			continue
		case <-timer.C:
		}
		n++
		if ctx.Err() != nil || report(ctx, float64(n), message) != nil {
			return
		}
		last = time.Now()
		timer.Reset(nextProgress)
	}
}
