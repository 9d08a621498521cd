package faults

import (
	"bytes"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"math/big"
	"net/http"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"kubernetes-mcp-edge/e2e/harness"
	"kubernetes-mcp-edge/extproc/kubeheader"
)

// class tells callers apart where a fault hits some and not others.
type class string

// The classes. All but youngCA send, beside the cluster's own authority, one
// that is a day old: then a guard whose clock is an hour late does not find every
// authority not yet valid, and comes to look at the rest.
const (
	token       class = "token"
	certificate class = "certificate"
	jwt         class = "JWT"      // a token that says when it ends
	youngCA     class = "young CA" // made with the cluster, hence minutes ago
	bad         class = "bad"      // must never be acted on
)

// caller is somebody who calls over and over.
type caller struct {
	class   class
	user    string // whom the API server takes him for; "" of a bad one
	method  string
	headers harness.Headers
	// reason is why the guard refuses a bad one.
	reason kubeheader.Reason
	modern bool // of the era in which a rejection is a 400
}

// goodCallers are two tenants with both kinds of credential, and an account of
// the cluster's with a token that ends.
func goodCallers(t *testing.T) []caller {
	t.Helper()
	c := world.Cluster
	old := withOldAuthority(t)
	account, user := accountToken(t)
	return []caller{
		{class: token, user: "alice", headers: old(c.Token("alice"))},
		{class: certificate, user: "bob", headers: old(c.Certificate("bob"))},
		{class: youngCA, user: "bob", headers: c.Token("bob")},
		{class: certificate, user: "alice", headers: old(c.Certificate("alice"))},
		{class: jwt, user: user, headers: old(c.Token("alice").With(kubeheader.Authorization, "Bearer "+account))},
	}
}

// audited are those whom the API server's audit log knows by name.
func audited(callers []caller) []caller {
	var out []caller
	for _, c := range callers {
		if c.class != jwt {
			out = append(out, c)
		}
	}
	return out
}

// badCallers send what the guard refuses. Most would be somebody if nobody
// looked: a name that is read twice, a name that is read in two ways, a proof
// that was made for others.
func badCallers(t *testing.T, genuine harness.Headers) []caller {
	t.Helper()
	old := withOldAuthority(t)
	alice, bob := old(world.Cluster.Token("alice")), world.Cluster.Certificate("bob")
	server := alice.Get(kubeheader.Server)
	both := alice.Plus(kubeheader.ClientCertificate, bob.Get(kubeheader.ClientCertificate)).
		Plus(kubeheader.ClientKey, bob.Get(kubeheader.ClientKey))
	post := func(reason kubeheader.Reason, headers harness.Headers) caller {
		return caller{class: bad, method: http.MethodPost, headers: headers, reason: reason}
	}
	modern := post(kubeheader.ReasonPlaceholder, alice.With(kubeheader.Authorization, "Bearer ${TOKEN}"))
	modern.modern = true
	get := post(kubeheader.ReasonServerScheme, alice.With(kubeheader.Server, "http://"+server[len("https://"):]))
	get.method = http.MethodGet
	return []caller{
		post(kubeheader.ReasonDuplicateHeader, alice.Plus(kubeheader.Server, server)),
		post(kubeheader.ReasonCredentialAmbiguous, both),
		post(kubeheader.ReasonCredentialMissing, alice.Without(kubeheader.Authorization)),
		post(kubeheader.ReasonUnderscoreName, alice.Without(kubeheader.Authorization).
			Plus("kubernetes_authorization", alice.Get(kubeheader.Authorization))),
		post(kubeheader.ReasonUnknownHeader, alice.Plus("kubernetes-impersonate-user", "admin")),
		post(kubeheader.ReasonHostNotAllowed, alice.With(kubeheader.Server, "https://api.example.com")),
		post(kubeheader.ReasonDuplicateHeader, old(genuine).Plus(kubeheader.Authorization, "Bearer other")),
		modern,
		get,
	}
}

// withOldAuthority adds a CA certificate that is a day old to a caller's.
func withOldAuthority(t *testing.T) func(harness.Headers) harness.Headers {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	require.NoError(t, err)
	now := time.Now()
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), IsCA: true, BasicConstraintsValid: true,
		NotBefore: now.Add(-24 * time.Hour), NotAfter: now.Add(24 * time.Hour),
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	require.NoError(t, err)
	bundle := world.Cluster.CA + string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}))
	return func(h harness.Headers) harness.Headers {
		return h.With(kubeheader.CertificateAuthority, base64.StdEncoding.EncodeToString([]byte(bundle)))
	}
}

// accountToken asks the cluster for a token of a service account, which ends in
// ten minutes, the shortest that there is, and says who its bearer is.
func accountToken(t *testing.T) (text, user string) {
	t.Helper()
	const path = "/api/v1/namespaces/team-a/serviceaccounts/default/token"
	const want = `{"apiVersion":"authentication.k8s.io/v1","kind":"TokenRequest","spec":{"expirationSeconds":600}}`
	client := adminClient(t)
	var answer struct {
		Status struct {
			Token string `json:"token"`
		} `json:"status"`
	}
	// The account comes a moment after its namespace.
	require.NoError(t, harness.Until(soon(t), func(ctx context.Context) error {
		req, err := http.NewRequestWithContext(ctx, http.MethodPost, world.Cluster.Server+path, bytes.NewBufferString(want))
		if err != nil {
			return err
		}
		req.Header.Set("Content-Type", "application/json")
		res, err := client.Do(req)
		if err != nil {
			return err
		}
		defer func() { _ = res.Body.Close() }()
		if res.StatusCode != http.StatusCreated {
			return fmt.Errorf("the API server answers %s", res.Status)
		}
		return json.NewDecoder(res.Body).Decode(&answer)
	}))
	require.NotEmpty(t, answer.Status.Token)
	return answer.Status.Token, "system:serviceaccount:team-a:default"
}

// adminClient speaks to the API server as the admin, without this product.
func adminClient(t *testing.T) *http.Client {
	t.Helper()
	admin := world.Cluster.Users["admin"]
	pair, err := tls.X509KeyPair([]byte(admin.Certificate), []byte(admin.Key))
	require.NoError(t, err)
	roots := x509.NewCertPool()
	require.True(t, roots.AppendCertsFromPEM([]byte(world.Cluster.CA)))
	transport := &http.Transport{TLSClientConfig: &tls.Config{RootCAs: roots, Certificates: []tls.Certificate{pair}, MinVersion: tls.VersionTLS12}}
	t.Cleanup(transport.CloseIdleConnections)
	return &http.Client{Transport: transport}
}

// soon is a context for what takes a moment.
func soon(t *testing.T) context.Context {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 15*time.Second)
	t.Cleanup(cancel)
	return ctx
}
