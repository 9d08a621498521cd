package serve

import (
	"context"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"kubernetes-mcp-edge/extproc/observe"
	"kubernetes-mcp-edge/extproc/policy"
)

// fileInterval is how often each file is looked at. A policy is in force
// everywhere within 45 s of its change, most of which is the time that a
// cluster takes to bring it to the machine; a rotated key signs 60 s after it
// was made, so it is known well before.
//
// Polling the content survives what file events do not: a mounted Secret is
// swapped by renaming a symlink.
const fileInterval = 3 * time.Second

// files are what the guard follows.
type files struct {
	policy, keys, tls *followed // tls is nil without mutual TLS
}

func (f files) all() []*followed {
	if f.tls == nil {
		return []*followed{f.policy, f.keys}
	}
	return []*followed{f.policy, f.keys, f.tls}
}

// follow says what a change of each file means.
func (g *guard) follow() {
	now := time.Now()
	g.files.policy = &followed{
		name: "policy", stays: "the last good policy stays in use", log: g.options.Log, refresh: func(time.Time) (bool, error) { return g.policy.Refresh() },
		changed: g.policyChanged, state: observe.File{Loaded: now},
	}
	g.files.keys = &followed{
		name: "signing keys", stays: "the last good signing keys stay in use", log: g.options.Log, refresh: g.keys.Refresh,
		// The fingerprint depends on the oldest key, which is in no cache key.
		changed: g.engine.Forget, state: observe.File{Loaded: now},
	}
	if g.identity != nil {
		g.files.tls = &followed{
			name: "TLS files", stays: "the last good TLS files stay in use", log: g.options.Log, refresh: g.identity.Refresh,
			changed: func() {}, state: observe.File{Loaded: now}, // the next handshake finds them by itself
		}
	}
}

// policyChanged is called when another policy is in force. Decisions after it
// already follow the new one, whose digest is part of what the cache goes by;
// what is remembered of the old one only takes space.
func (g *guard) policyChanged() {
	g.engine.Forget()
	rules := g.policy.Current()
	g.options.Log.Info("policy in force", "policy_digest", rules.Digest)
	g.warn(rules)
	if keys := g.limits.Changed(rules.Limits.Guard); len(keys) > 0 {
		g.options.Log.Warn("a change of limits takes effect at the next start", "keys", keys)
	}
}

// warn logs what is legal in a policy but cannot be meant.
func (g *guard) warn(rules *policy.Policy) {
	for _, warning := range rules.Warnings() {
		g.options.Log.Warn(warning, "policy", g.options.PolicyFile)
	}
}

// followed is a file, or several that belong together, of which the last good
// content stays in use.
type followed struct {
	name    string
	stays   string // what the log says of a failure
	refresh func(now time.Time) (changed bool, err error)
	changed func()
	log     *slog.Logger

	mu    sync.Mutex
	state observe.File
	last  string // the last failure, which is logged once
}

// status is how it goes.
func (f *followed) status() observe.File {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.state
}

// follow looks at the file from time to time until ctx ends.
func (f *followed) follow(ctx context.Context, interval time.Duration) {
	ticker := time.NewTicker(interval)
	defer ticker.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
			f.look(time.Now())
		}
	}
}

// look reads the file once. A failure that lasts is one line in the log, and
// goes on being counted.
func (f *followed) look(now time.Time) {
	changed, err := f.try(now)
	f.mu.Lock()
	before := f.last
	f.last = ""
	f.state.Failing = err != nil
	switch {
	case err != nil:
		f.last = err.Error()
		f.state.Failures++
	case changed:
		f.state.Reloads++
		f.state.Loaded = now
	}
	f.mu.Unlock()
	switch {
	case err != nil && err.Error() != before:
		f.log.Error(f.stays, "error", err)
	case changed:
		f.log.Info(f.name + " reloaded")
		f.changed()
	case err == nil && before != "":
		f.log.Info(f.name + " can be read again: nothing has changed")
	}
}

// try is refresh with a panic turned into an error: a file that the parser
// cannot bear is a bad file, and no reason to stop serving.
func (f *followed) try(now time.Time) (changed bool, err error) {
	defer func() {
		if cause := recover(); cause != nil {
			changed, err = false, fmt.Errorf("reading the %s: panic of type %T", f.name, cause)
		}
	}()
	return f.refresh(now)
}
