package kube

import (
	"context"
	"crypto/x509"
	"errors"
	"fmt"
	"time"

	"golang.org/x/sync/singleflight"

	"kubernetes-mcp-edge/extproc/hostpolicy"
	"kubernetes-mcp-edge/extproc/kubeheader"
	"kubernetes-mcp-edge/extproc/proof"
)

// Rules are the part of the operator's policy that the room needs. They are
// read anew for every client that is built.
type Rules struct {
	Hosts       *hostpolicy.Policy // judges every address that is dialled; nil allows none
	PublicRoots *x509.CertPool     // for kubeheader.SystemRoots; nil: there are none
	Generation  string             // changes whenever the policy does, and with it every pool key
}

// Limits bound the pool; a zero field takes its default.
type Limits struct {
	Entries int           // default 1024
	Bytes   int           // default 256 MiB, an estimate
	Idle    time.Duration // an entry not used this long goes; default 10 min
	Age     time.Duration // an entry goes at this age; default 1 h
}

// The defaults of Limits.
const (
	defaultEntries = 1024
	defaultBytes   = 256 << 20
	defaultIdle    = 10 * time.Minute
	defaultAge     = time.Hour
)

func (l Limits) withDefaults() Limits {
	if l.Entries <= 0 {
		l.Entries = defaultEntries
	}
	if l.Bytes <= 0 {
		l.Bytes = defaultBytes
	}
	if l.Idle <= 0 {
		l.Idle = defaultIdle
	}
	if l.Age <= 0 {
		l.Age = defaultAge
	}
	return l
}

// Config is what New needs.
type Config struct {
	Rules  func() Rules     // the policy now
	Limits Limits           //
	Now    func() time.Time // nil: time.Now
}

// Clients makes clients for verified callers and keeps them for their next call.
type Clients struct {
	rules   func() Rules
	now     func() time.Time
	limits  Limits
	keys    *keyer
	pool    pool
	flights singleflight.Group
}

// New makes an empty pool. Close it when done.
func New(c Config) (*Clients, error) {
	if c.Rules == nil {
		return nil, errors.New("kube: Config.Rules is not set")
	}
	if c.Now == nil {
		c.Now = time.Now
	}
	limits := c.Limits.withDefaults()
	p, err := newPool(limits, c.Now)
	if err != nil {
		return nil, err
	}
	return &Clients{rules: c.Rules, now: c.Now, limits: limits, keys: newKeyer(), pool: p}, nil
}

// For is the only door to a cluster. The client acts as exactly the caller v,
// on exactly his server, and its requests carry the decision id. It makes no
// request itself.
//
// The error is ErrNotVerified, ErrAnonymous, an *Error with Trouble Expired, or
// a failure to build a client from values that the contract accepted.
func (c *Clients) For(_ context.Context, v proof.Verified, decision string) (*Client, error) {
	if !v.Valid() {
		return nil, ErrNotVerified
	}
	target, ok := v.Target()
	if !ok {
		return nil, ErrAnonymous
	}
	if until := v.Until(); !until.IsZero() && !c.now().Before(until) {
		return nil, &Error{Trouble: Expired}
	}
	e, err := c.entry(target, v.Until())
	if err != nil {
		return nil, err
	}
	return &Client{entry: e, target: target, decision: decision}, nil
}

// entry finds or builds. Building needs no network, so callers who wait for the
// first of them wait for parsing alone, and his going away changes nothing.
func (c *Clients) entry(t kubeheader.Target, until time.Time) (*entry, error) {
	rules := c.rules()
	if rules.Hosts == nil {
		return nil, errors.New("kube: the policy allows no host")
	}
	key := c.keys.key(t, rules.Generation)
	if e, ok := c.usable(key); ok {
		return e, nil
	}
	made, err, _ := c.flights.Do(string(key[:]), func() (any, error) {
		if e, ok := c.usable(key); ok {
			return e, nil
		}
		e, err := newEntry(t, rules, until, c.now)
		if err != nil {
			return nil, err
		}
		e.dropped = func() { c.pool.drop(key, e) }
		e.weighed = func() { c.pool.weigh(key, e) }
		c.pool.put(key, e)
		return e, nil
	})
	if err != nil {
		return nil, err
	}
	e, ok := made.(*entry)
	if !ok {
		return nil, fmt.Errorf("kube: the pool holds a %T", made)
	}
	return e, nil
}

// usable finds an entry that may begin a call. The cache's own expiry may be a
// second late; this is not.
func (c *Clients) usable(key poolKey) (*entry, bool) {
	e, ok := c.pool.get(key)
	if !ok {
		return nil, false
	}
	if e.over(c.now(), c.limits.Age) {
		e.dropped()
		return nil, false
	}
	return e, true
}

// Forget drops every client, for when the policy or the keys have changed.
// Calls under way finish.
func (c *Clients) Forget() { c.pool.clear() }

// Close drops every client and stops the pool's goroutines.
func (c *Clients) Close() { c.pool.close() }
