package proof

import (
	"bytes"
	"crypto/ed25519"
	"encoding/base64"
	"fmt"
	"strconv"
	"strings"
	"time"

	"kubernetes-mcp-edge/extproc/kubeheader"
)

// Verifier checks proofs in the backend. It is safe for concurrent use.
type Verifier struct {
	keys   *KeySet
	tag    string
	policy func() *kubeheader.Policy
	slots  slots
	cache  *cache
}

// Limits bound what a Verifier remembers. Zero fields mean the defaults.
type Limits struct {
	Entries int // at most this many verified header sets; default 10 000
	Bytes   int // of header names and values; default 64 MiB
}

// NewVerifier returns a Verifier for one audience (see NewSigner). The policy
// function returns the policy in force: the same pointer until it changes,
// since a new one empties the cache. Close ends the cache's goroutine.
func NewVerifier(keys *KeySet, audience string, policy func() *kubeheader.Policy, limits Limits) (*Verifier, error) {
	tag, err := tagFor(audience)
	if err != nil {
		return nil, err
	}
	cache, err := newCache(limits)
	if err != nil {
		return nil, fmt.Errorf("making the cache of verified proofs: %w", err)
	}
	return &Verifier{keys: keys, tag: tag, policy: policy, slots: newSlots(), cache: cache}, nil
}

// Close stops the cache's goroutine. The Verifier must not be used afterwards.
func (v *Verifier) Close() { v.cache.close() }

// Open verifies the proof that came with a request and checks the values again
// under the backend's own policy. Fields are all received header lines for which
// Relevant is true, in any spelling; others are ignored.
//
// The error is an *Error for the proof, or the *kubeheader.Rejection of the
// backend's policy, and comes with the zero Verified.
func (v *Verifier) Open(fields []kubeheader.Field, now time.Time) (Verified, error) {
	r, problem := v.slots.sort(fields)
	if problem != nil {
		return Verified{}, problem
	}
	under := generation{policy: v.policy(), keys: v.keys.current.Load()}
	key := v.cache.key(&r)
	if hit, ok := v.cache.get(key, under); ok {
		if problem := hit.params.timely(now); problem != nil {
			return Verified{}, problem
		}
		return hit.verified, nil
	}

	params, keys, problem := v.verify(&r, now)
	if problem != nil {
		return Verified{}, problem
	}
	under.keys = keys
	checked, err := kubeheader.Parse(kubeheader.Request{Fields: r.contract()}, under.policy, now)
	if err != nil {
		return Verified{}, err
	}
	verified := Verified{
		valid:       true,
		checked:     checked,
		fingerprint: string(r.values[0].Reveal()),
		expires:     time.Unix(params.expires, 0),
	}
	if verified.fingerprint != Anonymous {
		verified.credential = v.cache.credential(&r)
	}
	v.cache.put(key, entry{verified: verified, params: params, under: under, size: r.size()})
	return verified, nil
}

// verify rebuilds the one legal signature-input for the received names, then
// checks key, signature and times. It returns the key set that it used.
func (v *Verifier) verify(r *received, now time.Time) (parameters, *publicKeys, *Error) {
	fields := r.components()
	for _, f := range fields {
		if !printable(f.value) {
			return parameters{}, nil, invalid("")
		}
	}
	params, ok := readParameters(r.input(), fields, v.tag)
	if !ok {
		return parameters{}, nil, invalid(r.added())
	}
	signature, ok := readSignature(r.signature())
	if !ok {
		return parameters{}, nil, invalid("")
	}

	keys := v.keys.current.Load()
	key, known := (*keys)[params.keyID]
	if !known {
		keys = v.keys.look(now)
		if key, known = (*keys)[params.keyID]; !known {
			return parameters{}, nil, &Error{Reason: kubeheader.ReasonProofUnknownKey}
		}
	}
	base := signatureBase(fields, r.input()[len(label)+1:])
	defer clear(base)
	if !ed25519.Verify(key, base, signature) {
		return parameters{}, nil, invalid("")
	}
	return params, keys, params.timely(now)
}

// timely checks the times, which a remembered proof must pass each time anew.
func (p parameters) timely(now time.Time) *Error {
	created, expires := time.Unix(p.created, 0), time.Unix(p.expires, 0)
	switch {
	case expires.Before(created), expires.Sub(created) > Lifetime:
		return invalid("")
	case now.Before(created.Add(-Skew)), now.After(expires.Add(Skew)):
		return &Error{Reason: kubeheader.ReasonProofExpired}
	}
	return nil
}

// readParameters takes created, expires and keyid out of a signature-input. It
// accepts one spelling only, the one that appendMember gives for these fields
// and this tag: what it read is written again and compared.
func readParameters(input []byte, fields []component, tag string) (parameters, bool) {
	prefix := string(appendList([]byte(label+"="), fields)) + ";created="
	rest, ok := cutAround(string(input), prefix, parametersEnd(tag))
	if !ok {
		return parameters{}, false
	}
	created, rest, ok1 := strings.Cut(rest, ";expires=")
	expires, keyID, ok2 := strings.Cut(rest, `;keyid="`)
	if !ok1 || !ok2 || len(keyID) != base64.RawURLEncoding.EncodedLen(len(digest{})) {
		return parameters{}, false
	}
	p := parameters{keyID: keyID}
	var err1, err2 error
	p.created, err1 = strconv.ParseInt(created, 10, 64)
	p.expires, err2 = strconv.ParseInt(expires, 10, 64)
	// Beyond this, time arithmetic could overflow; it is the year 33658.
	const last = 999_999_999_999
	if err1 != nil || err2 != nil || p.created < 0 || p.created > last || p.expires < 0 || p.expires > last {
		return parameters{}, false
	}
	return p, bytes.Equal(input, appendMember(nil, fields, p, tag))
}

// readSignature takes the 64 bytes out of a signature header. Base64 has more
// than one spelling for the same bytes: again, only ours is accepted.
func readSignature(value []byte) ([]byte, bool) {
	encoded, ok := cutAround(string(value), label+"=:", ":")
	if !ok {
		return nil, false
	}
	signature, err := base64.StdEncoding.DecodeString(encoded)
	if err != nil || len(signature) != ed25519.SignatureSize {
		return nil, false
	}
	return signature, string(value) == signatureField(signature)
}
