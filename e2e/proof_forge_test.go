package e2e

import (
	"crypto/ed25519"
	"crypto/rand"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"encoding/pem"
	"fmt"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"kubernetes-mcp-edge/e2e/harness"
	"kubernetes-mcp-edge/e2e/rig"
	"kubernetes-mcp-edge/extproc/kubeheader"
)

// forge writes RFC 9421 signatures from scratch: it shares no code with the
// product, and every part can be wrong.
type forge struct {
	key              ed25519.PrivateKey
	keyID            string
	covered          harness.Headers // name and value, in the order of the list
	created, expires int64
	label, tag, more string
}

// newForge is set to write what the guard would write for these headers, which
// seal has made canonical; only the key differs if one is given.
func newForge(t *testing.T, e *rig.Edge, sealed harness.Headers, key ed25519.PrivateKey) forge {
	t.Helper()
	if key == nil {
		text, err := os.ReadFile(e.Stack.SigningKeyFile())
		require.NoError(t, err)
		block, _ := pem.Decode(text)
		require.NotNil(t, block)
		parsed, err := x509.ParsePKCS8PrivateKey(block.Bytes)
		require.NoError(t, err)
		var ok bool
		key, ok = parsed.(ed25519.PrivateKey)
		require.True(t, ok)
	}
	now := time.Now().Unix()
	return forge{
		key: key, keyID: keyID(t, key),
		covered: sealed.Without(kubeheader.SignatureInput, kubeheader.Signature),
		created: now, expires: now + 30,
		label: "kube", tag: "kubernetes-mcp-edge/1/" + rig.Audience,
	}
}

// keyID is the RFC 7638 thumbprint.
func keyID(t *testing.T, key ed25519.PrivateKey) string {
	t.Helper()
	public, ok := key.Public().(ed25519.PublicKey)
	require.True(t, ok)
	sum := sha256.Sum256(fmt.Appendf(nil, `{"crv":"Ed25519","kty":"OKP","x":"%s"}`, base64.RawURLEncoding.EncodeToString(public)))
	return base64.RawURLEncoding.EncodeToString(sum[:])
}

func newKey(t *testing.T) ed25519.PrivateKey {
	t.Helper()
	_, key, err := ed25519.GenerateKey(rand.Reader)
	require.NoError(t, err)
	return key
}

// sign returns the covered headers and the two of the signature.
func (f forge) sign() harness.Headers {
	var base strings.Builder
	names := make([]string, 0, len(f.covered))
	for _, h := range f.covered {
		names = append(names, `"`+h.Name+`"`)
		fmt.Fprintf(&base, "\"%s\": %s\n", h.Name, h.Value)
	}
	params := fmt.Sprintf(`(%s);created=%d;expires=%d;keyid="%s";alg="ed25519";tag="%s"%s`,
		strings.Join(names, " "), f.created, f.expires, f.keyID, f.tag, f.more)
	base.WriteString(`"@signature-params": ` + params)
	signature := ed25519.Sign(f.key, []byte(base.String()))
	return append(append(harness.Headers{}, f.covered...),
		harness.Header{Name: kubeheader.SignatureInput, Value: f.label + "=" + params},
		harness.Header{Name: kubeheader.Signature, Value: f.label + "=:" + base64.StdEncoding.EncodeToString(signature) + ":"})
}

// shot is one request that the backend has to refuse.
type shot struct {
	name    string
	headers harness.Headers
	reason  kubeheader.Reason
	header  string // data.header; "*" for any
}

// invalid is a shot whose proof does not fit.
func invalid(name string, headers harness.Headers, header string) shot {
	return shot{name, headers, kubeheader.ReasonProofInvalid, header}
}

// refuse sends the shots straight to the backend over both protocols. Each is
// refused before MCP sees it, with the request's own id.
func refuse(t *testing.T, e *rig.Edge, shots ...shot) {
	t.Helper()
	require.NotEmpty(t, shots)
	for _, http2 := range []bool{false, true} {
		client := rig.NewClient(t, http2)
		for _, s := range shots {
			res, err := client.Post(t.Context(), e.Stack.BackendURL, s.headers.With("MCP-Protocol-Version", "2025-11-25"), rig.Call)
			require.NoError(t, err, s.name)
			want := rig.Refusal{Status: 200, ID: rig.CallID, Code: -32603, Reason: s.reason, Header: s.header}
			require.NoError(t, want.Differs(res), "%s, http2=%t", s.name, http2)
		}
	}
}

