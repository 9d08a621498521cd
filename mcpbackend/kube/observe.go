package kube

import (
	"context"
	"net/http"
	"sync"
	"time"

	"kubernetes-mcp-edge/extproc/access"
	"kubernetes-mcp-edge/extproc/proof"
)

// Act is what one request does to an API server. Its words are parts of a path
// that passed as names, and say nothing of what the request or its answer hold.
type Act struct {
	// Verb is RBAC's, or "exec".
	Verb string
	// Group is "" for the core group.
	Group, Resource, Subresource string
	// Namespace is "" for what has none, and for all.
	Namespace string
}

// Acts remembers what is done under a context, for one line in a log: the last
// request for a resource, or where there was none, the last question about the
// caller himself. Discovery does not count.
type Acts struct {
	mu       sync.Mutex
	last     Act
	resource bool
	any      bool
	accepted bool
}

type actsKey struct{}

// Recorded returns a context whose requests are remembered in acts, those that
// were refused here included.
func Recorded(ctx context.Context) (recorded context.Context, acts *Acts) {
	acts = new(Acts)
	return context.WithValue(ctx, actsKey{}, acts), acts
}

// Last is what was done last; false if nothing was.
func (a *Acts) Last() (Act, bool) {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.last, a.any
}

// Accepted reports whether an API server has answered to the caller's credential
// under ctx, which is one of Recorded: with what was asked for, or that he may
// not have it.
func Accepted(ctx context.Context) bool {
	a, ok := ctx.Value(actsKey{}).(*Acts)
	if !ok {
		return false
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.accepted
}

// answered takes note of an answer's status.
func (a *Acts) answered(status int) {
	if !proves(status) {
		return
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	a.accepted = true
}

func (a *Acts) add(w *wired) {
	if w.sort == unknown || w.sort == document {
		return
	}
	act := Act{Verb: w.Verb, Group: w.Group, Resource: w.Resource, Subresource: w.Subresource, Namespace: w.Namespace}
	if w.sort == command {
		act.Verb = verbExec
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.resource && w.sort == review {
		return
	}
	a.last, a.any, a.resource = act, true, a.resource || w.sort != review
}

// What Config.Observe is told beside RBAC's verbs.
const (
	verbDiscovery = "discovery" // what the server offers, and its version
	verbReview    = "review"    // who the caller is and what he may do
	verbExec      = "exec"
	verbOther     = "other"
)

// Verbs are all that Config.Observe can be told.
func Verbs() []string {
	return append(access.Verbs(), verbDiscovery, verbReview, verbExec, verbOther)
}

// counted is the word for a request in a metric, one of Verbs.
func (w *wired) counted() string {
	switch {
	case w.sort == document:
		return verbDiscovery
	case w.sort == review:
		return verbReview
	case w.sort == command:
		return verbExec
	case w.sort == unknown, w.Verb == "":
		return verbOther
	}
	return w.Verb
}

// observer is Config.Observe.
type observer func(verb string, status int, took time.Duration)

// watch remembers a request, and returns what to call with the status of its
// answer, which is 0 if none came.
func (g *guard) watch(req *http.Request) (answered func(status int)) {
	acts, _ := req.Context().Value(actsKey{}).(*Acts)
	if acts == nil && g.observe == nil {
		return func(int) {}
	}
	w, began := readWire(req, g.prefix), time.Now()
	if acts != nil {
		acts.add(&w)
	}
	return func(status int) {
		if acts != nil {
			acts.answered(status)
		}
		if g.observe != nil {
			g.observe(w.counted(), status, time.Since(began))
		}
	}
}

// Place tells API servers apart as callers mean them, by URL and by whom they
// trust to be it. It is a map key and holds nothing secret; false for a caller
// who names no server.
func Place(v proof.Verified) (place string, ok bool) {
	t, ok := v.Target()
	if !ok {
		return "", false
	}
	p := targetOf(t)
	return string(p.trust[:]) + p.server, true
}
