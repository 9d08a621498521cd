package proof

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"errors"
	"hash"
	"time"

	"kubernetes-mcp-edge/extproc/kubeheader"
)

// Anonymous is the fingerprint of every request without a credential.
const Anonymous = "anonymous"

// Signer makes proofs at the edge. It is safe for concurrent use.
type Signer struct {
	keys *SigningKeys
	tag  string
}

// NewSigner returns a Signer for one audience, the name that edge and backend
// agree on: 1 to 64 letters, digits and - . _ ~ : /.
func NewSigner(keys *SigningKeys, audience string) (*Signer, error) {
	tag, err := tagFor(audience)
	if err != nil {
		return nil, err
	}
	return &Signer{keys: keys, tag: tag}, nil
}

// Sealed are the three headers of a proof, and what a cache needs to know.
type Sealed struct {
	SignatureInput string
	Signature      string
	Fingerprint    string    // a hash for routing: equal on all replicas, or Anonymous
	KeyID          string    // RFC 7638 thumbprint of the key that signed
	Created        time.Time // whole seconds
	Expires        time.Time // whole seconds, at most Lifetime after Created and never after the credential's end
}

// KeyID is the id of the key that Seal would use at this time. A cached proof
// of another key should not be sent any more.
func (s *Signer) KeyID(now time.Time) string { return s.keys.Active(now).ID() }

// Seal signs the canonical form of what Parse checked. It refuses a value that
// Parse did not make, and one whose credential has ended.
func (s *Signer) Seal(c kubeheader.Checked, now time.Time) (Sealed, error) {
	if !c.Valid() {
		return Sealed{}, errors.New("unchecked headers are not signed")
	}
	created := now.Truncate(time.Second)
	expires := created.Add(Lifetime)
	if until := c.Until(); !until.IsZero() && until.Before(expires) {
		expires = until.Truncate(time.Second)
	}
	if expires.Before(created) {
		return Sealed{}, errors.New("the credential has ended: it is not signed")
	}

	key := s.keys.Active(now)
	fingerprint := s.fingerprint(c, now)
	canonical := c.Canonical()
	fields := make([]component, 0, len(canonical)+1)
	fields = append(fields, component{kubeheader.Fingerprint, []byte(fingerprint)})
	for _, f := range canonical {
		fields = append(fields, component{f.Name, f.Value.Reveal()})
	}
	params := parameters{created: created.Unix(), expires: expires.Unix(), keyID: key.ID()}
	input := appendMember(nil, fields, params, s.tag)
	base := signatureBase(fields, input[len(label)+1:])
	defer clear(base)
	return Sealed{
		SignatureInput: string(input),
		Signature:      signatureField(key.sign(base)),
		Fingerprint:    fingerprint,
		KeyID:          key.ID(),
		Created:        created,
		Expires:        expires,
	}, nil
}

// fingerprint hashes server, trust and credential under a key that only
// holders of the signing key can derive, so that it tells nobody which of two
// requests carry the same token, unless they see both.
func (s *Signer) fingerprint(c kubeheader.Checked, now time.Time) string {
	if _, ok := c.Target(); !ok {
		return Anonymous
	}
	mac := hmac.New(sha256.New, s.keys.Oldest(now).fingerprintKey)
	var scratch []byte
	for _, f := range c.Canonical() {
		switch f.Name {
		case kubeheader.TLSServerName, kubeheader.Namespace, kubeheader.Toolsets:
			// They change what a caller does, not which client it needs.
		default:
			scratch = writePart(mac, scratch, f.Name)
			writeLength(mac, scratch, uint64(len(f.Value.Reveal())))
			_, _ = mac.Write(f.Value.Reveal()) // a hash never fails
		}
	}
	return base64.RawURLEncoding.EncodeToString(mac.Sum(nil))
}

// writePart writes s with its length before it, so that no two lists of parts
// read the same. It returns scratch, grown if need be, for the next call.
func writePart(h hash.Hash, scratch []byte, s string) []byte {
	scratch = binary.BigEndian.AppendUint64(scratch[:0], uint64(len(s)))
	scratch = append(scratch, s...)
	_, _ = h.Write(scratch) // a hash never fails
	return scratch
}

// writeLength writes the length prefix alone, for a part that must not be copied.
func writeLength(h hash.Hash, scratch []byte, n uint64) {
	_, _ = h.Write(binary.BigEndian.AppendUint64(scratch[:0], n)) // a hash never fails
}
