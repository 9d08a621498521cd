package proof

import (
	"fmt"
	"slices"
	"sync"
	"sync/atomic"
	"time"
)

// SigningKeys is the edge's key file. It is safe for concurrent use.
type SigningKeys struct {
	path    string
	current atomic.Pointer[[]SigningKey] // in order of activation, never empty

	mu   sync.Mutex // one reader of the file at a time
	seen digest
}

// LoadSigningKeys reads a signing key file, as EncodeSigningKeys writes it. The
// file must not be open to group or others, and must hold a key.
func LoadSigningKeys(path string) (*SigningKeys, error) {
	keys := &SigningKeys{path: path}
	if _, err := keys.Refresh(time.Time{}); err != nil {
		return nil, err
	}
	return keys, nil
}

// Refresh reads the file again and reports whether its content changed. On an
// error the last good keys stay in use; the error repeats until the file is
// mended. The time is not used: keys that become active need no new read.
func (s *SigningKeys) Refresh(time.Time) (changed bool, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	content, sum, err := readKeyFile(s.path, true)
	if err != nil {
		return false, fmt.Errorf("reading the signing keys: %w", err)
	}
	defer clear(content)
	if s.current.Load() != nil && sum == s.seen {
		return false, nil
	}
	keys, err := DecodeSigningKeys(content)
	if err != nil {
		return false, fmt.Errorf("reading the signing keys from %s: %w", s.path, err)
	}
	s.current.Store(&keys)
	s.seen = sum
	return true, nil
}

// Active is the key that signs: the newest whose time has come. The oldest key
// counts as active whatever its time, so there always is one.
func (s *SigningKeys) Active(now time.Time) SigningKey {
	keys := *s.current.Load()
	active := keys[0]
	for _, key := range keys[1:] {
		if !key.activateAt.After(now) {
			active = key
		}
	}
	return active
}

// Oldest is the active key that has been so for longest. The fingerprint's key
// is derived from it, since it is the one that all replicas have had time to read.
func (s *SigningKeys) Oldest(time.Time) SigningKey { return (*s.current.Load())[0] }

// All are the keys in the file, in order of activation.
func (s *SigningKeys) All() []SigningKey { return slices.Clone(*s.current.Load()) }
