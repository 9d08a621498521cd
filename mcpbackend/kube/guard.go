package kube

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"sync"

	"kubernetes-mcp-edge/extproc/jsonrpc"
)

// userAgent is what every request begins its User-Agent with; the decision id
// follows, so that the API server's audit log can be joined with ours. Nothing
// a client says about itself is repeated there.
const userAgent = "kubernetes-mcp-edge"

const jsonType = "application/json"

// maxBody bounds one answer, in bytes. 500 rows of a table with metadata are
// about 3 MiB; an object in etcd is at most 1.5 MiB.
const maxBody = 8 << 20

// Mistakes of a server or of this program that the guard stops.
var (
	errRedirect   = errors.New("the API server answered with a redirect")
	errBodyLimit  = fmt.Errorf("the API server's answer is larger than %d MiB", maxBody>>20)
	errNoDeadline = errors.New("a call without a deadline")
	errOtherHost  = errors.New("a call to another host than the verified one")
	errNoAnswer   = errors.New("the API server answered with a status that ends no call")
)

type decisionKey struct{}

// withDecision makes the requests under ctx carry the decision id.
func withDecision(ctx context.Context, decision string) context.Context {
	return context.WithValue(ctx, decisionKey{}, decision)
}

// guard is the last RoundTripper before the network, and the only one that
// holds a transport. client-go puts the token on above it, so what the guard
// refuses to send leaves no trace on any wire.
type guard struct {
	scheme, host string // of the verified server
	transport    *http.Transport

	mu       sync.Mutex
	inFlight int
	retired  bool
}

// RoundTrip sends one request to the verified server and hands back an answer
// that is no redirect, ends at maxBody and carries no header that would steer
// client-go: Retry-After makes it sleep and repeat, Warning makes it log.
func (g *guard) RoundTrip(req *http.Request) (*http.Response, error) {
	ctx := req.Context()
	if req.URL.Scheme != g.scheme || req.URL.Host != g.host || (req.Host != "" && req.Host != g.host) {
		return nil, errOtherHost
	}
	if _, ok := ctx.Deadline(); !ok {
		return nil, errNoDeadline
	}
	if decision, ok := ctx.Value(decisionKey{}).(string); ok && jsonrpc.ValidDecision(decision) {
		req = req.Clone(ctx)
		req.Header.Set("User-Agent", userAgent+" (decision "+decision+")")
	}
	g.begin()
	resp, err := g.transport.RoundTrip(req)
	if err != nil {
		g.end()
		return nil, err
	}
	body := newCappedBody(ctx, resp.Body, g.end)
	resp.Body = body
	if resp.StatusCode < 200 {
		_ = body.Close()
		return nil, errNoAnswer
	}
	if resp.StatusCode >= 300 && resp.StatusCode < 400 {
		_ = body.Close()
		return nil, errRedirect
	}
	if resp.ContentLength > maxBody {
		_ = body.Close()
		return nil, errBodyLimit
	}
	for _, name := range []string{"Retry-After", "Warning", "Set-Cookie"} {
		resp.Header.Del(name)
	}
	return resp, nil
}

func (g *guard) begin() {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.inFlight++
}

func (g *guard) end() {
	g.mu.Lock()
	g.inFlight--
	last := g.retired && g.inFlight == 0
	g.mu.Unlock()
	if last {
		g.transport.CloseIdleConnections()
	}
}

// retire closes what is idle now and the rest when its calls have finished.
// Calls under way are not disturbed.
func (g *guard) retire() {
	g.mu.Lock()
	g.retired = true
	g.mu.Unlock()
	g.transport.CloseIdleConnections()
}
