package e2e

import (
	"crypto/ecdsa"
	"crypto/rsa"
	"crypto/x509"
	"encoding/base64"
	"encoding/pem"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"kubernetes-mcp-edge/e2e/harness"
	"kubernetes-mcp-edge/e2e/rig"
	"kubernetes-mcp-edge/extproc/kubeheader"
	"kubernetes-mcp-edge/extproc/proof"
)

// spelling is one way to write a caller's headers that is not the canonical one.
type spelling struct {
	name      string
	user      string // "" where no cluster answers
	sent      harness.Headers
	canonical harness.Headers
}

// spellings are all that the contract accepts and changes.
func spellings(t *testing.T) []spelling {
	t.Helper()
	alice, bob := shared.Cluster.Token("alice"), shared.Cluster.Certificate("bob")
	server := alice.Get(kubeheader.Server)
	local := strings.Replace(server, "127.0.0.1", "localhost", 1)
	bearer := alice.Get(kubeheader.Authorization)
	token := strings.TrimPrefix(bearer, "Bearer ")
	one := func(name, header, sent, canonical string) spelling {
		return spelling{name, "alice", alice.With(header, sent), alice.With(header, canonical)}
	}
	rsaPair := shared.Cluster.Certificate("alice")
	out := []spelling{
		{"as it should be", "alice", alice, alice},
		one("bare token", kubeheader.Authorization, token, bearer),
		one("scheme in another case", kubeheader.Authorization, "bEARER "+token, bearer),
		one("upper-case scheme and host", kubeheader.Server, "HTTPS://"+strings.ToUpper(strings.TrimPrefix(local, "https://")), local),
		one("a dot after the host", kubeheader.Server, strings.Replace(local, "localhost", "LocalHost.", 1), local),
		one("a slash at the end", kubeheader.Server, server+"/", server),
		one("spaces and tabs around", kubeheader.Server, " \t"+server+"\t ", server),
		one("spaces around the namespace", kubeheader.Namespace, "  team-a ", "team-a"),
		one("toolsets in disorder", kubeheader.Toolsets, " core , apps,core", "apps,core"),
		one("a tls server name in capitals", kubeheader.TLSServerName, "KUBERNETES", "kubernetes"),
		{"insecure is false", "alice", alice.Plus(kubeheader.InsecureSkipTLSVerify, "False"), alice},
		{"a PKCS#1 key", "alice", rsaPair.With(kubeheader.ClientKey, oldKey(t, "alice")), rsaPair},
		{"a SEC 1 key", "bob", bob.With(kubeheader.ClientKey, oldKey(t, "bob")), bob},
		{"the names in capitals", "alice", upper(alice), alice},
	}
	for _, name := range []string{kubeheader.CertificateAuthority, kubeheader.ClientCertificate, kubeheader.ClientKey} {
		// PEM has no byte for which the URL alphabet differs: what differs is
		// the padding, which may be left out.
		raw, err := base64.StdEncoding.DecodeString(bob.Get(name))
		require.NoError(t, err)
		blank := strings.ReplaceAll(string(raw), "\n", "\r\n")
		for len(blank)%3 == 0 {
			blank += "\n"
		}
		out = append(out, spelling{name + " without padding and with other line ends", "bob", bob.With(name, base64.RawURLEncoding.EncodeToString([]byte(blank))), bob})
	}
	return append(out, spelling{
		name: "the default port",
		sent: alice.With(kubeheader.Server, "https://127.0.0.1:443"), canonical: alice.With(kubeheader.Server, "https://127.0.0.1"),
	})
}

func upper(h harness.Headers) harness.Headers {
	out := slices.Clone(h)
	for i := range out {
		out[i].Name = strings.ToUpper(out[i].Name)
	}
	return out
}

// oldKey is the user's key in the form of before PKCS#8.
func oldKey(t *testing.T, user string) string {
	t.Helper()
	block, _ := pem.Decode([]byte(shared.Cluster.Users[user].Key))
	require.NotNil(t, block)
	key, err := x509.ParsePKCS8PrivateKey(block.Bytes)
	require.NoError(t, err)
	switch k := key.(type) {
	case *rsa.PrivateKey:
		block = &pem.Block{Type: "RSA PRIVATE KEY", Bytes: x509.MarshalPKCS1PrivateKey(k)}
	case *ecdsa.PrivateKey:
		block.Type = "EC PRIVATE KEY"
		block.Bytes, err = x509.MarshalECPrivateKey(k)
		require.NoError(t, err)
	default:
		t.Fatal("a key of another kind")
	}
	return base64.StdEncoding.EncodeToString(pem.EncodeToMemory(block))
}

// localPolicy allows the cluster by its name too.
func localPolicy(t *testing.T) string {
	t.Helper()
	text := strings.Replace(shared.Policy, "  exact:\n", "  exact:\n  - localhost\n", 1)
	require.NotEqual(t, shared.Policy, text)
	return text
}

