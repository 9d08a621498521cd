package kube

import (
	"context"
	"crypto/x509"
	"errors"
	"fmt"
	"sync/atomic"
	"time"

	"golang.org/x/sync/singleflight"

	"kubernetes-mcp-edge/extproc/access"
	"kubernetes-mcp-edge/extproc/hostpolicy"
	"kubernetes-mcp-edge/extproc/kubeheader"
	"kubernetes-mcp-edge/extproc/proof"
)

// Rules are the part of the operator's policy that the room needs. They are
// read anew for every client that is built.
type Rules struct {
	Hosts       *hostpolicy.Policy // judges every address that is dialled; nil allows none
	DNS         string             // HOST:PORT of the server that resolves API servers\' names; "": the machine\'s
	Access      access.Rules       // judges every request for a resource; zero allows all
	PublicRoots *x509.CertPool     // for kubeheader.SystemRoots; nil: there are none
	Generation  string             // changes whenever the policy does, and with it every pool key
}

// Limits bound the pool; a zero field takes its default.
type Limits struct {
	Entries int           // default 1024
	Bytes   int           // default 256 MiB, an estimate
	Idle    time.Duration // an entry not used this long goes; default 10 min
	Age     time.Duration // an entry goes at this age; default 1 h
	Target  int           // calls to one server, by URL and CA, at a time, whoever makes them; default 256
}

// The defaults of Limits.
const (
	defaultEntries = 1024
	defaultBytes   = 256 << 20
	defaultIdle    = 10 * time.Minute
	defaultAge     = time.Hour
	defaultTarget  = 256
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
	if l.Target <= 0 {
		l.Target = defaultTarget
	}
	return l
}

// Config is what New needs.
type Config struct {
	Rules  func() Rules     // the policy now
	Limits Limits           //
	Writes bool             // a client may be Writing
	Execs  bool             // a client may be Executing
	Now    func() time.Time // nil: time.Now

	// Observe is told of every request that was sent, once its answer begins or
	// none will come: the word for what it did, out of Verbs, the HTTP status or 0,
	// and how long that took. It may be nil.
	Observe func(verb string, status int, took time.Duration)
}

// Clients makes clients for verified callers and keeps them for their next call.
type Clients struct {
	rules   func() Rules
	now     func() time.Time
	limits  Limits
	allowed verbs
	observe observer
	keys    *keyer
	shelf   shelf
	pool    pool
	fresh   *newcomers
	rooms   *rooms
	large   *large
	held    *holds
	flights singleflight.Group

	hits, misses atomic.Uint64
	evictions    [causes]atomic.Uint64
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
	out := &Clients{
		rules: c.Rules, now: c.Now, limits: limits, keys: newKeyer(), rooms: newRooms(limits.Target), large: newLarge(), held: newHolds(), observe: c.Observe,
	}
	if c.Writes {
		out.allowed |= writes
	}
	if c.Execs {
		out.allowed |= execs
	}
	out.fresh = newNewcomers(out.let)
	var err error
	out.pool, err = newPool(limits, c.Now, out.let)
	if err != nil {
		return nil, err
	}
	return out, nil
}

// let counts an entry that the pool let go of.
func (c *Clients) let(why Cause) { c.evictions[why].Add(1) }

// For is the only door to a cluster. The client acts as exactly the caller v,
// on exactly his server, and its requests carry the decision id. It makes no
// request itself. ctx is the call's: with it ends the room for what was read.
//
// The error is ErrNotVerified, ErrAnonymous, an *Error with Trouble Expired, or
// a failure to build a client from values that the contract accepted.
func (c *Clients) For(ctx context.Context, v proof.Verified, decision string) (*Client, error) {
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
	return &Client{entry: e, target: target, said: &said{agent: agent(decision)}, hold: c.held.begin(ctx, e.target)}, nil
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
		c.hits.Add(1)
		return e, nil
	}
	c.misses.Add(1)
	made, err, _ := c.flights.Do(string(key[:]), func() (any, error) {
		if e, ok := c.usable(key); ok {
			return e, nil
		}
		e, err := newEntry(t, rules, until, c.now)
		if err != nil {
			return nil, err
		}
		c.adopt(key, e, t)
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

// adopt ties an entry to the pool. It waits among the newcomers until a server
// has answered to its credential: until then nothing tells it from a guess.
func (c *Clients) adopt(key poolKey, e *entry, t kubeheader.Target) {
	e.guard.allowed = c.allowed
	e.guard.observe = c.observe
	e.shelf = &c.shelf
	e.target, e.large = targetOf(t), c.large
	e.guard.room = &room{rooms: c.rooms, of: e.target}
	e.weighed = func() { c.pool.weigh(key, e) }
	e.fate.drop = func(why Cause) {
		e.fate.gone.Store(true)
		c.fresh.drop(key, e, why)
		c.pool.drop(key, e, why)
	}
	e.fate.prove = func() {
		// In a full pool one answer is too little: whoever has a server of his own
		// gets one to whatever he makes up. There a second use is wanted as well.
		if !c.pool.full() {
			c.keep(key, e)
		}
	}
	c.fresh.put(key, e)
}

// keep moves a newcomer into the pool.
func (c *Clients) keep(key poolKey, e *entry) {
	c.fresh.take(key, e)
	if e.fate.gone.Load() {
		return
	}
	e.guard.revive()
	c.pool.put(key, e)
}

// usable finds an entry that may begin a call. The cache's own expiry may be a
// second late; this is not.
func (c *Clients) usable(key poolKey) (*entry, bool) {
	e, ok := c.pool.get(key)
	fresh := !ok
	if fresh {
		if e, ok = c.fresh.get(key); !ok {
			return nil, false
		}
	}
	if now := c.now(); e.over(now, c.limits.Age) {
		e.dropped(e.expired(now, c.limits.Age))
		return nil, false
	}
	if fresh && e.fate.proven.Load() {
		c.keep(key, e)
	}
	return e, true
}

// Proven reports whether a server has answered to the caller's credential, and
// the pool still holds his client. It makes no request and counts as no use.
func (c *Clients) Proven(v proof.Verified) bool {
	target, ok := v.Target()
	if !ok || !v.Valid() {
		return false
	}
	key := c.keys.key(target, c.rules().Generation)
	e, ok := c.pool.peek(key)
	if !ok {
		e, ok = c.fresh.get(key)
		ok = ok && e.fate.proven.Load()
	}
	return ok && !e.over(c.now(), c.limits.Age)
}

// Forget drops every client, for when the policy or the keys have changed.
// Calls under way finish.
func (c *Clients) Forget() {
	c.fresh.clear()
	c.pool.clear()
}

// Close drops every client and stops the pool's goroutines.
func (c *Clients) Close() {
	c.fresh.clear()
	c.pool.close()
}
