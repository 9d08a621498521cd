package e2e

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"kubernetes-mcp-edge/e2e/harness"
	"kubernetes-mcp-edge/e2e/rig"
	"kubernetes-mcp-edge/extproc/jsonrpc"
	"kubernetes-mcp-edge/extproc/kubeheader"
	"kubernetes-mcp-edge/extproc/policy"
	"kubernetes-mcp-edge/extproc/proof"
)

// proofReason is one that the backend gives for a request which came past Envoy.
type proofReason struct {
	code, header, says string
	send               harness.Headers
}

func proofReasons(t *testing.T) []proofReason {
	t.Helper()
	good := shared.Cluster.Token("alice")
	own, foreign := shared.Stack.SigningKeyFile(), foreignKey(t)
	return []proofReason{
		{"proof-missing", kubeheader.Signature, "is missing", good},
		{"proof-invalid", kubeheader.Namespace, "not what the guard signed", sealedBy(t, own, time.Now(), good).With(kubeheader.Namespace, "team-b")},
		{"proof-expired", kubeheader.Signature, "too old or from the future", sealedBy(t, own, time.Now().Add(-time.Hour), good)},
		{"proof-unknown-key", kubeheader.Signature, "a key that the backend does not know", sealedBy(t, foreign, time.Now(), good)},
	}
}

// sealedBy adds to canonical headers the proof that a guard with this key would
// have made at this time.
func sealedBy(t *testing.T, keyFile string, at time.Time, headers harness.Headers) harness.Headers {
	t.Helper()
	rules, err := policy.Parse([]byte(shared.Policy))
	require.NoError(t, err)
	keys, err := proof.LoadSigningKeys(keyFile)
	require.NoError(t, err)
	signer, err := proof.NewSigner(keys, "kubernetes-mcp")
	require.NoError(t, err)
	var request kubeheader.Request
	for _, h := range headers {
		request.Fields = append(request.Fields, kubeheader.Field{Name: h.Name, Value: kubeheader.NewSecret([]byte(h.Value))})
	}
	checked, err := kubeheader.Parse(request, &rules.Header, time.Now())
	require.NoError(t, err)
	sealed, err := signer.Seal(checked, at)
	require.NoError(t, err)
	return headers.Plus(kubeheader.Fingerprint, sealed.Fingerprint).
		Plus(kubeheader.SignatureInput, sealed.SignatureInput).Plus(kubeheader.Signature, sealed.Signature)
}

// foreignKey is a signing key of another installation.
func foreignKey(t *testing.T) string {
	t.Helper()
	key, err := proof.GenerateSigningKey(time.Time{})
	require.NoError(t, err)
	text, err := proof.EncodeSigningKeys(key)
	require.NoError(t, err)
	file := filepath.Join(t.TempDir(), "foreign.pem")
	require.NoError(t, os.WriteFile(file, text, 0o600))
	return file
}

// TestReasonsOfTheProof: who reaches the backend past Envoy and its guard gets
// nothing done there, and is told why in the same form.
func TestReasonsOfTheProof(t *testing.T) {
	client := rig.NewClient(t, false)
	sealed := sealedBy(t, shared.Stack.SigningKeyFile(), time.Now(), shared.Cluster.Token("alice"))
	result, rpc, err := client.CallTool(t.Context(), shared.Stack.BackendURL, sealed, "whoami", `{}`)
	require.NoError(t, err)
	require.Nil(t, rpc.Error, "the counterpart, a good proof, is refused")
	require.Contains(t, result.Text(), "alice")

	for i, r := range proofReasons(t) {
		for j, revision := range reasonRevisions() {
			t.Run(fmt.Sprintf("%s/%q", r.code, revision), func(t *testing.T) {
				c := reasonCalls()[(i+j)%len(reasonCalls())]
				// Straight to the backend, who takes the id as the guard's.
				headers := asClient(r.send, revision).With("X-Request-Id", jsonrpc.NewDecision())
				got, err := client.Post(t.Context(), shared.Stack.BackendURL, headers, c.body)
				require.NoError(t, err)
				decision := reasonAnswer{
					status: reasonStatus(revision), code: jsonrpc.InternalError, ids: []string{c.id},
					problems: []reasonProblem{{r.code, r.header, r.says}},
				}.check(t, got)
				require.Equal(t, headers.Get("X-Request-Id"), decision)
				checkSilence(t, headers, got)
				want := []reasonLine{{Decision: decision, Reason: r.code, Header: r.header, Message: "request refused"}}
				rig.Eventually(t, func() error { // nobody waits for a log
					if got := reasonLines(shared.Stack.MCPBackend.Output())[decision]; !slices.Equal(got, want) {
						return fmt.Errorf("the backend's lines are %+v", got)
					}
					return nil
				})
			})
		}
	}
}