// arrived opens what a backend has got with the product's verifier, and returns
// the lines of the contract in it.
func arrived(t *testing.T, e *rig.Edge, got harness.Headers) harness.Headers {
	t.Helper()
	keys, err := proof.LoadKeySet(e.Stack.KeysFile())
	require.NoError(t, err)
	verifier, err := proof.NewVerifier(keys, rig.Audience, func() *kubeheader.Policy { return &e.Policy }, proof.Limits{})
	require.NoError(t, err)
	defer verifier.Close()
	var fields []kubeheader.Field
	var contract harness.Headers
	for _, h := range got {
		if name := strings.ToLower(h.Name); proof.Relevant(name) {
			fields = append(fields, kubeheader.Field{Name: name, Value: kubeheader.NewSecret([]byte(h.Value))})
			if kubeheader.Claims(name) {
				contract = append(contract, harness.Header{Name: name, Value: h.Value})
			}
		}
	}
	verified, err := verifier.Open(fields, time.Now())
	require.NoError(t, err, "what arrived is not what was signed")
	require.True(t, verified.Valid())
	return contract
}

// through is a real guard and Envoy before a backend that shows what it got,
// and the same before the real one.
type through struct {
	open    *harness.OpenBackend
	shown   *rig.Edge
	genuine *rig.Edge
}

func startThrough(t *testing.T) through {
	t.Helper()
	text := localPolicy(t)
	open := harness.NewOpenBackend()
	t.Cleanup(open.Stop)
	return through{
		open:    open,
		shown:   shared.NewEdge(t, shared.StartStack(t, harness.Options{Policy: text, Backend: open.Address}), text),
		genuine: shared.NewEdge(t, shared.StartStack(t, harness.Options{Policy: text}), text),
	}
}

// last sends a request and returns what the open backend was sent for it.
func (x through) last(t *testing.T, client *harness.Client, headers harness.Headers) harness.Headers {
	t.Helper()
	before := len(x.open.Calls())
	res, err := client.Post(t.Context(), x.shown.Stack.URL, headers, rig.Call)
	require.NoError(t, err)
	require.Equal(t, 200, res.Status)
	calls := x.open.Calls()
	require.Len(t, calls, before+1, "the request did not reach the backend: %s", res.Body)
	return calls[before]
}

func sorted(h harness.Headers) harness.Headers {
	out := slices.Clone(h)
	slices.SortFunc(out, func(a, b harness.Header) int { return strings.Compare(a.Name+":"+a.Value, b.Name+":"+b.Value) })
	return out
}

// TestProofThroughEnvoy: the values that the guard signs are, byte for byte, the
// values that arrive, however the caller wrote them; and no client can put a
// proof or a fingerprint of its own in their place or beside them.
func TestProofThroughEnvoy(t *testing.T) {
	x := startThrough(t)
	for _, http2 := range []bool{false, true} {
		client := rig.NewClient(t, http2)
		for _, s := range spellings(t) {
			t.Run(fmt.Sprintf("http2=%t, %s", http2, s.name), func(t *testing.T) {
				got := arrived(t, x.shown, x.last(t, client, s.sent))
				require.True(t, slices.Equal(sorted(s.canonical), sorted(got)), "what arrived is not canonical")
				if s.user != "" {
					require.Equal(t, s.user, rig.Whoami(t, client, x.genuine.Stack.URL, s.sent))
				}
			})
		}
		t.Run(fmt.Sprintf("http2=%t, a client's own proof", http2), func(t *testing.T) { x.ownProof(t, client) })
	}
}

// ownProof sends proofs that are genuine, but another's, in many spellings.
func (x through) ownProof(t *testing.T, client *harness.Client) {
	t.Helper()
	alice := shared.Cluster.Token("alice")
	// Of another second, or its signature-input would be the one that is due.
	bob := x.shown.Seal(t, shared.Cluster.Token("bob"), time.Now().Add(-3*time.Second), rig.Audience)
	for _, name := range []string{kubeheader.Signature, kubeheader.SignatureInput, kubeheader.Fingerprint} {
		for _, spelled := range []string{
			name, strings.ToUpper(name), http.CanonicalHeaderKey(name),
			// With underscores it is another name to Envoy, and the same to the backend.
			strings.Replace(name, "-", "_", 1), strings.ToUpper(strings.ReplaceAll(name, "-", "_")),
		} {
			got := x.last(t, client, alice.Plus(spelled, bob.Get(name)).Plus(spelled, bob.Get(name)))
			require.True(t, slices.Equal(sorted(alice), sorted(arrived(t, x.shown, got))))
			for _, h := range got {
				if bob.Get(name) == h.Value { // require would print both
					t.Fatalf("a client's own %s got through", name)
				}
			}
			require.Equal(t, "alice", rig.Whoami(t, client, x.genuine.Stack.URL, alice.Plus(spelled, bob.Get(name))))
		}
	}
	bob = x.genuine.Now(t, shared.Cluster.Token("bob"))
	// A whole proof of the caller's own, for values that the guard has never
	// seen, does not help a request that the guard rejects.
	x.genuine.NothingActed(t, func() {
		res, err := client.Post(t.Context(), x.genuine.Stack.URL, append(harness.Headers{{Name: "kubernetes-foo", Value: "x"}}, bob...), rig.Call)
		require.NoError(t, err)
		rig.Refusal{Status: 200, ID: rig.CallID, Code: -32602, Reason: kubeheader.ReasonUnknownHeader, Header: kubeheader.AnyHeader}.Check(t, res)
	})
}
