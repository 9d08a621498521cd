package kubeheader

import (
	"crypto/ecdh"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"encoding/base64"
	"encoding/pem"
	"fmt"
	"math/big"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// material is what @name stands for in testdata/parse: certificates, keys and
// tokens, made anew in each run.
func material(tb testing.TB) map[string]string {
	tb.Helper()
	makeMaterial.Do(func() {
		m := map[string]string{}
		authorities(tb, m)
		clients(tb, m)
		keys(tb, m)
		tokens(m)
		made = m
	})
	require.NotEmpty(tb, made, "an earlier test failed to make the material")
	return made
}

var (
	makeMaterial sync.Once
	made         map[string]string
)

func authorities(tb testing.TB, m map[string]string) {
	tb.Helper()
	i := &issuer{t: tb}
	ca, other := i.issue(nil, authority), i.issue(nil, authority)
	old := i.issue(nil, authority, valid(-48*time.Hour, -24*time.Hour))
	m["ca"] = b64(ca.pem)
	m["ca.unpadded"] = strings.TrimRight(b64(ca.pem, []byte("\n\n")), "=")
	m["ca.second"] = b64(ca.pem, other.pem)
	m["ca.spaced"] = b64([]byte(" \r\n"), []byte(strings.ReplaceAll(string(ca.pem), "\n", "\r\n")), []byte("\t\n \n"), other.pem, []byte("\n"))
	m["ca.rotation"] = b64(old.pem, ca.pem)
	m["ca.old"] = b64(old.pem)
	m["ca.future"] = b64(i.issue(nil, authority, valid(6*time.Minute, time.Hour)).pem)
	m["ca.both-outside"] = b64(old.pem, i.issue(nil, authority, valid(6*time.Minute, time.Hour)).pem)
	m["ca.ended-5m-ago"] = b64(i.issue(nil, authority, valid(-time.Hour, -5*time.Minute)).pem)
	m["ca.ended-5m1s-ago"] = b64(i.issue(nil, authority, valid(-time.Hour, -5*time.Minute-time.Second)).pem)
	m["ca.begins-in-5m"] = b64(i.issue(nil, authority, valid(5*time.Minute, time.Hour)).pem)
	m["ca.pinned-server"] = b64(i.issue(nil, usage(x509.ExtKeyUsageServerAuth)).pem)
	m["ca.16"] = b64([]byte(strings.Repeat(string(ca.pem), 16)))
	m["ca.17"] = b64([]byte(strings.Repeat(string(ca.pem), 17)))
	m["ca.8k"] = b64(sized(tb, i, maxCertificateDER))
	m["ca.over-8k"] = b64(sized(tb, i, maxCertificateDER+1))
	m["ca.der"] = base64.StdEncoding.EncodeToString(ca.cert.Raw)
	m["ca.twice"] = b64([]byte(b64(ca.pem)))
	m["ca.pem-as-is"] = strings.ReplaceAll(string(ca.pem), "\n", " ")
	m["ca.lines"] = b64(ca.pem)[:76] + "\n" + b64(ca.pem)[76:]
	m["ca.text-before"] = b64([]byte("Certificate:\n    Version: 3\n"), ca.pem)
	m["ca.text-between"] = b64(ca.pem, []byte("# the next one\n"), other.pem)
	m["ca.text-after"] = b64(ca.pem, []byte("bye\n"))
	m["ca.end-of-line"] = b64([]byte(strings.TrimSuffix(string(ca.pem), "\n") + " bye\n"))
	m["ca.headers"] = b64(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Headers: map[string]string{"Comment": "mine"}, Bytes: ca.cert.Raw}))
	m["ca.with-key"] = b64(ca.pem, pkcs8PEM(tb, ca.key))
	m["ca.trusted"] = b64(block("TRUSTED CERTIFICATE", ca.cert.Raw))
	m["ca.cut"] = b64(ca.pem[:len(ca.pem)/2])
	m["ca.cut-then-whole"] = b64(ca.pem[:len(ca.pem)/2], []byte("\n"), other.pem)
	m["ca.not-x509"] = b64(ca.pem, block("CERTIFICATE", []byte("not a certificate")))
	m["ca.trailing-der"] = b64(block("CERTIFICATE", append(append([]byte{}, ca.cert.Raw...), 0)))
	m["ca.begins-only"] = b64([]byte(strings.Repeat("-----BEGIN CERTIFICATE-----\n", 16)))
	m["ca.huge"] = strings.Repeat("A", maxAuthorities*maxBlock+4)
	m["client.huge"] = strings.Repeat("A", maxChain*maxBlock+4)
	m["key.huge"] = strings.Repeat("A", 2*maxBlock+4)
}

