package kubeheader

import (
	"crypto"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"encoding/pem"
	"math/big"
	"strings"
)

// Sizes of RSA, in bits of the modulus.
const (
	minRSA = 2048
	maxRSA = 4096
)

// PEM types of the key header.
const (
	pkcs8Type     = "PRIVATE KEY"
	pkcs1Type     = "RSA PRIVATE KEY"
	sec1Type      = "EC PRIVATE KEY"
	ecParamsType  = "EC PARAMETERS"
	encryptedType = "ENCRYPTED PRIVATE KEY"
)

// clientKey reads kubernetes-client-key-data.
func (x *parser) clientKey() (crypto.Signer, bool) {
	value, ok := x.value(atClientKey)
	if !ok {
		return nil, false
	}
	blocks, fault := decodeData(value, 2, ReasonClientKeyNotSingle)
	if fault == 0 {
		var block *pem.Block
		if block, fault = keyBlock(blocks); fault == 0 {
			var key crypto.Signer
			if key, fault = parseKey(block); fault == 0 {
				return key, true
			}
		}
	}
	x.add(fault, atClientKey)
	return nil, false
}

// keyBlock picks the one key. openssl ecparam -genkey writes EC PARAMETERS
// before it, which say nothing that the key does not say itself.
func keyBlock(blocks []*pem.Block) (*pem.Block, Reason) {
	for _, b := range blocks {
		switch b.Type {
		case pkcs8Type, pkcs1Type, sec1Type, ecParamsType, encryptedType:
		default:
			return nil, ReasonPEMBlockType
		}
		switch {
		case b.Type == encryptedType || strings.Contains(b.Headers["Proc-Type"], "ENCRYPTED"):
			return nil, ReasonClientKeyEncrypted
		case len(b.Headers) > 0:
			return nil, ReasonPEMHeaders
		}
	}
	if len(blocks) == 2 && blocks[0].Type == ecParamsType && blocks[1].Type == sec1Type {
		blocks = blocks[1:]
	}
	b := blocks[0]
	switch {
	case len(blocks) != 1 || b.Type == ecParamsType:
		return nil, ReasonClientKeyNotSingle
	case len(b.Bytes) > maxKeyDER:
		return nil, ReasonClientKeyTooLarge
	}
	return b, 0
}

// pkcs8 is PrivateKeyInfo of RFC 5208 5, as far as it tells the algorithm.
type pkcs8 struct {
	Version    int
	Algorithm  pkix.AlgorithmIdentifier
	PrivateKey []byte // attributes may follow, which encoding/asn1 skips
}

// sec1 is ECPrivateKey of RFC 5915 3.
type sec1 struct {
	Version       int
	PrivateKey    []byte
	NamedCurveOID asn1.ObjectIdentifier `asn1:"optional,explicit,tag:0"`
	PublicKey     asn1.BitString        `asn1:"optional,explicit,tag:1"`
}

// pkcs1 is the head of RSAPrivateKey of RFC 8017 A.1.2.
type pkcs1 struct {
	Version int
	N, E    *big.Int
	D, P, Q *big.Int
	Dp, Dq  *big.Int
	Qinv    *big.Int
	Others  asn1.RawValue `asn1:"optional"`
}

// Algorithms and curves, RFC 3279 2.3, RFC 5480 2.1.1.1 and RFC 8410 3.
var (
	oidRSA     = asn1.ObjectIdentifier{1, 2, 840, 113549, 1, 1, 1}
	oidEC      = asn1.ObjectIdentifier{1, 2, 840, 10045, 2, 1}
	oidEd25519 = asn1.ObjectIdentifier{1, 3, 101, 112}
	oidP256    = asn1.ObjectIdentifier{1, 2, 840, 10045, 3, 1, 7}
	oidP384    = asn1.ObjectIdentifier{1, 3, 132, 0, 34}
	oidP521    = asn1.ObjectIdentifier{1, 3, 132, 0, 35}
)

// parseKey looks at the structure first, which is cheap and tells what kind and
// size of key this is, and then lets crypto/x509 parse and check it.
func parseKey(block *pem.Block) (crypto.Signer, Reason) {
	var key any
	var err error
	switch block.Type {
	case pkcs1Type:
		if fault := judgeRSA(block.Bytes); fault != 0 {
			return nil, fault
		}
		key, err = x509.ParsePKCS1PrivateKey(block.Bytes)
	case sec1Type:
		var k sec1
		if !unmarshal(block.Bytes, &k) {
			return nil, ReasonClientKeyMalformed
		}
		if !supportedCurve(k.NamedCurveOID) {
			return nil, ReasonClientKeyUnsupported
		}
		key, err = x509.ParseECPrivateKey(block.Bytes)
	default:
		if fault := judgePKCS8(block.Bytes); fault != 0 {
			return nil, fault
		}
		key, err = x509.ParsePKCS8PrivateKey(block.Bytes)
	}
	signer, ok := key.(crypto.Signer)
	if err != nil || !ok {
		return nil, ReasonClientKeyMalformed
	}
	return signer, 0
}

// judgePKCS8 checks the algorithm before anything is computed with it.
func judgePKCS8(der []byte) Reason {
	var k pkcs8
	if !unmarshal(der, &k) {
		return ReasonClientKeyMalformed
	}
	switch {
	case k.Algorithm.Algorithm.Equal(oidRSA):
		return judgeRSA(k.PrivateKey)
	case k.Algorithm.Algorithm.Equal(oidEC):
		var curve asn1.ObjectIdentifier
		if !unmarshal(k.Algorithm.Parameters.FullBytes, &curve) || !supportedCurve(curve) {
			return ReasonClientKeyUnsupported
		}
		return 0
	case k.Algorithm.Algorithm.Equal(oidEd25519):
		return 0
	}
	return ReasonClientKeyUnsupported
}

// judgeRSA checks the size, and that there are two primes: keys of more are
// deprecated and other TLS stacks refuse them.
func judgeRSA(der []byte) Reason {
	var k pkcs1
	if !unmarshal(der, &k) {
		return ReasonClientKeyMalformed
	}
	switch bits := k.N.BitLen(); {
	case k.Version != 0 || len(k.Others.FullBytes) > 0:
		return ReasonClientKeyUnsupported
	case bits < minRSA:
		return ReasonClientKeyTooWeak
	case bits > maxRSA:
		return ReasonClientKeyTooLarge
	}
	return 0
}

func supportedCurve(oid asn1.ObjectIdentifier) bool {
	return oid.Equal(oidP256) || oid.Equal(oidP384) || oid.Equal(oidP521)
}

// unmarshal reads one DER value and nothing after it.
func unmarshal(der []byte, into any) bool {
	rest, err := asn1.Unmarshal(der, into)
	return err == nil && len(rest) == 0
}

// encodeKey is the canonical form: PKCS#8, made from the parsed key, so that no
// attribute or spare byte of the input survives.
func encodeKey(key crypto.Signer) ([]byte, bool) {
	der, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		return nil, false
	}
	return pem.EncodeToMemory(&pem.Block{Type: pkcs8Type, Bytes: der}), true
}
