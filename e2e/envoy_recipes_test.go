package e2e

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"kubernetes-mcp-edge/e2e/harness"
	"kubernetes-mcp-edge/e2e/rig"
	"kubernetes-mcp-edge/envoy"
	"kubernetes-mcp-edge/extproc/kubeheader"
)

// issuer signs the tokens of a front door.
type issuer struct {
	key  *ecdsa.PrivateKey
	file string // its public key, as Envoy reads it
}

const issuerName, issuerAudience = "https://issuer.example.com", "https://mcp.example.com/mcp"

func newIssuer(t *testing.T) *issuer {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	require.NoError(t, err)
	point, err := key.PublicKey.Bytes()
	require.NoError(t, err)
	b64 := base64.RawURLEncoding.EncodeToString
	i := &issuer{key, filepath.Join(t.TempDir(), "jwks.json")}
	require.NoError(t, os.WriteFile(i.file, fmt.Appendf(nil, `{"keys":[{"kty":"EC","crv":"P-256","alg":"ES256","kid":"1","x":%q,"y":%q}]}`,
		b64(point[1:33]), b64(point[33:])), 0o600))
	return i
}

// token is a JWT with these claims.
func (i *issuer) token(t *testing.T, claims map[string]any) string {
	t.Helper()
	body, err := json.Marshal(claims)
	require.NoError(t, err)
	b64 := base64.RawURLEncoding.EncodeToString
	text := b64([]byte(`{"alg":"ES256","kid":"1","typ":"JWT"}`)) + "." + b64(body)
	digest := sha256.Sum256([]byte(text))
	r, s, err := ecdsa.Sign(rand.Reader, i.key, digest[:])
	require.NoError(t, err)
	return text + "." + b64(append(r.FillBytes(make([]byte, 32)), s.FillBytes(make([]byte, 32))...))
}

func claims(audience string, expires time.Duration) map[string]any {
	return map[string]any{"iss": issuerName, "aud": audience, "sub": "alice", "exp": time.Now().Add(expires).Unix()}
}

// TestFrontDoor: without a token of its own nobody comes as far as the guard;
// with one the cluster's credential is checked as ever, and the token stays at
// the door.
func TestFrontDoor(t *testing.T) {
	t.Parallel()
	i := newIssuer(t)
	s := shared.StartStack(t, harness.Options{Envoy: func(c *envoy.Config) {
		c.FrontDoor = &envoy.FrontDoor{Issuer: issuerName, Audiences: []string{issuerAudience}, JWKSFile: i.file}
	}})
	alice := asClient(shared.Cluster.Token("alice"), "")
	good := "Bearer " + i.token(t, claims(issuerAudience, time.Hour))
	for _, http2 := range []bool{false, true} {
		client := rig.NewClient(t, http2)
		for name, authorization := range map[string]string{
			"none":             "",
			"for the cluster":  alice.Get(kubeheader.Authorization),
			"expired":          "Bearer " + i.token(t, claims(issuerAudience, -time.Hour)),
			"another audience": "Bearer " + i.token(t, claims("https://other.example.com", time.Hour)),
			"another issuer":   "Bearer " + newIssuer(t).token(t, claims(issuerAudience, time.Hour)),
			"without expiry":   "Bearer " + i.token(t, map[string]any{"iss": issuerName, "aud": issuerAudience}),
		} {
			t.Run(name, func(t *testing.T) {
				asked, upstream := rig.EnvoyStat(t, s, "http.mcp.ext_proc.kube_guard.streams_started"), rig.Upstream(t, s)
				headers := alice
				if authorization != "" {
					headers = headers.With("Authorization", authorization)
				}
				got, err := client.Post(t.Context(), s.URL, headers, rig.Call)
				require.NoError(t, err)
				checkDoor(t, got, name == "another audience")
				require.Equal(t, asked, rig.EnvoyStat(t, s, "http.mcp.ext_proc.kube_guard.streams_started"), "the guard was asked")
				require.Equal(t, upstream, rig.Upstream(t, s))
			})
		}
		t.Run("in the URL", func(t *testing.T) { // where every proxy on the way would log it
			asked := rig.EnvoyStat(t, s, "http.mcp.ext_proc.kube_guard.streams_started")
			got, err := client.Post(t.Context(), s.URL+"?access_token="+strings.TrimPrefix(good, "Bearer "), alice, rig.Call)
			require.NoError(t, err)
			checkDoor(t, got, false)
			require.Equal(t, asked, rig.EnvoyStat(t, s, "http.mcp.ext_proc.kube_guard.streams_started"), "the guard was asked")
		})
		require.Equal(t, "alice", rig.Whoami(t, client, s.URL, alice.With("Authorization", good)))
		got, err := client.Post(t.Context(), s.URL, alice.With("Authorization", good).Without(kubeheader.Server), rig.Call)
		require.NoError(t, err)
		rig.Refusal{Status: http.StatusOK, ID: rig.CallID, Code: -32602, Reason: kubeheader.ReasonServerMissing, Header: kubeheader.Server}.Check(t, got)
	}
}

