package server

import (
	"context"
	"fmt"
	"log/slog"
	"sync"
	"time"
)

// pollInterval is how often the files are looked at. Polling the content
// survives what file events do not: a mounted ConfigMap or Secret is swapped by
// renaming a symlink. An unknown key id makes the verifier look sooner, at most
// once a second.
const pollInterval = 3 * time.Second

// followed is a file, or several that count as one, whose changes are taken over
// while the program runs. A state of it that cannot be used leaves the last good
// one in force.
type followed struct {
	name    string // in metrics
	what    string // in the log
	refresh func(now time.Time) (changed bool, err error)
	changed func() // has been taken over
	log     *slog.Logger

	mu     sync.Mutex
	status fileStatus
	said   string // the failure that the log has
}

// fileStatus is how following has gone.
type fileStatus struct {
	loaded            time.Time
	reloads, failures uint64
	failing           bool
}

// look looks at the file. The log gets one line per change and one per distinct
// failure: the same one again says nothing new.
func (f *followed) look(now time.Time) {
	changed, err := f.try(now)
	said := f.note(now, changed, err)
	if changed {
		f.changed()
		f.log.Info(f.what + " reloaded")
	}
	switch {
	case err == nil && said != "" && !changed:
		f.log.Info(f.what + " readable again, nothing in it changed")
	case err != nil && said != err.Error():
		f.log.Error(f.what+" not reloaded, the last good state stays in force", "error", err)
	}
}

// try is refresh with a panic turned into an error: a file that a parser cannot
// bear is a bad file, and no reason to stop serving. A panic's value may quote the file.
func (f *followed) try(now time.Time) (changed bool, err error) {
	defer func() {
		if cause := recover(); cause != nil {
			changed, err = false, fmt.Errorf("reading the %s: panic of type %T", f.what, cause)
		}
	}()
	return f.refresh(now)
}

// note counts, and returns what the log said of the look before.
func (f *followed) note(now time.Time, changed bool, err error) (said string) {
	f.mu.Lock()
	defer f.mu.Unlock()
	said = f.said
	f.said, f.status.failing = "", err != nil
	if err != nil {
		f.said = err.Error()
		f.status.failures++
	}
	if changed {
		f.status.reloads++
		f.status.loaded = now
	}
	return said
}

func (f *followed) state() fileStatus {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.status
}

// follow looks at every file from time to time, until ctx ends.
func (b *backend) follow(ctx context.Context) {
	ticker := time.NewTicker(b.pollInterval)
	defer ticker.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case now := <-ticker.C:
			b.look(now)
		}
	}
}

// look looks at every file, and at who was turned away meanwhile.
func (b *backend) look(now time.Time) {
	for _, f := range b.files {
		f.look(now)
	}
	b.sayRefused()
}

// followed lists the files. The policy comes first, so that a file which it
// names with others is judged by the new one.
func (b *backend) followed(now time.Time) []*followed {
	files := []*followed{
		{
			name: "policy", what: "policy", changed: b.policyChanged,
			refresh: func(time.Time) (bool, error) { return b.policy.Refresh() },
		},
		{name: "keys", what: "keys", changed: b.clients.Forget, refresh: b.keys.Refresh},
	}
	if b.identity != nil {
		files = append(files, &followed{name: "tls", what: "TLS files", changed: func() {}, refresh: b.identity.Refresh})
	}
	for _, f := range files {
		f.log = b.options.Log
		f.status.loaded = now
	}
	return files
}

// policyChanged drops what was decided under the old policy. The proof's cache
// tells by the pointer, and new clients are built by the new rules; what is left
// are the clients that stand.
func (b *backend) policyChanged() {
	b.clients.Forget()
	b.announce()
	if changed := b.limits.Changed(b.policy.Current().Limits.Backend); len(changed) > 0 {
		b.options.Log.Warn("these limits take effect at the next start", "keys", changed)
	}
}

// announce says which policy is in force, and what in it cannot be meant.
func (b *backend) announce() {
	rules := b.policy.Current()
	for _, warning := range rules.Warnings() {
		b.options.Log.Warn(warning, "policy", b.options.PolicyFile)
	}
	b.options.Log.Info("policy in force", "policy", b.options.PolicyFile, "policy_digest", rules.Digest)
}

// sayRefused writes a line if clients without a name on the list came: Envoy's
// operator sees an alert and no more.
func (b *backend) sayRefused() {
	if b.identity == nil {
		return
	}
	status := b.identity.Status()
	if status.Refused > b.refused {
		b.options.Log.Warn("clients refused", "count", status.Refused-b.refused, "last", status.LastRefusal)
		b.refused = status.Refused
	}
}
