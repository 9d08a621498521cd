package e2e

import (
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"kubernetes-mcp-edge/e2e/harness"
	"kubernetes-mcp-edge/e2e/rig"
	"kubernetes-mcp-edge/extproc/kubeheader"
)

// provenCallers are the two kinds of credential with every option, and one who
// does not verify his server. Each header of the contract is in one of them.
func provenCallers() map[string]harness.Headers {
	c := shared.Cluster
	options := func(h harness.Headers) harness.Headers {
		return h.With(kubeheader.TLSServerName, "kubernetes").With(kubeheader.Namespace, "team-a").With(kubeheader.Toolsets, "core")
	}
	return map[string]harness.Headers{
		"alice with a token":                        options(c.Token("alice")),
		"alice with a certificate":                  options(c.Certificate("alice")),
		"alice with a token for an unverified host": c.Token("alice").Without(kubeheader.CertificateAuthority).With(kubeheader.InsecureSkipTLSVerify, "true"),
	}
}

// insecureStack is one whose policy lets the cluster's host go unverified.
func insecureStack(t *testing.T) *rig.Edge {
	t.Helper()
	text := shared.Policy + "insecureHosts: [127.0.0.1]\n"
	return shared.NewEdge(t, shared.StartStack(t, harness.Options{Policy: text}), text)
}

// others are values of other people's and other places', all of them fit to be
// sent: if the proof did not hold, a call with one of them would go through.
func others(t *testing.T) map[string]string {
	t.Helper()
	c := shared.Cluster
	bob := c.Certificate("bob")
	return map[string]string{
		kubeheader.Server:                strings.Replace(c.Server, "127.0.0.1", "localhost", 1),
		kubeheader.CertificateAuthority:  newAuthority(t, "another CA").header(),
		kubeheader.Authorization:         c.Token("bob").Get(kubeheader.Authorization),
		kubeheader.ClientCertificate:     bob.Get(kubeheader.ClientCertificate),
		kubeheader.ClientKey:             bob.Get(kubeheader.ClientKey),
		kubeheader.InsecureSkipTLSVerify: "false",
		kubeheader.TLSServerName:         "localhost",
		kubeheader.Namespace:             "team-b",
		kubeheader.Toolsets:              "apps,core",
	}
}

// TestProofAfterWarmCall: a proof that the backend has just
// verified, and remembers, is worth nothing with any other value.
func TestProofAfterWarmCall(t *testing.T) {
	e := insecureStack(t)
	other := others(t)
	bob := e.Now(t, shared.Cluster.Token("bob"))
	other[kubeheader.Fingerprint], other[kubeheader.Signature] = bob.Get(kubeheader.Fingerprint), bob.Get(kubeheader.Signature)
	changed := map[string]bool{}
	for name, headers := range provenCallers() {
		t.Run(name, func(t *testing.T) {
			client := rig.NewClient(t, false)
			sent := e.Now(t, headers)
			e.NothingActed(t, func() {
				require.Equal(t, "alice", rig.Whoami(t, client, e.Stack.BackendURL, sent))
				for _, h := range sent {
					if h.Name == kubeheader.SignatureInput {
						continue // has its own test
					}
					changed[h.Name] = true
					if h.Value == other[h.Name] { // require would print both
						t.Fatalf("%s would not change", h.Name)
					}
					refuse(t, e,
						invalid(h.Name+" is another's", sent.With(h.Name, other[h.Name]), "*"),
						invalid(h.Name+" is longer", sent.With(h.Name, h.Value+"x"), "*"),
						invalid(h.Name+" is shorter", sent.With(h.Name, h.Value[:len(h.Value)-1]), "*"),
						invalid(h.Name+" is in another case", sent.With(h.Name, swapCase(h.Value)), "*"),
						invalid(h.Name+" is empty", sent.With(h.Name, ""), "*"),
					)
				}
			}, "alice")
		})
	}
	for _, name := range append(kubeheader.Names(), kubeheader.Fingerprint, kubeheader.Signature) {
		require.True(t, changed[name], "%s was changed in no request", name)
	}
}

// swapCase changes the case of every letter, or the value in another way if it
// has none.
func swapCase(s string) string {
	swapped := strings.Map(func(r rune) rune {
		if 'a' <= r && r <= 'z' || 'A' <= r && r <= 'Z' {
			return r ^ 0x20
		}
		return r
	}, s)
	if swapped == s {
		return s + s
	}
	return swapped
}

