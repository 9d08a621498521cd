package kube

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"net/http"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"kubernetes-mcp-edge/extproc/proof"
)

func TestForRefusesWhoWasNotVerified(t *testing.T) {
	_, err := newClients(t).For(t.Context(), proof.Verified{}, decision)
	require.ErrorIs(t, err, ErrNotVerified)
}

func TestForRefusesAnonymous(t *testing.T) {
	_, err := newClients(t).For(t.Context(), newEdge(t).caller(t), decision)
	require.ErrorIs(t, err, ErrAnonymous)
}

func TestForRefusesAPolicyWithoutHosts(t *testing.T) {
	h := newHostile(t, plain)
	clients := newClients(t, func(c *Config) { c.Rules = func() Rules { return Rules{} } })
	_, err := clients.For(t.Context(), newEdge(t).caller(t, h.headers("alice-token")...), decision)
	require.ErrorContains(t, err, "allows no host")
}

func TestForRefusesAnEndedCredential(t *testing.T) {
	h, e := newHostile(t, plain), newEdge(t)
	at := newClock()
	v := e.caller(t, h.headers(jwt(at.now().Add(30*time.Second)))...)
	clients := newClients(t, at.config)
	client, err := clients.For(t.Context(), v, decision)
	require.NoError(t, err)
	client.entry.answered(http.StatusOK)
	require.Equal(t, 1, clients.Stats().Entries)
	at.add(v.Until().Sub(at.now()))
	_, err = clients.For(t.Context(), v, decision)
	require.Equal(t, Expired, trouble(t, err))
	require.Zero(t, clients.Stats().Entries, "the entry ended with its credential")
}

// TestWarmCall counts: one request, no handshake, no discovery.
func TestWarmCall(t *testing.T) {
	h, e := newHostile(t, plain), newEdge(t)
	clients := newClients(t)
	list := func() {
		client, err := clients.For(t.Context(), e.caller(t, h.headers("alice-token", "kubernetes-namespace", "team-a")...), decision)
		require.NoError(t, err)
		ctx := within(t, 5*time.Second)
		kind, err := client.Resolve(ctx, "v1", "Pod")
		require.NoError(t, err)
		table, err := client.List(ctx, kind, ListOptions{Namespace: "team-a", Limit: 1})
		require.NoError(t, err)
		require.Equal(t, "web-0", table.Rows[0].Name)
	}
	list()
	require.Equal(t, []string{"GET /api/v1", "GET /api/v1/namespaces/team-a/pods"}, h.paths(), "a cold call asks for one group/version")
	list()
	require.Equal(t, []string{"GET /api/v1", "GET /api/v1/namespaces/team-a/pods", "GET /api/v1/namespaces/team-a/pods"}, h.paths())
	require.EqualValues(t, 1, h.connections.Load(), "a warm call makes no handshake")

	sent := h.last(t)
	require.Equal(t, "Bearer alice-token", sent.Header.Get("Authorization"))
	require.Equal(t, "kubernetes-mcp-edge (decision "+decision+")", sent.Header.Get("User-Agent"))
	require.Empty(t, sent.Header.Values("Accept-Encoding"))
	require.Equal(t, 2, sent.ProtoMajor)
	require.Equal(t, "1", sent.URL.Query().Get("limit"))
}

func TestUserAgentRefusesWhatIsNoDecision(t *testing.T) {
	h, e := newHostile(t, plain), newEdge(t)
	client, err := newClients(t).For(t.Context(), e.caller(t, h.headers("alice-token")...), "x\r\nEvil: 1")
	require.NoError(t, err)
	_, err = client.ServerVersion(within(t, 5*time.Second))
	require.NoError(t, err)
	require.Equal(t, "kubernetes-mcp-edge", h.last(t).Header.Get("User-Agent"))
}

