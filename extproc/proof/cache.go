package proof

import (
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/binary"
	"hash"
	"sync"

	"github.com/maypok86/otter/v2"

	"kubernetes-mcp-edge/extproc/kubeheader"
)

const (
	defaultEntries = 10_000
	defaultBytes   = 64 << 20
	// overhead is what an entry costs beside the header bytes: parsed
	// certificates and re-encoded PEM, about twice the headers, and the bookkeeping.
	overhead     = 1 << 10
	sizePerValue = 3
	// remember is the longest that a proof can be good for: made by a clock
	// that is fast, read by one that is slow.
	remember = Lifetime + 2*Skew
)

// cacheKey is an HMAC over everything that Open looked at. Its secret is random
// per process, so nobody can prepare two requests with one key, and a dump of
// the cache's keys identifies no credential.
type cacheKey [sha256.Size]byte

// generation is what a verdict holds under. Both are compared by address.
type generation struct {
	policy *kubeheader.Policy
	keys   *publicKeys
}

type entry struct {
	verified Verified
	params   parameters
	under    generation
	size     int
}

// cache remembers verified proofs, bounded by entries and by bytes.
type cache struct {
	entries *otter.Cache[cacheKey, *entry]
	macs    sync.Pool // of *mac
	mu      sync.Mutex
	current generation
}

// mac is a keyed hash with the scratch space that makes its use free of
// allocation.
type mac struct {
	hash    hash.Hash
	scratch []byte
	sum     []byte
}

func newCache(limits Limits) (*cache, error) {
	if limits.Entries <= 0 {
		limits.Entries = defaultEntries
	}
	if limits.Bytes <= 0 {
		limits.Bytes = defaultBytes
	}
	// The library bounds one measure. An entry weighs at least its share of the
	// bytes, which bounds the number of entries as well.
	least := uint32(min(limits.Bytes/limits.Entries+1, 1<<30)) //nolint:gosec // bounded by min
	entries, err := otter.New(&otter.Options[cacheKey, *entry]{
		MaximumWeight: uint64(limits.Bytes), //nolint:gosec // positive
		Weigher: func(_ cacheKey, e *entry) uint32 {
			return max(least, uint32(min(e.size, 1<<30))) //nolint:gosec // bounded by min
		},
		ExpiryCalculator: otter.ExpiryWriting[cacheKey, *entry](remember),
	})
	if err != nil {
		return nil, err
	}
	secret := make([]byte, sha256.BlockSize)
	_, _ = rand.Read(secret) // never fails since Go 1.24
	return &cache{
		entries: entries,
		macs:    sync.Pool{New: func() any { return &mac{hash: hmac.New(sha256.New, secret)} }},
	}, nil
}

func (c *cache) close() { c.entries.StopAllGoroutines() }

// key hashes every received field that Open looks at, names and values with
// their lengths, in the order of the contract.
func (c *cache) key(r *received) cacheKey { return c.hash(r, func(string) bool { return true }) }

// credential hashes those that say who the caller is, and nothing of where he
// goes.
func (c *cache) credential(r *received) cacheKey {
	return c.hash(r, func(name string) bool {
		return name == kubeheader.Authorization || name == kubeheader.ClientCertificate || name == kubeheader.ClientKey
	})
}

func (c *cache) hash(r *received, counts func(name string) bool) cacheKey {
	m, ok := c.macs.Get().(*mac)
	if !ok {
		return cacheKey{} // not reached: the pool holds nothing else
	}
	defer c.macs.Put(m)
	m.hash.Reset()
	for i, name := range r.slots {
		if !r.present[i] || !counts(name) {
			continue
		}
		m.scratch = writePart(m.hash, m.scratch, name)
		value := r.values[i].Reveal()
		m.scratch = binary.BigEndian.AppendUint64(m.scratch[:0], uint64(len(value)))
		_, _ = m.hash.Write(m.scratch) // a hash never fails
		_, _ = m.hash.Write(value)
	}
	m.sum = m.hash.Sum(m.sum[:0])
	return cacheKey(m.sum)
}

// get finds what was verified under this policy and these keys.
func (c *cache) get(key cacheKey, under generation) (*entry, bool) {
	e, ok := c.entries.GetIfPresent(key)
	if !ok || e.under != under {
		return nil, false
	}
	return e, true
}

// put remembers e. The first proof under a new policy or key set empties the
// cache: nothing else in it will be used again.
func (c *cache) put(key cacheKey, e entry) {
	c.mu.Lock()
	if c.current != e.under {
		c.current = e.under
		c.entries.InvalidateAll()
	}
	c.mu.Unlock()
	c.entries.Set(key, &e)
}

// size is the memory that an entry stands for, in bytes.
func (r *received) size() int {
	size := overhead
	for i := range r.slots {
		size += sizePerValue * r.values[i].Len()
	}
	return size
}