// sized makes a certificate of exactly so many bytes of DER. Ed25519 signatures
// have one length, so that padding alone decides.
func sized(tb testing.TB, i *issuer, size int) []byte {
	tb.Helper()
	_, key, err := ed25519.GenerateKey(rand.Reader)
	require.NoError(tb, err)
	for pad, tries := size-600, 0; tries < 5; tries++ {
		id := i.issue(key, authority, func(c *x509.Certificate) {
			c.ExtraExtensions = []pkix.Extension{{Id: asn1.ObjectIdentifier{1, 3, 6, 1, 4, 1, 99999, 2}, Value: make([]byte, pad)}}
		})
		if n := len(id.cert.Raw); n != size {
			pad += size - n
			continue
		}
		return id.pem
	}
	tb.Fatal("no padding gives this size")
	return nil
}

func clients(tb testing.TB, m map[string]string) {
	tb.Helper()
	i := &issuer{t: tb}
	pair := func(name string, id identity) {
		m[name] = b64(id.pem)
		m[name+".key"] = b64(pkcs8PEM(tb, id.key))
	}
	key := newEC(tb, elliptic.P256())
	leaf, ca := i.issue(key), i.issue(nil, authority)
	pair("p256", leaf)
	m["p256.key.sec1"] = b64(sec1PEM(tb, key))
	m["p256.key.params"] = b64(block("EC PARAMETERS", []byte{6, 8, 42, 134, 72, 206, 61, 3, 1, 7}), sec1PEM(tb, key))
	pair("p384", i.issue(newEC(tb, elliptic.P384())))
	pair("p521", i.issue(newEC(tb, elliptic.P521())))
	_, ed, err := ed25519.GenerateKey(rand.Reader)
	require.NoError(tb, err)
	pair("ed25519", i.issue(ed))
	for _, bits := range []int{2048, 4096} {
		k := newRSA(tb, bits)
		pair(fmt.Sprintf("rsa%d", bits), i.issue(k))
		m[fmt.Sprintf("rsa%d.key.pkcs1", bits)] = b64(block("RSA PRIVATE KEY", x509.MarshalPKCS1PrivateKey(k)))
	}
	m["chain"] = b64(leaf.pem, ca.pem)
	m["chain.4"] = b64(leaf.pem, ca.pem, ca.pem, ca.pem)
	m["chain.5"] = b64(leaf.pem, ca.pem, ca.pem, ca.pem, ca.pem)
	m["chain.swapped"] = b64(ca.pem, leaf.pem)
	m["chain.old-issuer"] = b64(leaf.pem, i.issue(nil, authority, valid(-48*time.Hour, -24*time.Hour)).pem)
	reissue := func(name string, s ...shape) { m[name] = b64(i.issue(key, s...).pem) }
	reissue("p256.ends-now", valid(-time.Hour, 0))
	reissue("p256.begins-now", valid(0, time.Hour))
	reissue("p256.ended", valid(-time.Hour, -time.Second))
	reissue("p256.begins-later", valid(time.Second, time.Hour))
	reissue("p256.for-servers", usage(x509.ExtKeyUsageServerAuth))
	reissue("p256.for-both", usage(x509.ExtKeyUsageServerAuth, x509.ExtKeyUsageClientAuth))
	reissue("p256.for-any", usage(x509.ExtKeyUsageAny))
	reissue("p256.for-nothing-said", usage())
	reissue("p256.for-something-else", usage(), func(c *x509.Certificate) {
		c.UnknownExtKeyUsage = []asn1.ObjectIdentifier{{1, 3, 6, 1, 4, 1, 99999, 1}}
	})
	m["p256.with-key"] = b64(leaf.pem, pkcs8PEM(tb, key))
	m["key.of-other"] = b64(pkcs8PEM(tb, ca.key))
	m["key.after-certificate"] = b64(leaf.pem, pkcs8PEM(tb, key))
	m["key.twice"] = b64(pkcs8PEM(tb, key), pkcs8PEM(tb, key))
	m["key.thrice"] = b64(pkcs8PEM(tb, key), pkcs8PEM(tb, key), pkcs8PEM(tb, key))
	m["key.is-certificate"] = b64(leaf.pem)
	m["key.params-alone"] = b64(block("EC PARAMETERS", []byte{6, 8, 42, 134, 72, 206, 61, 3, 1, 7}))
	m["key.params-headers"] = b64(pem.EncodeToMemory(&pem.Block{Type: "EC PARAMETERS", Headers: map[string]string{"Comment": "mine"}, Bytes: []byte{0}}), sec1PEM(tb, key))
	m["key.params-before-pkcs8"] = b64(block("EC PARAMETERS", []byte{6, 8, 42, 134, 72, 206, 61, 3, 1, 7}), pkcs8PEM(tb, key))
	m["key.at-3k"] = b64(block("PRIVATE KEY", make([]byte, maxKeyDER)))
	m["key.trailing"] = b64(block("PRIVATE KEY", append(pkcs8DER(tb, key), 0)))
	m["chain.short-issuer"] = b64(leaf.pem, i.issue(nil, authority, valid(-time.Hour, time.Minute)).pem)
	m["key.headers"] = b64(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Headers: map[string]string{"Comment": "mine"}, Bytes: []byte{0}}))
}

