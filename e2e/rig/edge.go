package rig

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"kubernetes-mcp-edge/e2e/harness"
	"kubernetes-mcp-edge/extproc/kubeheader"
	"kubernetes-mcp-edge/extproc/policy"
	"kubernetes-mcp-edge/extproc/proof"
)

// Audience is what both programs use when not told otherwise.
const Audience = "kubernetes-mcp"

// Edge makes proofs as the guard does, with the stack's own key and policy, so
// that a test can stand where Envoy stands.
type Edge struct {
	Stack  *harness.Stack
	Policy kubeheader.Policy
	Keys   *proof.SigningKeys

	world *World
}

// NewEdge reads the stack's signing keys; policyText is what the stack runs with.
func (w *World) NewEdge(tb testing.TB, s *harness.Stack, policyText string) *Edge {
	tb.Helper()
	rules, err := policy.Parse([]byte(policyText))
	require.NoError(tb, err)
	keys, err := proof.LoadSigningKeys(s.SigningKeyFile())
	require.NoError(tb, err)
	return &Edge{Stack: s, Policy: rules.Header, Keys: keys, world: w}
}

// Seal returns what the guard would send on for these headers, checked now and
// signed at this time for this audience.
func (e *Edge) Seal(tb testing.TB, headers harness.Headers, at time.Time, audience string) harness.Headers {
	tb.Helper()
	fields := make([]kubeheader.Field, 0, len(headers))
	for _, h := range headers {
		fields = append(fields, kubeheader.Field{Name: h.Name, Value: kubeheader.NewSecret([]byte(h.Value))})
	}
	checked, err := kubeheader.Parse(kubeheader.Request{Fields: fields, Plaintext: true}, &e.Policy, time.Now())
	require.NoError(tb, err)
	signer, err := proof.NewSigner(e.Keys, audience)
	require.NoError(tb, err)
	sealed, err := signer.Seal(checked, at)
	require.NoError(tb, err)
	out := append(make(harness.Headers, 0, len(checked.Canonical())+3), harness.Header{Name: kubeheader.Fingerprint, Value: sealed.Fingerprint})
	for _, f := range checked.Canonical() {
		out = append(out, harness.Header{Name: f.Name, Value: string(f.Value.Reveal())})
	}
	return out.Plus(kubeheader.SignatureInput, sealed.SignatureInput).Plus(kubeheader.Signature, sealed.Signature)
}

// Now is Seal for a request of this moment.
func (e *Edge) Now(tb testing.TB, headers harness.Headers) harness.Headers {
	tb.Helper()
	return e.Seal(tb, headers, time.Now(), Audience)
}

// NothingActed runs work and then sees that nothing acted for it, but for the
// good calls of whoami in it, of which it is told whom they were for.
func (e *Edge) NothingActed(tb testing.TB, work func(), but ...string) {
	tb.Helper()
	ledger := e.Ledger(tb)
	work()
	ledger.Acted(tb, len(but))
}
