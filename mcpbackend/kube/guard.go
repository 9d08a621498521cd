package kube

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"sync"
	"sync/atomic"

	"kubernetes-mcp-edge/extproc/access"
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
	errBusy       = errors.New("too many calls to this API server are under way")
)

// agent is the User-Agent of the requests under a decision.
func agent(decision string) string {
	if !jsonrpc.ValidDecision(decision) {
		return ""
	}
	return userAgent + " (decision " + decision + ")"
}

// guard is the last RoundTripper before the network, and the only one that
// holds a transport. client-go puts the token on above it, so what the guard
// refuses to send leaves no trace on any wire.
type guard struct {
	scheme, host string // of the verified server
	prefix       string // of every path; "" or begins with a slash
	transport    *http.Transport
	lines        lines                  // of transport
	upgrading    func() *http.Transport // for requests that take the connection over

	access   access.Rules
	allowed  verbs                                                 // by the operator, for any client
	learnt   func(group, version, plural string) (k Kind, ok bool) // the kind behind a plural
	answered func(status int)                                      // told of every answer
	failed   func(err error)                                       // told why none came
	proven   *atomic.Bool                                          // whether the server has answered to the credential; nil: it has
	room     *room                                                 // shared with all who call this server
	observe  observer                                              // told of every request that was sent; may be nil

	mu       sync.Mutex
	inFlight int
	retired  bool
}

// RoundTrip sends one request to the verified server and hands back an answer
// that is no redirect, ends at maxBody and carries no header that would steer
// client-go: Retry-After makes it sleep and repeat, Warning makes it log.
func (g *guard) RoundTrip(req *http.Request) (*http.Response, error) {
	ctx := req.Context()
	s := saidIn(ctx)
	seen := g.watch(req)
	if err := g.admit(req, s); err != nil {
		closeBody(req)
		return nil, err
	}
	req = owned(req, s)
	transport := g.transport
	if len(req.Header["Upgrade"]) > 0 {
		transport = g.upgrading()
	}
	resp, err := transport.RoundTrip(req)
	if err != nil {
		g.end()
		seen(0)
		g.failed(err)
		return nil, err
	}
	seen(resp.StatusCode)
	if resp, err = g.answer(ctx, resp, transport != g.transport); err == nil {
		g.answered(resp.StatusCode)
	}
	return resp, err
}

// admit refuses what may not be sent, and counts what may as under way.
func (g *guard) admit(req *http.Request, s *said) error {
	if req.URL.Scheme != g.scheme || req.URL.Host != g.host || (req.Host != "" && req.Host != g.host) {
		return errOtherHost
	}
	if _, ok := req.Context().Deadline(); !ok {
		return errNoDeadline
	}
	if err := g.permit(req, s.may); err != nil {
		return err
	}
	return g.begin()
}

// owned is the request with the headers that are the guard's to say: a
// RoundTripper changes none that it was given.
func owned(req *http.Request, s *said) *http.Request {
	_, encoded := req.Header["Accept-Encoding"]
	if s.agent == "" && !encoded {
		return req
	}
	mine := *req
	mine.Header = req.Header.Clone()
	mine.Header.Del("Accept-Encoding") // net/http hands on what a caller asked for himself
	if s.agent != "" {
		mine.Header["User-Agent"] = []string{s.agent}
	}
	return &mine
}

// answer bounds what came back, or refuses it.
func (g *guard) answer(ctx context.Context, resp *http.Response, upgraded bool) (*http.Response, error) {
	body := newCappedBody(ctx, resp.Body, g.end)
	writer, both := resp.Body.(io.Writer)
	resp.Body = body
	switch {
	case resp.StatusCode == http.StatusSwitchingProtocols && upgraded && both:
		resp.Body = &takenOver{cappedBody: body, Writer: writer}
	case resp.StatusCode < 200:
		_ = body.Close()
		return nil, errNoAnswer
	case resp.StatusCode >= 300 && resp.StatusCode < 400:
		_ = body.Close()
		return nil, errRedirect
	case resp.ContentLength > maxBody:
		_ = body.Close()
		return nil, errBodyLimit
	}
	for _, name := range []string{"Retry-After", "Warning", "Set-Cookie"} {
		delete(resp.Header, name)
	}
	return resp, nil
}

// takenOver is the connection behind a 101: read like any answer, and written to.
type takenOver struct {
	*cappedBody
	io.Writer
}

func closeBody(req *http.Request) {
	if req.Body != nil {
		_ = req.Body.Close()
	}
}

func (g *guard) begin() error {
	if !g.room.enter() {
		return errBusy
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	g.inFlight++
	return nil
}

func (g *guard) end() {
	g.room.leave()
	g.mu.Lock()
	defer g.mu.Unlock()
	g.inFlight--
	// A server that has not answered yet keeps no connection: it may be one that
	// only wants them.
	if g.inFlight == 0 && (g.retired || g.proven != nil && !g.proven.Load()) {
		g.hangUp()
	}
}

// hangUp ends all connections while there is no call, and none can begin.
func (g *guard) hangUp() {
	g.lines.cut()
	g.transport.CloseIdleConnections()
}

// retire closes what is idle now and the rest when its calls have finished.
// Calls under way are not disturbed.
func (g *guard) retire() {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.retired = true
	if g.inFlight == 0 {
		g.hangUp()
		return
	}
	g.transport.CloseIdleConnections()
}

// revive takes back what retire said, for an entry that is kept after all.
func (g *guard) revive() {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.retired = false
}