func keys(tb testing.TB, m map[string]string) {
	tb.Helper()
	m["key.encrypted"] = b64(block("ENCRYPTED PRIVATE KEY", []byte("0123456789")))
	m["key.encrypted.legacy"] = b64(pem.EncodeToMemory(&pem.Block{
		Type:    "RSA PRIVATE KEY",
		Headers: map[string]string{"Proc-Type": "4,ENCRYPTED", "DEK-Info": "AES-128-CBC,00112233445566778899AABBCCDDEEFF"},
		Bytes:   []byte("0123456789abcdef"),
	}))
	m["key.openssh"] = b64(block("OPENSSH PRIVATE KEY", []byte("openssh-key-v1")))
	m["key.not-asn1"] = b64(block("PRIVATE KEY", []byte("not a key")))
	m["key.rsa.not-asn1"] = b64(block("RSA PRIVATE KEY", []byte("not a key")))
	m["key.ec.not-asn1"] = b64(block("EC PRIVATE KEY", []byte("not a key")))
	m["key.over-3k"] = b64(block("PRIVATE KEY", make([]byte, maxKeyDER+1)))
	for _, bits := range []uint{1024, 2047, 4097, 8192} {
		m[fmt.Sprintf("key.rsa%d", bits)] = b64(block("RSA PRIVATE KEY", rsaOfSize(tb, bits, 0)))
	}
	m["key.rsa.primes"] = b64(block("RSA PRIVATE KEY", rsaOfSize(tb, 2048, 1)))
	m["key.rsa.nonsense"] = b64(block("RSA PRIVATE KEY", rsaOfSize(tb, 2048, 0)))
	m["key.p224"] = b64(pkcs8PEM(tb, newEC(tb, elliptic.P224())))
	m["key.p224.sec1"] = b64(sec1PEM(tb, newEC(tb, elliptic.P224())))
	x, err := ecdh.X25519().GenerateKey(rand.Reader)
	require.NoError(tb, err)
	m["key.x25519"] = b64(pkcs8PEM(tb, x))
}

// rsaOfSize is the DER of something that looks like an RSA key with a modulus
// of so many bits.
func rsaOfSize(tb testing.TB, bits uint, version int) []byte {
	tb.Helper()
	n := new(big.Int).Lsh(big.NewInt(1), bits-1)
	n.Add(n, big.NewInt(1))
	small := big.NewInt(3)
	der, err := asn1.Marshal(struct {
		Version                     int
		N, E, D, P, Q, Dp, Dq, Qinv *big.Int
	}{version, n, big.NewInt(65537), small, small, small, small, small, small})
	require.NoError(tb, err)
	return der
}

func tokens(m map[string]string) {
	at := func(d time.Duration) string { return fmt.Sprintf(`{"sub":"alice","exp":%d}`, noon.Add(d).Unix()) }
	m["jwt"] = jwt(at(time.Hour))
	m["jwt.expired-60s-ago"] = jwt(at(-60 * time.Second))
	m["jwt.expired-61s-ago"] = jwt(at(-61 * time.Second))
	m["jwt.fraction"] = jwt(fmt.Sprintf(`{"exp":%d.5}`, noon.Add(-61*time.Second).Unix()))
	m["jwt.no-exp"] = jwt(`{"sub":"alice"}`)
	m["jwt.exp-null"] = jwt(`{"exp":null}`)
	m["jwt.exp-text"] = jwt(`{"exp":"1"}`)
	m["jwt.exp-upper-case"] = jwt(`{"EXP":1}`)
	m["jwt.exp-huge"] = jwt(`{"exp":1e300}`)
	m["jwt.exp-negative"] = jwt(`{"exp":-1}`)
	m["jwt.exp-far-negative"] = jwt(`{"exp":-1e300}`)
	m["jwt.exp-exponent"] = jwt(`{"exp":1e3}`)
	m["jwt.not-json"] = jwt(`exp=1`)
	m["jwt.array"] = jwt(`["exp",1]`)
	m["jwt.two-parts"] = strings.TrimSuffix(jwt(`{"exp":1}`), ".c2ln")
	m["jwt.four-parts"] = jwt(`{"exp":1}`) + ".x"
	m["jwt.no-header"] = "abc" + jwt(`{"exp":1}`)[4:]
	m["token.8192"] = strings.Repeat("a", 8192)
	m["token.8193"] = strings.Repeat("a", 8193)
}
