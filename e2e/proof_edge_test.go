package e2e

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"kubernetes-mcp-edge/e2e/harness"
	"kubernetes-mcp-edge/extproc/jsonrpc"
	"kubernetes-mcp-edge/extproc/kubeheader"
	"kubernetes-mcp-edge/extproc/policy"
	"kubernetes-mcp-edge/extproc/proof"
)

// audience is what both programs use when not told otherwise.
const audience = "kubernetes-mcp"

// edge makes proofs as the guard does, with the stack's own key and policy, so
// that a test can stand where Envoy stands.
type edge struct {
	stack  *harness.Stack
	policy kubeheader.Policy
	keys   *proof.SigningKeys
}

func newEdge(t *testing.T, s *harness.Stack, policyText string) *edge {
	t.Helper()
	rules, err := policy.Parse([]byte(policyText))
	require.NoError(t, err)
	keys, err := proof.LoadSigningKeys(s.SigningKeyFile())
	require.NoError(t, err)
	return &edge{stack: s, policy: rules.Header, keys: keys}
}

// seal returns what the guard would send on for these headers, checked now and
// signed at this time for this audience.
func (e *edge) seal(t *testing.T, headers harness.Headers, at time.Time, audience string) harness.Headers {
	t.Helper()
	fields := make([]kubeheader.Field, 0, len(headers))
	for _, h := range headers {
		fields = append(fields, kubeheader.Field{Name: h.Name, Value: kubeheader.NewSecret([]byte(h.Value))})
	}
	checked, err := kubeheader.Parse(kubeheader.Request{Fields: fields, Plaintext: true}, &e.policy, time.Now())
	require.NoError(t, err)
	signer, err := proof.NewSigner(e.keys, audience)
	require.NoError(t, err)
	sealed, err := signer.Seal(checked, at)
	require.NoError(t, err)
	out := append(make(harness.Headers, 0, len(checked.Canonical())+3), harness.Header{Name: kubeheader.Fingerprint, Value: sealed.Fingerprint})
	for _, f := range checked.Canonical() {
		out = append(out, harness.Header{Name: f.Name, Value: string(f.Value.Reveal())})
	}
	return out.Plus(kubeheader.SignatureInput, sealed.SignatureInput).Plus(kubeheader.Signature, sealed.Signature)
}

// now is seal for a request of this moment.
func (e *edge) now(t *testing.T, headers harness.Headers) harness.Headers {
	t.Helper()
	return e.seal(t, headers, time.Now(), audience)
}

// whoami calls the backend directly and returns the user that the API server
// takes the caller for.
func whoami(t *testing.T, client *harness.Client, url string, headers harness.Headers) string {
	t.Helper()
	result, rpc, err := client.CallTool(t.Context(), url, headers, "whoami", `{}`)
	require.NoError(t, err)
	require.Nil(t, rpc.Error)
	require.False(t, result.IsError, result.Text())
	var who struct {
		Username string `json:"username"`
	}
	require.NoError(t, json.Unmarshal(result.Structured, &who))
	return who.Username
}

// nothingActed runs work and then sees that the backend called no tool for it
// and that no question about identity reached the API server, but for the good
// calls in it, of which it is told whom they were for. One more good call at the
// end shows that both counters count, and that all before has been counted.
func (e *edge) nothingActed(t *testing.T, work func(), but ...string) {
	t.Helper()
	client := newClient(t, false)
	alice := shared.cluster.Token("alice")
	tools, reviews := toolCalls(e.stack), identityReviews(t.Context(), t)
	work()
	require.Equal(t, "alice", whoami(t, client, e.stack.BackendURL, e.now(t, alice)))
	good := len(but) + 1
	require.Equal(t, tools+good, toolCalls(e.stack), "the backend called a tool for a request that it had to refuse")
	require.NoError(t, harness.Until(soon(t), func(ctx context.Context) error { // counted after the answer is sent
		if identityReviews(ctx, t) < reviews+good {
			return errors.New("the API server has not counted the last call yet")
		}
		return nil
	}))
	require.Equal(t, reviews+good, identityReviews(t.Context(), t), "the API server was asked who somebody is")
}