func TestClientCertificate(t *testing.T) {
	a := newAuthority(t)
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	require.NoError(t, err)
	certificate, keyData := a.user(t, "alice", key)
	seen := make(chan string, 1)
	h := newHostile(t, func(w http.ResponseWriter, r *http.Request) {
		seen <- r.TLS.PeerCertificates[0].Subject.CommonName + r.Header.Get("Authorization")
		plain(w, r)
	}, mutualTLS)
	client, err := newClients(t).For(t.Context(), newEdge(t).caller(t,
		"kubernetes-server", h.URL, "kubernetes-certificate-authority-data", pemData(h.Certificate()),
		"kubernetes-client-certificate-data", certificate, "kubernetes-client-key-data", keyData), decision)
	require.NoError(t, err)
	id, err := client.WhoAmI(within(t, 5*time.Second))
	require.NoError(t, err)
	require.Equal(t, "alice", <-seen)
	require.Equal(t, Identity{Username: "alice", Groups: []string{"team-a", "system:authenticated"}}, id)
}

// TestServerName verifies another name than the host's.
func TestServerName(t *testing.T) {
	h, e := newHostile(t, plain), newEdge(t)
	for name, want := range map[string]Trouble{"example.com": 0, "other.example.org": Untrusted} {
		client, err := newClients(t).For(t.Context(), e.caller(t, h.headers("alice-token", "kubernetes-tls-server-name", name)...), decision)
		require.NoError(t, err)
		_, err = client.ServerVersion(within(t, 5*time.Second))
		require.Equal(t, want, trouble(t, err), name)
	}
}

// TestTrust has each kind of trust accept and refuse.
func TestTrust(t *testing.T) {
	h, e := newHostile(t, plain), newEdge(t)
	server, token := []string{"kubernetes-server", h.URL}, []string{"kubernetes-authorization", "alice-token"}
	for name, test := range map[string]struct {
		headers []string
		roots   bool
		want    Trouble
	}{
		"another CA":        {headers: []string{"kubernetes-certificate-authority-data", pemData(newAuthority(t).cert)}, want: Untrusted},
		"insecure":          {headers: []string{"kubernetes-insecure-skip-tls-verify", "true"}},
		"the policy's":      {roots: true},
		"not the machine's": {headers: []string{"kubernetes-certificate-authority-data", pemData(newAuthority(t).cert)}, roots: true, want: Untrusted},
	} {
		t.Run(name, func(t *testing.T) {
			clients := newClients(t, func(c *Config) {
				rules := Rules{Hosts: loopback(t), Generation: "1"}
				if test.roots {
					rules.PublicRoots = h.Client().Transport.(*http.Transport).TLSClientConfig.RootCAs
				}
				c.Rules = func() Rules { return rules }
			})
			client, err := clients.For(t.Context(), e.caller(t, append(append(server, token...), test.headers...)...), decision)
			require.NoError(t, err)
			_, err = client.ServerVersion(within(t, 5*time.Second))
			require.Equal(t, test.want, trouble(t, err))
		})
	}
	_, err := newClients(t).For(t.Context(), e.caller(t, append(server, token...)...), decision)
	require.ErrorContains(t, err, "no public roots", "without a pool nothing falls back to the machine's roots")
}

// TestPathPrefix goes through a proxy that serves many clusters.
func TestPathPrefix(t *testing.T) {
	h, e := newHostile(t, func(w http.ResponseWriter, r *http.Request) {
		http.StripPrefix("/k8s/clusters/c-1", http.HandlerFunc(plain)).ServeHTTP(w, r)
	}), newEdge(t)
	headers := h.headers("alice-token")
	headers[1] += "/k8s/clusters/c-1"
	client, err := newClients(t).For(t.Context(), e.caller(t, headers...), decision)
	require.NoError(t, err)
	_, err = client.ServerVersion(within(t, 5*time.Second))
	require.NoError(t, err)
	require.Equal(t, "/k8s/clusters/c-1/version", h.last(t).URL.Path)
}
