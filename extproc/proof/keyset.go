package proof

import (
	"crypto/ed25519"
	"encoding/base64"
	"errors"
	"fmt"
	"maps"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
)

// rereadAfter is how long an unknown key id waits for the next look at the file.
const rereadAfter = time.Second

// curve is the crv of RFC 8037, and an alg of RFC 9864.
const curve = "Ed25519"

// jwk is an Ed25519 public key in a JSON Web Key Set (RFC 7517, RFC 8037).
// Members that are not listed are ignored, as RFC 7517 (4) asks.
type jwk struct {
	KeyType string         `json:"kty"`
	Curve   string         `json:"crv"`
	X       string         `json:"x"`
	ID      string         `json:"kid,omitempty"`
	Use     string         `json:"use,omitempty"`
	Alg     string         `json:"alg,omitempty"`
	Private jsontext.Value `json:"d,omitempty"`
}

type jwks struct {
	Keys []jwk `json:"keys"`
}

// EncodeKeySet returns the content of the backend's key file.
func EncodeKeySet(keys ...ed25519.PublicKey) ([]byte, error) {
	set := jwks{Keys: []jwk{}}
	for _, key := range keys {
		set.Keys = append(set.Keys, jwk{
			KeyType: "OKP", Curve: curve, X: base64.RawURLEncoding.EncodeToString(key),
			ID: thumbprint(key), Use: "sig", Alg: "EdDSA",
		})
	}
	out, err := json.Marshal(set, jsontext.WithIndent("  "))
	if err != nil {
		return nil, fmt.Errorf("encoding the key set: %w", err)
	}
	return append(out, '\n'), nil
}

// DecodeKeySet reads the content of a key set file: one to 16 Ed25519 public
// keys, in file order. A kid must be the RFC 7638 thumbprint; a private member
// is refused, since the file goes where nobody may sign.
func DecodeKeySet(content []byte) ([]ed25519.PublicKey, error) {
	var set jwks
	if err := json.Unmarshal(content, &set); err != nil {
		// The decoder's text may quote what it read, a private key included.
		return nil, errors.New(`it is not a JSON Web Key Set: want {"keys":[…]}`)
	}
	keys := make([]ed25519.PublicKey, 0, len(set.Keys))
	known := make(map[string]bool, len(set.Keys))
	for i, entry := range set.Keys {
		key, err := entry.public()
		if err != nil {
			return nil, fmt.Errorf("key %d: %w", i+1, err)
		}
		id := thumbprint(key)
		if known[id] {
			return nil, fmt.Errorf("key %d is in the set twice", i+1)
		}
		known[id] = true
		keys = append(keys, key)
	}
	switch {
	case len(keys) == 0:
		return nil, errors.New("there is no key in it: make one with kubemcp keys new")
	case len(keys) > maxKeys:
		return nil, fmt.Errorf("%d keys are more than %d: drop old ones with kubemcp keys prune", len(keys), maxKeys)
	}
	return keys, nil
}

func (k jwk) public() (ed25519.PublicKey, error) {
	switch {
	case k.Private != nil:
		return nil, errors.New("it has the private member d: this file is for public keys")
	case k.KeyType != "OKP" || k.Curve != curve:
		return nil, errors.New("want kty OKP and crv Ed25519")
	case k.Use != "" && k.Use != "sig":
		return nil, errors.New("want use sig, or none")
	case k.Alg != "" && k.Alg != "EdDSA" && k.Alg != curve: // RFC 8037, RFC 9864
		return nil, errors.New("want alg EdDSA, or none")
	}
	public, err := base64.RawURLEncoding.Strict().DecodeString(k.X)
	if err != nil || len(k.X) != base64.RawURLEncoding.EncodedLen(ed25519.PublicKeySize) || len(public) != ed25519.PublicKeySize {
		return nil, errors.New("x is not 32 bytes in base64url")
	}
	if k.ID != "" && k.ID != thumbprint(public) {
		return nil, errors.New("kid is not the RFC 7638 thumbprint of x: correct it or leave it out")
	}
	return public, nil
}

// KeySet is the backend's key file. It is safe for concurrent use.
type KeySet struct {
	path    string
	current atomic.Pointer[publicKeys]

	mu       sync.Mutex // one reader of the file at a time
	seen     digest
	lastRead time.Time
	reported *publicKeys // what Refresh last told of
}

// publicKeys is one content of the file. Its address identifies it.
type publicKeys map[string]ed25519.PublicKey // by thumbprint

// LoadKeySet reads a JWKS file, as EncodeKeySet writes it. It must hold a key.
func LoadKeySet(path string) (*KeySet, error) {
	set := &KeySet{path: path}
	if _, err := set.Refresh(time.Time{}); err != nil {
		return nil, err
	}
	return set, nil
}

// Refresh reads the file again and reports whether its content changed since
// the last time that it did, be it now or at the sight of an unknown key id. On
// an error the last good keys stay in use; the error repeats until the file is
// mended.
func (s *KeySet) Refresh(now time.Time) (changed bool, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	err = s.refresh(now)
	changed = s.reported != s.current.Load()
	s.reported = s.current.Load()
	return changed, err
}

// IDs are the thumbprints of the keys in use, sorted.
func (s *KeySet) IDs() []string {
	return slices.Sorted(maps.Keys(*s.current.Load()))
}

func (s *KeySet) refresh(now time.Time) error {
	s.lastRead = now
	content, sum, err := readKeyFile(s.path, false)
	if err != nil {
		return fmt.Errorf("reading the key set: %w", err)
	}
	if s.current.Load() != nil && sum == s.seen {
		return nil
	}
	decoded, err := DecodeKeySet(content)
	if err != nil {
		return fmt.Errorf("reading the key set from %s: %w", s.path, err)
	}
	keys := make(publicKeys, len(decoded))
	for _, key := range decoded {
		keys[thumbprint(key)] = key
	}
	s.current.Store(&keys)
	s.seen = sum
	return nil
}

// look reads the file again unless that was done within the last second, and
// returns the keys. Whoever comes while another reads waits for that read. The
// error is left to the periodic Refresh to report: it repeats.
func (s *KeySet) look(now time.Time) *publicKeys {
	s.mu.Lock()
	defer s.mu.Unlock()
	// A clock that was set back must not delay the next read.
	if since := now.Sub(s.lastRead); since < 0 || since >= rereadAfter {
		_ = s.refresh(now)
	}
	return s.current.Load()
}