// checkDoor wants a refusal that lets a client sign in, and a person read why.
func checkDoor(t *testing.T, got harness.Response, otherAudience bool) {
	t.Helper()
	if otherAudience { // Envoy's own word for it
		require.Equal(t, http.StatusForbidden, got.Status)
	} else {
		require.Equal(t, http.StatusUnauthorized, got.Status)
		require.Contains(t, got.Header.Get("WWW-Authenticate"), "Bearer realm=")
	}
	rpc, err := got.RPC()
	require.NoError(t, err)
	require.NotNil(t, rpc.Error)
	require.Equal(t, "front-door-refused", rpc.Error.Data.Reason)
	require.Equal(t, got.Header.Get("X-Request-ID"), rpc.Error.Data.Decision)
	require.NotContains(t, rpc.Error.Message, "401")
	require.Equal(t, "application/json", got.Header.Get("Content-Type"))
	require.Equal(t, "no-store", got.Header.Get("Cache-Control"))
}

// TestFrontDoorKeepsItsToken: behind the door nobody sees it.
func TestFrontDoorKeepsItsToken(t *testing.T) {
	t.Parallel()
	i, backend := newIssuer(t), harness.NewOpenBackend()
	t.Cleanup(backend.Stop)
	s := shared.StartStack(t, harness.Options{Backend: backend.Address, Envoy: func(c *envoy.Config) {
		c.FrontDoor = &envoy.FrontDoor{Issuer: issuerName, Audiences: []string{issuerAudience}, JWKSFile: i.file}
	}})
	alice := asClient(shared.Cluster.Token("alice"), "")
	_, err := rig.NewClient(t, false).Post(t.Context(), s.URL, alice.With("Authorization", "Bearer "+i.token(t, claims(issuerAudience, time.Hour))), rig.Call)
	require.NoError(t, err)
	calls := backend.Calls()
	require.Len(t, calls, 1)
	require.Empty(t, calls[0].Get("Authorization"))
	require.NotEmpty(t, calls[0].Get(kubeheader.Authorization))
}

// TestOneCluster: users send a credential and nothing else. Whatever they say of
// the cluster is replaced, so that nobody can be led to another one, or to this
// one without a check of its certificate.
func TestOneCluster(t *testing.T) {
	t.Parallel()
	alice := shared.Cluster.Token("alice")
	s := shared.StartStack(t, harness.Options{Envoy: func(c *envoy.Config) {
		c.Target = &envoy.Target{Server: shared.Cluster.Server, CertificateAuthorityData: alice.Get(kubeheader.CertificateAuthority)}
	}})
	credential := harness.Headers{{Name: kubeheader.Authorization, Value: alice.Get(kubeheader.Authorization)}}
	for _, http2 := range []bool{false, true} {
		client := rig.NewClient(t, http2)
		require.Equal(t, "alice", rig.Whoami(t, client, s.URL, credential))
		require.Equal(t, "alice", rig.Whoami(t, client, s.URL, credential.
			Plus(kubeheader.Server, "https://elsewhere.example.com").Plus(kubeheader.Server, "https://elsewhere.example.org").
			Plus(kubeheader.CertificateAuthority, "bm9uZQ==").
			Plus(kubeheader.InsecureSkipTLSVerify, "true").
			Plus(kubeheader.TLSServerName, "elsewhere.example.com")))
		require.Equal(t, "bob", rig.Whoami(t, client, s.URL, shared.Cluster.Certificate("bob")))

		got, err := client.Post(t.Context(), s.URL, asClient(credential, "").Plus("kubernetes_server", "https://elsewhere.example.com"), rig.Call)
		require.NoError(t, err)
		rig.Refusal{Status: http.StatusOK, ID: rig.CallID, Code: -32602, Reason: kubeheader.ReasonUnderscoreName, Header: "*"}.Check(t, got)

		got, err = client.Post(t.Context(), s.URL, asClient(nil, ""), rig.Call)
		require.NoError(t, err)
		rig.Refusal{Status: http.StatusOK, ID: rig.CallID, Code: -32602, Reason: kubeheader.ReasonCredentialMissing, Header: kubeheader.Authorization}.Check(t, got)
	}
}
