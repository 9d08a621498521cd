package verdict

import (
	"bytes"
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"math/big"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"kubernetes-mcp-edge/extproc/hostpolicy"
	"kubernetes-mcp-edge/extproc/kubeheader"
	"kubernetes-mcp-edge/extproc/policy"
	"kubernetes-mcp-edge/extproc/proof"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// epoch is a whole second, since proofs count in whole seconds.
var epoch = time.Date(2026, 5, 1, 12, 0, 0, 0, time.UTC)

// certificate is a self-signed one, with its key, as header values.
type certificate struct{ cert, key string }

func newCertificate(tb testing.TB) certificate {
	tb.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	require.NoError(tb, err)
	return selfSigned(tb, key)
}

func selfSigned(tb testing.TB, key crypto.Signer) certificate {
	tb.Helper()
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "alice"},
		NotBefore: epoch.Add(-time.Hour), NotAfter: epoch.Add(24 * time.Hour),
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth},
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	require.NoError(tb, err)
	pkcs8, err := x509.MarshalPKCS8PrivateKey(key)
	require.NoError(tb, err)
	encode := func(kind string, der []byte) string {
		return base64.StdEncoding.EncodeToString(pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der}))
	}
	return certificate{cert: encode("CERTIFICATE", der), key: encode("PRIVATE KEY", pkcs8)}
}

// jwt is an unsigned token that expires at a time.
func jwt(tb testing.TB, exp time.Time) string {
	tb.Helper()
	claims, err := json.Marshal(map[string]int64{"exp": exp.Unix()})
	require.NoError(tb, err)
	part := base64.RawURLEncoding.EncodeToString
	return part([]byte(`{"alg":"none"}`)) + "." + part(claims) + "." + part([]byte("sig"))
}

func rules(tb testing.TB) *policy.Policy {
	tb.Helper()
	hosts, err := hostpolicy.New(hostpolicy.Config{Suffixes: []string{".example.com"}})
	require.NoError(tb, err)
	return &policy.Policy{Digest: "digest", Header: kubeheader.Policy{
		Hosts: hosts, InsecureHosts: []string{".example.com"}, CredentialsOptional: true,
		AllowToken: true, AllowClientCertificate: true, AllowTLSServerName: true,
	}}
}

func signingKey(tb testing.TB) proof.SigningKey {
	tb.Helper()
	key, err := proof.GenerateSigningKey(time.Time{})
	require.NoError(tb, err)
	return key
}

// writeKeys makes a signing key file of these keys.
func writeKeys(tb testing.TB, path string, keys ...proof.SigningKey) {
	tb.Helper()
	content, err := proof.EncodeSigningKeys(keys...)
	require.NoError(tb, err)
	require.NoError(tb, os.WriteFile(path, content, 0o600))
}

// spy is a real signer that counts.
type spy struct {
	Sealer

	sealed int
}

func (s *spy) Seal(c kubeheader.Checked, now time.Time) (proof.Sealed, error) {
	s.sealed++
	return s.Sealer.Seal(c, now)
}

func newSigner(tb testing.TB) *spy {
	tb.Helper()
	path := filepath.Join(tb.TempDir(), "keys.pem")
	writeKeys(tb, path, signingKey(tb))
	keys, err := proof.LoadSigningKeys(path)
	require.NoError(tb, err)
	signer, err := proof.NewSigner(keys, "kubernetes-mcp")
	require.NoError(tb, err)
	return &spy{Sealer: signer}
}

// plain encodes an Allow so that a test can read it.
func plain(a Allow) ([]byte, error) {
	var out bytes.Buffer
	for _, f := range a.Set {
		fmt.Fprintf(&out, "set %s: %s\n", f.Name, f.Value.Reveal())
	}
	for _, name := range a.Remove {
		fmt.Fprintf(&out, "remove %s\n", name)
	}
	fmt.Fprintf(&out, "credential %s\n", a.Credential)
	return out.Bytes(), nil
}

func newEngine(tb testing.TB, change ...func(*Config)) (*Engine, *spy) {
	tb.Helper()
	signer, p := newSigner(tb), rules(tb)
	config := Config{Policy: func() *policy.Policy { return p }, Signer: signer, Audience: "kubernetes-mcp", Encode: plain}
	for _, f := range change {
		f(&config)
	}
	e, err := New(config)
	require.NoError(tb, err)
	tb.Cleanup(e.Close)
	return e, signer
}

// facts are an https request with these headers, given as name, value, ….
func facts(pairs ...string) Facts {
	f := Facts{ForwardedProto: [][]byte{[]byte("https")}}
	for i := 0; i < len(pairs); i += 2 {
		f.Fields = append(f.Fields, kubeheader.Field{Name: pairs[i], Value: kubeheader.NewSecret([]byte(pairs[i+1]))})
	}
	return f
}

// good are canonical headers with a token.
func good(ca certificate, token string) Facts {
	return facts(kubeheader.Server, "https://api.example.com",
		kubeheader.CertificateAuthority, ca.cert, kubeheader.Authorization, "Bearer "+token)
}

// answer requires that the request was allowed and returns the encoded answer.
func answer(tb testing.TB, e *Engine, f Facts, now time.Time) string {
	tb.Helper()
	d, err := e.Decide(tb.Context(), f, now)
	require.NoError(tb, err)
	if rejected, ok := d.Verdict.(*Rejected); ok {
		require.FailNow(tb, "rejected", rejected.Rejection.Problems)
	}
	return string(d.Verdict.(*Allowed).Answer)
}

// reason requires that the request was rejected and returns the first reason.
func reason(tb testing.TB, e *Engine, f Facts, now time.Time) string {
	tb.Helper()
	d, err := e.Decide(tb.Context(), f, now)
	require.NoError(tb, err)
	require.IsType(tb, &Rejected{}, d.Verdict)
	return d.Verdict.(*Rejected).Rejection.Problems[0].Reason.String()
}
