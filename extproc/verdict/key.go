package verdict

import (
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/binary"
	"hash"
	"sync"
)

// cacheKey names one set of raw facts under one policy, key and audience.
type cacheKey [sha256.Size]byte

// keyer derives cache keys by HMAC-SHA256 under a key that never leaves the
// process: a caller cannot choose facts that collide with those of another, and
// a heap dump does not hold a digest that could be searched for a known token.
type keyer struct {
	secret []byte
	pool   sync.Pool // of *keying
}

func newKeyer() *keyer {
	secret := make([]byte, sha256.Size)
	_, _ = rand.Read(secret) // never fails: crypto/rand ends the program instead
	return &keyer{secret: secret}
}

// keying is one derivation; it is pooled because hmac.New hashes the key anew.
type keying struct {
	mac     hash.Hash
	scratch [8]byte
	name    []byte
	sum     cacheKey
}

// scope is the part of the key that is not from the request.
type scope struct {
	generation uint64 // of the signing keys: see Engine.Forget
	policy     string // digest
	keyID      string
	audience   string
}

// key hashes everything a verdict depends on. Every string is preceded by its
// length and every list by its count, so that no two fact sets read the same.
func (k *keyer) key(f Facts, s scope) cacheKey {
	w, ok := k.pool.Get().(*keying)
	if !ok { // the pool was empty
		w = &keying{mac: hmac.New(sha256.New, k.secret)}
	}
	defer k.pool.Put(w)
	w.mac.Reset()
	w.number(s.generation)
	w.text(s.policy)
	w.text(s.keyID)
	w.text(s.audience)
	w.number(uint64(len(f.ForwardedProto)))
	for _, value := range f.ForwardedProto {
		w.bytes(value)
	}
	w.number(uint64(len(f.Fields)))
	for _, field := range f.Fields {
		w.text(field.Name)
		w.bytes(field.Value.Reveal())
	}
	w.mac.Sum(w.sum[:0])
	return w.sum
}

func (w *keying) number(n uint64) {
	binary.BigEndian.PutUint64(w.scratch[:], n)
	w.mac.Write(w.scratch[:])
}

func (w *keying) bytes(b []byte) {
	w.number(uint64(len(b)))
	w.mac.Write(b)
}

// text writes a string by way of a buffer that is kept, since converting it at
// the call would allocate. Only names and ids come here, never a secret.
func (w *keying) text(s string) {
	w.name = append(w.name[:0], s...)
	w.bytes(w.name)
}
