// Package prooftest stands for the edge in tests of the backend's rooms: it signs
// headers as the guard does, for a proof.Verified comes from nothing else.
package prooftest

import (
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"kubernetes-mcp-edge/extproc/kubeheader"
	"kubernetes-mcp-edge/extproc/proof"
)

// Audience is whom every proof is for.
const Audience = "kubernetes-mcp"

// NewSigner makes a key pair, writes the key set with its public half to the
// file keysAt, and signs with the other.
func NewSigner(t *testing.T, keysAt string) *proof.Signer {
	t.Helper()
	key, err := proof.GenerateSigningKey(time.Time{})
	require.NoError(t, err)
	private, err := proof.EncodeSigningKeys(key)
	require.NoError(t, err)
	public, err := proof.EncodeKeySet(key.Public())
	require.NoError(t, err)
	signing := filepath.Join(t.TempDir(), "signing.pem")
	require.NoError(t, os.WriteFile(signing, private, 0o600))
	require.NoError(t, os.WriteFile(keysAt, public, 0o600))
	keys, err := proof.LoadSigningKeys(signing)
	require.NoError(t, err)
	signer, err := proof.NewSigner(keys, Audience)
	require.NoError(t, err)
	return signer
}

// Edge is a guard and a backend's door with one policy and one key.
type Edge struct {
	policy   *kubeheader.Policy
	signer   *proof.Signer
	verifier *proof.Verifier
}

// NewEdge makes one; the policy may be changed between two requests.
func NewEdge(t *testing.T, policy *kubeheader.Policy) *Edge {
	t.Helper()
	signer, verifier := NewPair(t, policy)
	return &Edge{policy: policy, signer: signer, verifier: verifier}
}

// NewPair is a signer and the verifier that trusts it; the policy may be changed
// between two requests.
func NewPair(t *testing.T, policy *kubeheader.Policy) (*proof.Signer, *proof.Verifier) {
	t.Helper()
	keysAt := filepath.Join(t.TempDir(), "keys.json")
	signer := NewSigner(t, keysAt)
	keys, err := proof.LoadKeySet(keysAt)
	require.NoError(t, err)
	verifier, err := proof.NewVerifier(keys, Audience, func() *kubeheader.Policy { return policy }, proof.Limits{})
	require.NoError(t, err)
	t.Cleanup(verifier.Close)
	return signer, verifier
}

// Caller is who sends these fields, as the door hands him on.
func (e *Edge) Caller(t *testing.T, now time.Time, fields ...kubeheader.Field) proof.Verified {
	t.Helper()
	sealed, err := Seal(e.signer, e.policy, now, fields...)
	require.NoError(t, err)
	v, err := e.verifier.Open(sealed, now)
	require.NoError(t, err)
	return v
}

// Seal is what the guard sends on instead of these fields: the canonical ones
// and their proof. The error is kubeheader's or the signer's.
func Seal(signer *proof.Signer, policy *kubeheader.Policy, now time.Time, fields ...kubeheader.Field) ([]kubeheader.Field, error) {
	checked, err := kubeheader.Parse(kubeheader.Request{Fields: fields}, policy, now)
	if err != nil {
		return nil, err
	}
	sealed, err := signer.Seal(checked, now)
	if err != nil {
		return nil, err
	}
	return append(append([]kubeheader.Field{}, checked.Canonical()...), Field(kubeheader.Fingerprint, sealed.Fingerprint),
		Field(kubeheader.SignatureInput, sealed.SignatureInput), Field(kubeheader.Signature, sealed.Signature)), nil
}

// Field is one header.
func Field(name, value string) kubeheader.Field {
	return kubeheader.Field{Name: name, Value: kubeheader.NewSecret([]byte(value))}
}
