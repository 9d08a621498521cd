package server

import (
	"context"
	"strings"

	"github.com/modelcontextprotocol/go-sdk/jsonrpc"
	"github.com/modelcontextprotocol/go-sdk/mcp"

	"kubernetes-mcp-edge/extproc/policy"
	"kubernetes-mcp-edge/extproc/proof"
	"kubernetes-mcp-edge/mcpbackend/admit"
	"kubernetes-mcp-edge/mcpbackend/kube"
	"kubernetes-mcp-edge/mcpbackend/tool"
)

// The limits, as metrics name them.
const (
	limitCaller       = "caller"
	limitAll          = "all"
	limitCallerRate   = "caller-rate"
	limitNewcomerRate = "newcomer-rate"
	limitServerRate   = "server-rate"
)

func limits() []string {
	return []string{limitCaller, limitAll, limitCallerRate, limitNewcomerRate, limitServerRate}
}

// busyText is what the model is told when a call is over a limit.
func busyText(limit string) string {
	switch limit {
	case limitCaller:
		return busyCaller
	case limitCallerRate:
		return busyCallerRate
	case limitNewcomerRate:
		return busyNewcomerRate
	case limitServerRate:
		return busyServerRate
	}
	return busyAll
}

// What the model is told when a call does not get its turn.
const (
	busyCaller       = "Too many calls with this credential are under way. Nothing was asked of the cluster: wait for the other answers, then call again."
	busyAll          = "The server has as many calls under way as it can carry. Nothing was asked of the cluster: call again in a few seconds."
	busyCallerRate   = "Too many calls with this credential came in the last seconds. Nothing was asked of the cluster: call again in a few seconds, and ask for more in fewer calls."
	busyNewcomerRate = "Too many calls came from this network address with credentials that no cluster has accepted yet. Nothing was asked of the cluster: call again in a few seconds."
	busyServerRate   = "Too many calls to this cluster came in the last seconds, from everybody together. Nothing was asked of the cluster: call again in a few seconds."
)

// limiter holds requests to what the operator allows.
type limiter struct {
	rates  *rates
	calls  *shares // of what reaches a cluster
	others *shares // of what does not, so that neither waits for the other
	fresh  *shares // of calls, what those may have together whom no API server has accepted yet
	counts *counts
}

func newLimiter(l policy.BackendLimits, proven func(proof.Verified) bool, c *counts) *limiter {
	return &limiter{
		rates: newRates(l, proven), counts: c,
		fresh: newShares(max(1, l.Calls/2), l.Calls, func(string) { c.waited(limitAll) }),
		calls: newShares(l.CallsPerCaller, l.Calls, c.waited), others: newShares(l.CallsPerCaller, l.Calls, c.waited),
	}
}

// reaches reports whether a request of this method can reach a cluster.
func reaches(method string) bool { return method == methodCallTool || method == methodGetPrompt }

// limited lets a request begin when its caller's turn has come. Notifications
// have no answer in which he could be told, and cost nothing.
func (l *limiter) limited(next mcp.MethodHandler) mcp.MethodHandler {
	return func(ctx context.Context, method string, req mcp.Request) (mcp.Result, error) {
		if strings.HasPrefix(method, "notifications/") {
			return next(ctx, method, req)
		}
		caller, _ := admit.FromContext(ctx)
		give, over := l.begin(ctx, method, caller)
		if over != "" {
			l.counts.busy(over)
			return busy(ctx, method, busyText(over))
		}
		defer give()
		result, err := next(ctx, method, req)
		switch {
		case tool.Trouble(ctx) == kube.Unauthorized.String():
			l.rates.refused(caller)
		case kube.Accepted(ctx):
			l.rates.accepted(caller)
		}
		return result, err
	}
}

// begin waits for the turn, and returns how to end it or which limit forbids it.
func (l *limiter) begin(ctx context.Context, method string, caller admit.Caller) (give func(), over string) {
	who := account(caller)
	if !reaches(method) {
		return l.others.take(ctx, who)
	}
	if over = l.rates.take(caller); over != "" {
		return nil, over
	}
	if l.rates.known(caller) {
		return l.calls.take(ctx, who)
	}
	// Made-up credentials make any number of callers, who cannot have the turns of
	// those that are known.
	giveFresh, over := l.fresh.take(ctx, "")
	if over != "" {
		return nil, limitAll
	}
	giveCall, over := l.calls.take(ctx, who)
	if over != "" {
		giveFresh()
		return nil, over
	}
	return func() { giveCall(); giveFresh() }, ""
}

// busy is the answer to a request that is not carried out: text for the model
// where there is room for it.
func busy(ctx context.Context, method, text string) (mcp.Result, error) {
	answer := tool.Busy(ctx, text)
	if method == methodCallTool {
		return answer, nil
	}
	return nil, tool.Failure(ctx, jsonrpc.CodeInternalError, tool.WordBusy, text)
}
