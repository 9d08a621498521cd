package kube

import (
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/sync/singleflight"
	"k8s.io/client-go/rest"

	"kubernetes-mcp-edge/extproc/kubeheader"
)

// entry is one caller on one server: his transport, his token on top of it, and
// what he has learnt of the server's API. Nothing of it is shared with another
// caller, not even with one of the same server: a caller chooses the CA, so two
// may mean different servers by one URL.
type entry struct {
	base    *url.URL
	client  *http.Client
	guard   *guard
	auth    kubeheader.Auth
	now     func() time.Time
	born    time.Time
	until   time.Time // zero: the credential has no known end
	weighed func()    // makes the pool look at the weight again
	fate    fate

	fixed   uint32 // bytes, about, at birth
	learned atomic.Uint32

	target target
	large  *large

	flights singleflight.Group
	mu      sync.Mutex
	groups  map[string]*group // by group/version
	shelf   *shelf            // where entries that were told the same keep it once
	version string            // the server's, once asked
}

// entryBase is about what a transport with a few connections costs, in bytes.
const entryBase = 128 << 10

// newEntry builds everything that needs no network.
func newEntry(t kubeheader.Target, rules Rules, until time.Time, now func() time.Time) (*entry, error) {
	tlsc, err := tlsConfig(t, rules.PublicRoots)
	if err != nil {
		return nil, err
	}
	base, err := url.Parse(t.Server.String())
	if err != nil {
		return nil, fmt.Errorf("kube: the server URL: %w", err)
	}
	e := &entry{base: base, auth: t.Auth, now: now, born: now(), until: until, groups: map[string]*group{}}
	e.guard = &guard{
		scheme: base.Scheme, host: base.Host, prefix: strings.TrimSuffix(base.Path, "/"),
		transport: newTransport(t.Server, tlsc, rules),
		upgrading: sync.OnceValue(func() *http.Transport { return newUpgradingTransport(t.Server, tlsc, rules) }),
		access:    rules.Access, learnt: e.learnt, answered: e.answered, failed: e.failed, proven: &e.fate.proven,
	}
	e.guard.lines.watch(e.guard.transport)
	if e.client, err = rest.HTTPClientFor(restConfig(t, e.guard)); err != nil {
		return nil, fmt.Errorf("kube: building the client: %w", err)
	}
	e.fixed = entryBase + uint32(credentialSize(t.Auth)) //nolint:gosec // headers are at most 64 KiB
	if ca, ok := t.Trust.(kubeheader.CA); ok {
		e.fixed += 4 * uint32(ca.PEM.Len()) //nolint:gosec // headers are at most 64 KiB
	}
	return e, nil
}

// weight is about how many bytes the entry holds.
func (e *entry) weight() uint32 { return e.fixed + e.learned.Load() }

// retire closes the connections that are idle, and the others once their calls
// have finished.
func (e *entry) retire() { e.guard.retire() }

// over reports whether the entry may no longer begin a call.
func (e *entry) over(now time.Time, age time.Duration) bool {
	return now.Sub(e.born) >= age || (!e.until.IsZero() && !now.Before(e.until))
}