// soon is a context for what takes a moment.
func soon(t *testing.T) context.Context {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), recovery)
	t.Cleanup(cancel)
	return ctx
}

// toolCalls counts the tool calls in the backend's audit log.
func toolCalls(s *harness.Stack) int {
	return strings.Count(string(s.MCPBackend.Output()), `"msg":"tool call"`)
}

// identityReviews is how often the API server has answered what whoami asks.
func identityReviews(ctx context.Context, t *testing.T) int {
	t.Helper()
	admin := shared.cluster.Users["admin"]
	pair, err := tls.X509KeyPair([]byte(admin.Certificate), []byte(admin.Key))
	require.NoError(t, err)
	roots := x509.NewCertPool()
	require.True(t, roots.AppendCertsFromPEM([]byte(shared.cluster.CA)))
	transport := &http.Transport{TLSClientConfig: &tls.Config{RootCAs: roots, Certificates: []tls.Certificate{pair}}}
	defer transport.CloseIdleConnections()
	text := fetch(ctx, t, &http.Client{Transport: transport}, shared.cluster.Server+"/metrics")
	total := 0
	for line := range strings.Lines(text) {
		if !strings.HasPrefix(line, "apiserver_request_total{") || !strings.Contains(line, `resource="selfsubjectreviews"`) {
			continue
		}
		n, err := strconv.Atoi(strings.TrimSpace(line[strings.LastIndexByte(line, ' '):]))
		require.NoError(t, err)
		total += n
	}
	return total
}

// refusal is what a rejection has to say.
type refusal struct {
	status int
	id     string // raw JSON; "" for an answer without the member
	code   int
	reason kubeheader.Reason
	header string // "*" for any
}

// check looks at everything that a person and a client get to see.
func (want refusal) check(t *testing.T, res harness.Response) {
	t.Helper()
	require.NoError(t, want.differs(res))
}

// differs says how an answer is not the one that is wanted, without showing it.
func (want refusal) differs(res harness.Response) error {
	var members map[string]json.RawMessage
	if err := json.Unmarshal(res.Body, &members); err != nil {
		return fmt.Errorf("status %d, and the body is no JSON object: %w", res.Status, err)
	}
	rpc, err := res.RPC()
	if err != nil || rpc.Error == nil {
		return fmt.Errorf("status %d, and the body is no JSON-RPC error", res.Status)
	}
	id, hasID := members["id"]
	data := rpc.Error.Data
	for _, c := range []struct {
		what      string
		got, want any
	}{
		{"reason", data.Reason, want.reason.String()},
		{"status", res.Status, want.status},
		{"jsonrpc", string(members["jsonrpc"]), `"2.0"`},
		{"has an id", hasID, want.id != ""},
		{"id", string(id), want.id},
		{"code", rpc.Error.Code, want.code},
		{"result", string(members["result"]), ""},
		{"content type", res.Header.Get("Content-Type"), "application/json"},
		{"cache control", res.Header.Get("Cache-Control"), "no-store"},
		{"origin", res.Header.Get("Access-Control-Allow-Origin"), "*"},
		{"WWW-Authenticate", res.Header.Get("WWW-Authenticate"), ""},
		{"session", res.Header.Get("Mcp-Session-Id"), ""},
		{"form of the decision", jsonrpc.ValidDecision(data.Decision), true},
		{"decision", res.Header.Get("X-Request-ID"), data.Decision},
		{"first problem", len(data.Problems) > 0 && data.Problems[0].Reason == data.Reason, true},
		{"a message", rpc.Error.Message != "" && !strings.Contains(rpc.Error.Message, "401") && !strings.Contains(rpc.Error.Message, "404"), true},
	} {
		if c.got != c.want {
			return fmt.Errorf("%s: %v, not %v (reason %s)", c.what, c.got, c.want, data.Reason)
		}
	}
	if want.header != "*" && data.Header != want.header {
		return fmt.Errorf("header: %q, not %q", data.Header, want.header)
	}
	return nil
}