// TestProofRefused: whoever has no key, an old proof, another's proof, or even
// the key but another idea of the profile, gets nowhere.
func TestProofRefused(t *testing.T) {
	e := shared.NewEdge(t, shared.Stack, shared.Policy)
	client := rig.NewClient(t, false)
	alice := e.Now(t, shared.Cluster.Token("alice").With(kubeheader.Namespace, "team-a"))
	bob := e.Now(t, shared.Cluster.Token("bob"))
	good := func() forge { return newForge(t, e, alice, nil) }
	require.Equal(t, "alice", rig.Whoami(t, client, e.Stack.BackendURL, good().sign()), "the forge cannot forge")

	edit := func(name string, change func(*forge)) shot {
		f := good()
		change(&f)
		return invalid(name, f.sign(), "*")
	}
	foreign, now := newKey(t), time.Now()
	signature := alice.Get(kubeheader.Signature)
	flipped := []byte(signature)
	flipped[20] = 'A' + (signature[20]+1)%26 // another letter, whatever stood there
	e.NothingActed(t, func() {
		refuse(t, e,
			invalid("a forged signature", alice.With(kubeheader.Signature, string(flipped)), "*"),
			invalid("64 zero bytes", alice.With(kubeheader.Signature, "kube=:"+base64.StdEncoding.EncodeToString(make([]byte, 64))+":"), "*"),
			invalid("bob's signature", alice.With(kubeheader.Signature, bob.Get(kubeheader.Signature)), "*"),
			invalid("bob's proof, whole", alice.With(kubeheader.Signature, bob.Get(kubeheader.Signature)).
				With(kubeheader.SignatureInput, bob.Get(kubeheader.SignatureInput)).With(kubeheader.Fingerprint, bob.Get(kubeheader.Fingerprint)), "*"),
			shot{"stale", e.Seal(t, shared.Cluster.Token("alice"), now.Add(-time.Minute), rig.Audience), kubeheader.ReasonProofExpired, "*"},
			shot{"from the future", e.Seal(t, shared.Cluster.Token("alice"), now.Add(time.Minute), rig.Audience), kubeheader.ReasonProofExpired, "*"},
			shot{"a foreign key", newForge(t, e, alice, foreign).sign(), kubeheader.ReasonProofUnknownKey, "*"},
			edit("a foreign key under the known id", func(f *forge) { f.key = foreign }),
			invalid("another audience", e.Seal(t, shared.Cluster.Token("alice"), now, "kubernetes-mcp-2"), "*"),
			edit("another version of the profile", func(f *forge) { f.tag = "kubernetes-mcp-edge/2/" + rig.Audience }),
			edit("another label", func(f *forge) { f.label = "sig1" }),
			edit("a parameter more", func(f *forge) { f.more = `;nonce="x"` }),
			edit("a longer lifetime", func(f *forge) { f.expires += 3600 }),
			edit("an end before the beginning", func(f *forge) { f.expires = f.created - 1 }),
		)
		orders := make([]shot, 0, len(alice))
		for i := range len(good().covered) - 1 {
			orders = append(orders, edit(fmt.Sprintf("components %d and %d swapped", i, i+1), func(f *forge) {
				f.covered = append(harness.Headers{}, f.covered...)
				f.covered[i], f.covered[i+1] = f.covered[i+1], f.covered[i]
			}))
		}
		refuse(t, e, orders...)
		fewer := make([]shot, 0, len(alice))
		for _, h := range good().covered {
			f := good()
			f.covered = f.covered.Without(h.Name)
			fewer = append(fewer, invalid("covers all but "+h.Name, f.sign().Plus(h.Name, h.Value), h.Name))
		}
		refuse(t, e, fewer...)
	})
}
