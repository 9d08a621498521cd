package proof

import (
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/base64"
	"encoding/pem"
	"errors"
	"math/big"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"kubernetes-mcp-edge/extproc/hostpolicy"
	"kubernetes-mcp-edge/extproc/kubeheader"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const audience = "kubernetes-mcp"

// noon is the time at which the tests' proofs are made.
var noon = time.Date(2026, 1, 31, 12, 0, 0, 0, time.UTC)

// link is both ends of a proof, with one key and one policy.
type link struct {
	signingFile, keysFile string
	signing               *SigningKeys
	keys                  *KeySet
	signer                *Signer
	verifier              *Verifier
	policy                *kubeheader.Policy
	callers               map[string][]kubeheader.Field // canonical headers by kind of credential
}

func newLink(tb testing.TB) *link {
	tb.Helper()
	dir := tb.TempDir()
	l := &link{signingFile: filepath.Join(dir, "signing.pem"), keysFile: filepath.Join(dir, "keys.json")}
	key := generate(tb, time.Time{})
	l.writeSigning(tb, key)
	l.writeKeys(tb, key.Public())

	var err error
	l.signing, err = LoadSigningKeys(l.signingFile)
	require.NoError(tb, err)
	l.keys, err = LoadKeySet(l.keysFile)
	require.NoError(tb, err)
	hosts, err := hostpolicy.New(hostpolicy.Config{Hosts: []string{"api.example.com"}})
	require.NoError(tb, err)
	l.policy = &kubeheader.Policy{
		Hosts: hosts, CredentialsOptional: true, AllowToken: true, AllowClientCertificate: true, AllowTLSServerName: true,
	}
	l.signer, err = NewSigner(l.signing, audience)
	require.NoError(tb, err)
	l.verifier, err = NewVerifier(l.keys, audience, func() *kubeheader.Policy { return l.policy }, Limits{})
	require.NoError(tb, err)
	tb.Cleanup(l.verifier.Close)
	l.callers = newCallers(tb)
	return l
}

func generate(tb testing.TB, activateAt time.Time) SigningKey {
	tb.Helper()
	key, err := GenerateSigningKey(activateAt)
	require.NoError(tb, err)
	return key
}

func (l *link) writeSigning(tb testing.TB, keys ...SigningKey) {
	tb.Helper()
	content, err := EncodeSigningKeys(keys...)
	require.NoError(tb, err)
	require.NoError(tb, os.WriteFile(l.signingFile, content, 0o600))
}

func (l *link) writeKeys(tb testing.TB, keys ...ed25519.PublicKey) {
	tb.Helper()
	content, err := EncodeKeySet(keys...)
	require.NoError(tb, err)
	require.NoError(tb, os.WriteFile(l.keysFile, content, 0o600))
}

// newCallers makes the headers of three callers, each with all options.
func newCallers(tb testing.TB) map[string][]kubeheader.Field {
	tb.Helper()
	certificate, key := selfSigned(tb)
	trust := []string{
		kubeheader.Server, "https://api.example.com:6443",
		kubeheader.CertificateAuthority, certificate,
	}
	options := []string{
		kubeheader.TLSServerName, "kubernetes",
		kubeheader.Namespace, "team-a",
		kubeheader.Toolsets, "apps,core",
	}
	return map[string][]kubeheader.Field{
		"anonymous":   nil,
		"token":       fields(slices.Concat(trust, []string{kubeheader.Authorization, "Bearer alice-token"}, options)...),
		"certificate": fields(slices.Concat(trust, []string{kubeheader.ClientCertificate, certificate, kubeheader.ClientKey, key}, options)...),
	}
}

func selfSigned(tb testing.TB) (certificate, key string) {
	tb.Helper()
	private, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	require.NoError(tb, err)
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "alice"},
		NotBefore: noon.Add(-time.Hour), NotAfter: noon.Add(time.Hour),
		IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign | x509.KeyUsageDigitalSignature,
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, private.Public(), private)
	require.NoError(tb, err)
	pkcs8, err := x509.MarshalPKCS8PrivateKey(private)
	require.NoError(tb, err)
	return inBase64(pemType, pkcs8, "CERTIFICATE", der)
}

func inBase64(keyType string, key []byte, certificateType string, certificate []byte) (string, string) {
	encode := func(kind string, der []byte) string {
		return base64.StdEncoding.EncodeToString(pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der}))
	}
	return encode(certificateType, certificate), encode(keyType, key)
}

// fields makes header lines of alternating names and values.
func fields(pairs ...string) []kubeheader.Field {
	var out []kubeheader.Field
	for pair := range slices.Chunk(pairs, 2) {
		out = append(out, kubeheader.Field{Name: pair[0], Value: kubeheader.NewSecret([]byte(pair[1]))})
	}
	return out
}

func (l *link) check(tb testing.TB, caller string, now time.Time) kubeheader.Checked {
	tb.Helper()
	checked, err := kubeheader.Parse(kubeheader.Request{Fields: l.callers[caller]}, l.policy, now)
	require.NoError(tb, err)
	return checked
}

// sealed returns the header lines that the edge sends on for a caller.
func (l *link) sealed(tb testing.TB, caller string, now time.Time) []kubeheader.Field {
	tb.Helper()
	return l.sealedBy(tb, l.signer, caller, now)
}

func (l *link) sealedBy(tb testing.TB, signer *Signer, caller string, now time.Time) []kubeheader.Field {
	tb.Helper()
	checked := l.check(tb, caller, now)
	sealed, err := signer.Seal(checked, now)
	require.NoError(tb, err)
	return append(slices.Clone(checked.Canonical()), fields(
		kubeheader.Fingerprint, sealed.Fingerprint,
		kubeheader.SignatureInput, sealed.SignatureInput,
		kubeheader.Signature, sealed.Signature)...)
}

func value(tb testing.TB, from []kubeheader.Field, name string) string {
	tb.Helper()
	i := slices.IndexFunc(from, func(f kubeheader.Field) bool { return f.Name == name })
	require.GreaterOrEqual(tb, i, 0, name)
	return string(from[i].Value.Reveal())
}

// with returns a copy in which a header has another value.
func with(from []kubeheader.Field, name, value string) []kubeheader.Field {
	return append(without(from, name), fields(name, value)...)
}

func without(from []kubeheader.Field, name string) []kubeheader.Field {
	return slices.DeleteFunc(slices.Clone(from), func(f kubeheader.Field) bool { return f.Name == name })
}

// refused asserts that Open says no for this reason, with nothing in hand.
func (l *link) refused(tb testing.TB, sent []kubeheader.Field, now time.Time, reason kubeheader.Reason, header string) {
	tb.Helper()
	verified, err := l.verifier.Open(sent, now)
	problem, ok := errors.AsType[*Error](err)
	require.True(tb, ok, "want a refusal, have %v", err)
	require.Equal(tb, reason.String(), problem.Reason.String())
	require.Equal(tb, header, problem.Header)
	require.False(tb, verified.Valid())
}

func (l *link) accepted(tb testing.TB, sent []kubeheader.Field, now time.Time) Verified {
	tb.Helper()
	verified, err := l.verifier.Open(sent, now)
	require.NoError(tb, err)
	require.True(tb, verified.Valid())
	return verified
}
