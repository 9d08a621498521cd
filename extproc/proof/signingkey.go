package proof

import (
	"bytes"
	"crypto/ed25519"
	"crypto/hkdf"
	"crypto/rand"
	"crypto/sha256"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"slices"
	"time"
)

const (
	pemType        = "PRIVATE KEY"
	activateHeader = "Activate-At"
	maxKeys        = 16
)

// SigningKey is one Ed25519 key of the edge, with the time from which it signs.
type SigningKey struct {
	id             string
	activateAt     time.Time           // zero: from the beginning
	private        *ed25519.PrivateKey // behind a pointer: fmt prints an address
	fingerprintKey []byte
}

// GenerateSigningKey makes a key that signs from activateAt on; the zero time
// means at once.
func GenerateSigningKey(activateAt time.Time) (SigningKey, error) {
	_, private, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		return SigningKey{}, fmt.Errorf("generating an Ed25519 key: %w", err)
	}
	return newSigningKey(private, activateAt)
}

func newSigningKey(private ed25519.PrivateKey, activateAt time.Time) (SigningKey, error) {
	derived, err := hkdf.Key(sha256.New, private.Seed(), nil, tagPrefix+"fingerprint", sha256.Size)
	if err != nil {
		return SigningKey{}, fmt.Errorf("deriving the fingerprint key: %w", err)
	}
	key := SigningKey{private: &private, activateAt: activateAt, fingerprintKey: derived}
	key.id = thumbprint(key.Public())
	return key, nil
}

// ID is the key's RFC 7638 thumbprint: 43 characters of base64url.
func (k SigningKey) ID() string { return k.id }

// ActivateAt is the time from which the key signs; zero: from the beginning.
func (k SigningKey) ActivateAt() time.Time { return k.activateAt }

// Public is what the backend needs to verify.
func (k SigningKey) Public() ed25519.PublicKey {
	public, _ := k.private.Public().(ed25519.PublicKey)
	return public
}

// Format prints the id alone, under every verb.
func (k SigningKey) Format(f fmt.State, _ rune) { _, _ = io.WriteString(f, "signing key "+k.id) }

func (k SigningKey) sign(message []byte) []byte { return ed25519.Sign(*k.private, message) }

// EncodeSigningKeys returns the content of a signing key file: PKCS#8 in PEM,
// with the PEM header Activate-At (RFC 3339) on a key that signs later.
func EncodeSigningKeys(keys ...SigningKey) ([]byte, error) {
	var out bytes.Buffer
	for _, key := range keys {
		der, err := x509.MarshalPKCS8PrivateKey(*key.private)
		if err != nil {
			return nil, fmt.Errorf("encoding the signing key: %w", err)
		}
		block := &pem.Block{Type: pemType, Bytes: der}
		if !key.activateAt.IsZero() {
			block.Headers = map[string]string{activateHeader: key.activateAt.UTC().Format(time.RFC3339)}
		}
		if err := pem.Encode(&out, block); err != nil {
			return nil, fmt.Errorf("encoding the signing key: %w", err)
		}
	}
	return out.Bytes(), nil
}

// DecodeSigningKeys reads the content of a signing key file: one to 16 PRIVATE
// KEY blocks and nothing else. The result is in order of activation; keys with
// the same time stay in file order.
func DecodeSigningKeys(content []byte) ([]SigningKey, error) {
	var keys []SigningKey
	for rest := bytes.TrimSpace(content); len(rest) > 0; rest = bytes.TrimSpace(rest) {
		// pem.Decode skips text before a block; a key file has none.
		var block *pem.Block
		if bytes.HasPrefix(rest, []byte("-----BEGIN "+pemType+"-----")) {
			block, rest = pem.Decode(rest)
		}
		if block == nil || block.Type != pemType {
			return nil, errors.New("want PEM blocks of type PRIVATE KEY (PKCS#8) and nothing else")
		}
		key, err := decodeSigningKey(block)
		if err != nil {
			return nil, fmt.Errorf("key %d: %w", len(keys)+1, err)
		}
		if slices.ContainsFunc(keys, func(k SigningKey) bool { return k.id == key.id }) {
			return nil, fmt.Errorf("key %d is in the file twice", len(keys)+1)
		}
		keys = append(keys, key)
	}
	switch {
	case len(keys) == 0:
		return nil, errors.New("there is no key in it: make one with kubemcp keys new")
	case len(keys) > maxKeys:
		return nil, fmt.Errorf("%d keys are more than %d: drop old ones with kubemcp keys prune", len(keys), maxKeys)
	}
	slices.SortStableFunc(keys, func(a, b SigningKey) int { return a.activateAt.Compare(b.activateAt) })
	return keys, nil
}

func decodeSigningKey(block *pem.Block) (SigningKey, error) {
	var activateAt time.Time
	for name, value := range block.Headers {
		if name != activateHeader {
			return SigningKey{}, errors.New("the only PEM header allowed is " + activateHeader)
		}
		at, err := time.Parse(time.RFC3339, value)
		if err != nil {
			return SigningKey{}, errors.New(activateHeader + " is not an RFC 3339 time such as 2026-01-31T12:00:00Z")
		}
		activateAt = at
	}
	parsed, err := x509.ParsePKCS8PrivateKey(block.Bytes)
	if err != nil {
		return SigningKey{}, errors.New("it is not an unencrypted PKCS#8 key")
	}
	private, ok := parsed.(ed25519.PrivateKey)
	if !ok {
		return SigningKey{}, fmt.Errorf("it is a %T and not an Ed25519 key", parsed)
	}
	return newSigningKey(private, activateAt)
}
