package kube

import (
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/binary"
	"hash"
	"sync"

	"kubernetes-mcp-edge/extproc/kubeheader"
)

// poolKey names an entry. It is a keyed hash, so that a dump of the pool tells
// nothing about credentials and nobody outside can aim at a collision.
type poolKey [sha256.Size]byte

// keyer computes pool keys with a key that lives as long as the process.
type keyer struct {
	macs sync.Pool
}

func newKeyer() *keyer {
	secret := make([]byte, sha256.Size)
	_, _ = rand.Read(secret) // never fails: crypto/rand ends the program instead
	return &keyer{macs: sync.Pool{New: func() any { return hmac.New(sha256.New, secret) }}}
}

// key covers everything that makes two clients differ: whom to talk to, whom to
// trust, what to show and the policy that allowed it. Each part is preceded by
// its length, so no two lists of parts read the same. What a caller may choose
// freely without changing the client (namespace, toolsets) is not in it.
func (k *keyer) key(t kubeheader.Target, generation string) poolKey {
	mac, _ := k.macs.Get().(hash.Hash)
	defer k.macs.Put(mac)
	mac.Reset()
	add := func(part []byte) {
		var size [8]byte
		binary.BigEndian.PutUint64(size[:], uint64(len(part)))
		mac.Write(size[:])
		mac.Write(part)
	}
	add([]byte("v1"))
	add([]byte(generation))
	add([]byte(t.Server.String()))
	add([]byte(t.TLSName))
	switch trust := t.Trust.(type) {
	case kubeheader.CA:
		add([]byte("ca"))
		bundle := sha256.New()
		for _, cert := range trust.Certificates {
			sum := sha256.Sum256(cert.Raw)
			bundle.Write(sum[:])
		}
		add(bundle.Sum(nil))
	case kubeheader.Insecure:
		add([]byte("insecure"))
	case kubeheader.SystemRoots:
		add([]byte("public"))
	}
	credentialParts(t.Auth, add)
	var key poolKey
	mac.Sum(key[:0])
	return key
}
