package kubeheader

import (
	"bytes"
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/rsa"
	"crypto/tls"
	"crypto/x509"
	"encoding/base64"
	"encoding/pem"
	"regexp"
	"slices"
	"strconv"
	"testing"

	"github.com/stretchr/testify/require"
)

// form is how a fuzzed file becomes a header value: the mutations should reach
// the PEM, and now and then the base64.
func form(literal string) byte {
	text, err := strconv.Unquote(literal)
	if err != nil || text == "" {
		return 0
	}
	return text[0]
}

func inForm(f byte, data []byte) Secret {
	switch f % 4 {
	case 1:
		return NewSecret([]byte(base64.URLEncoding.EncodeToString(data)))
	case 2:
		return NewSecret([]byte(base64.RawStdEncoding.EncodeToString(data)))
	case 3:
		return NewSecret(data) // as it is: the input is the header value
	}
	return NewSecret([]byte(base64.StdEncoding.EncodeToString(data)))
}

func bundleLines(f byte, data []byte) []Field {
	return append(lines(Server+": https://api.example.com", Authorization+": abc"),
		Field{Name: CertificateAuthority, Value: inForm(f, data)})
}

// onlyBlocks is a file of PEM blocks without headers, and white space.
var onlyBlocks = regexp.MustCompile(`^\s*(-----BEGIN [A-Z ]+-----[\sA-Za-z0-9+/=]*-----END [A-Z ]+-----\s*)+$`)

// FuzzPEMBundle: of an accepted bundle client-go reads the very certificates
// that were checked, from the caller's own bytes as from those that are sent on.
func FuzzPEMBundle(f *testing.F) {
	p := openPolicy(f)
	f.Fuzz(func(t *testing.T, form byte, data []byte) {
		if len(data) > maxFuzzed {
			return
		}
		checked, err := promises(t, bundleLines(form, data), p)
		if err != nil {
			return
		}
		target, _ := checked.Target()
		ca := target.Trust.(CA)
		require.NotEmpty(t, ca.Certificates)
		require.LessOrEqual(t, len(ca.Certificates), maxAuthorities)
		sent := readBundle(t, ca.PEM.Reveal())
		requireSame(t, ca.Certificates, sent)
		if form%4 != 3 {
			require.Regexp(t, onlyBlocks, string(data))
			requireSame(t, ca.Certificates, readBundle(t, outerTrimmed(data)))
		}
		within := func(c *x509.Certificate) bool {
			return !noon.Add(clockSkew).Before(c.NotBefore) && !noon.Add(-clockSkew).After(c.NotAfter)
		}
		require.True(t, slices.ContainsFunc(sent, within), "no certificate is within its validity")
		for _, c := range sent {
			require.LessOrEqual(t, len(c.Raw), maxCertificateDER)
		}
	})
}

// outerTrimmed takes the white space around a file off: encoding/pem does not
// read a block whose last line ends in a carriage return and no line feed.
func outerTrimmed(data []byte) []byte { return bytes.Trim(data, " \t\r\n") }

// readBundle is x509.CertPool.AppendCertsFromPEM, which is what client-go calls,
// with the certificates in hand: what it does not understand it skips.
func readBundle(t *testing.T, text []byte) []*x509.Certificate {
	t.Helper()
	var certs []*x509.Certificate
	for block, rest := pem.Decode(text); block != nil; block, rest = pem.Decode(rest) {
		require.Equal(t, "CERTIFICATE", block.Type, "a block that readers skip")
		require.Empty(t, block.Headers, "a block that readers skip")
		cert, err := x509.ParseCertificate(block.Bytes)
		require.NoError(t, err, "a block that readers skip")
		certs = append(certs, cert)
	}
	return certs
}

func requireSame(t *testing.T, want, got []*x509.Certificate) {
	t.Helper()
	require.Len(t, got, len(want))
	for i := range want {
		require.Equal(t, want[i].Raw, got[i].Raw)
	}
}

func pairLines(f byte, certificate, key []byte) []Field {
	return append(lines(Server+": https://api.example.com"),
		Field{Name: ClientCertificate, Value: inForm(f, certificate)}, Field{Name: ClientKey, Value: inForm(f>>2, key)})
}

// FuzzKeyPair: an accepted pair is one that crypto/tls takes as the caller wrote
// it, with the same leaf and the same key, of a kind and size in the contract.
func FuzzKeyPair(f *testing.F) {
	p := openPolicy(f)
	f.Fuzz(func(t *testing.T, form byte, certificate, key []byte) {
		if len(certificate)+len(key) > maxFuzzed {
			return
		}
		checked, err := promises(t, pairLines(form, certificate, key), p)
		if err != nil {
			return
		}
		target, _ := checked.Target()
		cert := target.Auth.(ClientCert)
		chain := readBundle(t, cert.CertificatePEM.Reveal())
		require.LessOrEqual(t, len(chain), maxChain)
		require.Equal(t, cert.Leaf.Raw, chain[0].Raw)
		require.True(t, checked.Until().Equal(slices.MinFunc(chain, func(a, b *x509.Certificate) int { return a.NotAfter.Compare(b.NotAfter) }).NotAfter))
		sent, err := tls.X509KeyPair(cert.CertificatePEM.Reveal(), cert.KeyPEM.Reveal())
		require.NoError(t, err)
		inContract(t, sent.PrivateKey)
		if form%4 == 3 || form>>2%4 == 3 {
			return
		}
		require.Regexp(t, onlyBlocks, string(certificate))
		require.Regexp(t, onlyBlocks, string(key))
		own, err := tls.X509KeyPair(outerTrimmed(certificate), outerTrimmed(key))
		require.NoError(t, err, "crypto/tls refuses what was accepted")
		require.Equal(t, own.Certificate, sent.Certificate)
		require.True(t, sent.PrivateKey.(interface {
			Equal(x crypto.PrivateKey) bool
		}).Equal(own.PrivateKey))
	})
}

// inContract is the rule of kinds and sizes, written a second time.
func inContract(t *testing.T, key crypto.PrivateKey) {
	t.Helper()
	switch k := key.(type) {
	case *rsa.PrivateKey:
		require.GreaterOrEqual(t, k.N.BitLen(), 2048)
		require.LessOrEqual(t, k.N.BitLen(), 4096)
		require.Len(t, k.Primes, 2)
	case *ecdsa.PrivateKey:
		require.Contains(t, []string{"P-256", "P-384", "P-521"}, k.Curve.Params().Name)
	case ed25519.PrivateKey:
	default:
		t.Fatalf("a %T is in no contract", key)
	}
}