// TestProofInputChanged: nor with any other word about what was signed and when.
func TestProofInputChanged(t *testing.T) {
	e := shared.NewEdge(t, shared.Stack, shared.Policy)
	sent := e.Now(t, shared.Cluster.Token("alice"))
	e.NothingActed(t, func() {
		require.Equal(t, "alice", rig.Whoami(t, rig.NewClient(t, false), e.Stack.BackendURL, sent))
		input := sent.Get(kubeheader.SignatureInput)
		shots := make([]shot, 0, 16)
		for _, c := range [][2]string{
			{"kube=", "sig1="},
			{`"kubernetes-server" `, ``},
			{`"kubernetes-server" "kubernetes-certificate-authority-data"`, `"kubernetes-certificate-authority-data" "kubernetes-server"`},
			{`"kubernetes-server"`, `"Kubernetes-Server"`},
			{`"kubernetes-server"`, `"kubernetes-server";sf`},
			{`)`, ` "kubernetes-namespace")`},
			{";created=1", ";created=2"},
			{";expires=1", ";expires=2"},
			{`;alg="ed25519"`, ""},
			{"ed25519", "hmac-sha256"},
			{"/1/" + rig.Audience, "/1/other"},
			{";created", " ;created"},
			{`tag="`, `nonce="";tag="`},
		} {
			if !strings.Contains(input, c[0]) {
				t.Fatalf("there is no %s to change", c[0])
			}
			shots = append(shots, invalid(c[0]+" became "+c[1], sent.With(kubeheader.SignatureInput, strings.Replace(input, c[0], c[1], 1)), "*"))
		}
		_, id, _ := strings.Cut(input, `keyid="`)
		id, _, _ = strings.Cut(id, `"`)
		shots = append(shots,
			shot{"another key id", sent.With(kubeheader.SignatureInput, strings.Replace(input, id, keyID(t, newKey(t)), 1)), kubeheader.ReasonProofUnknownKey, "*"},
			invalid("empty", sent.With(kubeheader.SignatureInput, ""), "*"))
		refuse(t, e, shots...)
	}, "alice")
}

// TestProofHeaderAdded: what was not covered cannot come along, in any spelling.
func TestProofHeaderAdded(t *testing.T) {
	e := shared.NewEdge(t, shared.Stack, shared.Policy)
	e.NothingActed(t, func() {
		for _, headers := range []harness.Headers{shared.Cluster.Token("alice"), shared.Cluster.Certificate("alice")} {
			sent := e.Now(t, headers)
			require.Equal(t, "alice", rig.Whoami(t, rig.NewClient(t, false), e.Stack.BackendURL, sent))
			var shots []shot
			add := func(name, value, header string) {
				shots = append(shots, invalid("with "+name, sent.Plus(name, value), header))
			}
			for name, value := range others(t) {
				if sent.Get(name) == "" {
					add(name, value, name)
					add(strings.ToUpper(name), value, name)
				}
				add(strings.ReplaceAll(name, "-", "_"), value, name)
				add(strings.Replace(name, "-", "_", 1), value, name)
				add(strings.ToUpper(strings.ReplaceAll(name, "-", "_")), value, name)
			}
			for _, name := range []string{"kubernetes-foo", "Kubernetes-Impersonate-User", "kubernetes", "KUBERNETES_", "kubernetesx"} {
				add(name, "x", kubeheader.AnyHeader)
			}
			add("x_kubernetes_fingerprint", "anonymous", kubeheader.Fingerprint)
			add("signature_input", "x", kubeheader.SignatureInput)
			refuse(t, e, shots...)
		}
	}, "alice", "alice")
}

// TestProofHeaderDroppedOrDoubled: each name that is covered comes once.
func TestProofHeaderDroppedOrDoubled(t *testing.T) {
	e := shared.NewEdge(t, shared.Stack, shared.Policy)
	bob := e.Now(t, shared.Cluster.Token("bob"))
	e.NothingActed(t, func() {
		for _, headers := range []harness.Headers{shared.Cluster.Token("alice"), shared.Cluster.Certificate("alice")} {
			sent := e.Now(t, headers)
			require.Equal(t, "alice", rig.Whoami(t, rig.NewClient(t, false), e.Stack.BackendURL, sent))
			var shots []shot
			for _, h := range sent {
				missing := invalid("without "+h.Name, sent.Without(h.Name), "*")
				if h.Name == kubeheader.Signature || h.Name == kubeheader.SignatureInput {
					missing.reason = kubeheader.ReasonProofMissing
				}
				shots = append(shots, missing,
					invalid("twice "+h.Name, sent.Plus(h.Name, h.Value), h.Name),
					invalid("twice, in capitals, "+h.Name, sent.Plus(strings.ToUpper(h.Name), h.Value), h.Name),
					invalid("twice in one line "+h.Name, sent.With(h.Name, h.Value+", "+h.Value), "*"))
				if value := bob.Get(h.Name); value != "" && value != h.Value {
					first := append(harness.Headers{{Name: h.Name, Value: value}}, sent...)
					shots = append(shots, invalid("first bob's "+h.Name, first, h.Name), invalid("then bob's "+h.Name, sent.Plus(h.Name, value), h.Name))
				}
			}
			shots = append(shots, invalid("two signatures",
				sent.Plus(kubeheader.SignatureInput, bob.Get(kubeheader.SignatureInput)).Plus(kubeheader.Signature, bob.Get(kubeheader.Signature)), "*"))
			refuse(t, e, shots...)
		}
	}, "alice", "alice")
}

// TestProofMissing: no proof, no service, whatever else is sent.
func TestProofMissing(t *testing.T) {
	e := shared.NewEdge(t, shared.Stack, shared.Policy)
	sent := e.Now(t, shared.Cluster.Token("alice"))
	e.NothingActed(t, func() {
		shots := make([]shot, 0, 16)
		for name, headers := range map[string]harness.Headers{
			"nothing at all":          nil,
			"a token":                 shared.Cluster.Token("alice"),
			"a certificate":           shared.Cluster.Certificate("alice"),
			"a fingerprint":           shared.Cluster.Token("alice").Plus(kubeheader.Fingerprint, sent.Get(kubeheader.Fingerprint)),
			"an anonymous one":        {{Name: kubeheader.Fingerprint, Value: "anonymous"}},
			"a signature alone":       {{Name: kubeheader.Signature, Value: sent.Get(kubeheader.Signature)}},
			"another Authorization":   {{Name: "Authorization", Value: shared.Cluster.Token("admin").Get(kubeheader.Authorization)}},
			"an unknown header":       {{Name: "kubernetes-foo", Value: "x"}},
			"a client who says allow": {{Name: "x-verdict", Value: "allow"}, {Name: "x-envoy-internal", Value: "true"}},
		} {
			shots = append(shots, shot{name, headers, kubeheader.ReasonProofMissing, "*"})
		}
		refuse(t, e, shots...)
		for _, method := range []string{http.MethodGet, http.MethodDelete, http.MethodPut} {
			res, err := rig.NewClient(t, false).Do(t.Context(), method, e.Stack.BackendURL, nil, nil)
			require.NoError(t, err)
			(rig.Refusal{Status: http.StatusBadRequest, Code: -32603, Reason: kubeheader.ReasonProofMissing, Header: "*"}).Check(t, res)
		}
	})
}

// TestProofAnonymous: a genuine proof that nothing was sent admits nothing.
func TestProofAnonymous(t *testing.T) {
	e := shared.NewEdge(t, shared.Stack, shared.Policy)
	e.Policy.CredentialsOptional = true // of this edge; the backend's says required
	nobody := e.Now(t, nil)
	require.Equal(t, "anonymous", nobody.Get(kubeheader.Fingerprint))
	alice := e.Now(t, shared.Cluster.Token("alice"))
	e.NothingActed(t, func() {
		refuse(t, e,
			invalid("with alice's headers", append(slices.Clone(nobody), shared.Cluster.Token("alice")...), kubeheader.Server),
			invalid("its fingerprint on alice's proof", alice.With(kubeheader.Fingerprint, "anonymous"), "*"),
			invalid("with alice's fingerprint", nobody.With(kubeheader.Fingerprint, alice.Get(kubeheader.Fingerprint)), "*"),
		)
		// The proof holds, and the backend's own policy says no.
		res, err := rig.NewClient(t, false).Post(t.Context(), e.Stack.BackendURL, nobody, rig.Call)
		require.NoError(t, err)
		(rig.Refusal{Status: 200, ID: rig.CallID, Code: -32602, Reason: kubeheader.ReasonServerMissing, Header: kubeheader.Server}).Check(t, res)
	})
}
