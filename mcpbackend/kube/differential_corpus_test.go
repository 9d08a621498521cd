package kube

import (
	"crypto/x509"
	"encoding/json"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"k8s.io/client-go/rest"

	"kubernetes-mcp-edge/extproc/hostpolicy"
	"kubernetes-mcp-edge/extproc/kubeheader"
)

// corpusNoon is the clock of the contract's own tests.
var corpusNoon = time.Date(2026, time.November, 24, 12, 0, 0, 0, time.UTC)

// acceptedCase is what extproc/kubeheader's TestAcceptedCases writes.
type acceptedCase struct {
	Name          string      `json:"name"`
	InsecureHosts []string    `json:"insecureHosts"`
	Fields        [][2][]byte `json:"fields"`
}

// corpus has the contract's own tests write down every case and every fuzz seed
// that they accept.
func corpus(t *testing.T) []acceptedCase {
	t.Helper()
	file := filepath.Join(t.TempDir(), "accepted.json")
	out, err := exec.CommandContext(t.Context(), "go", "test", "-count=1", "-run", "^TestAcceptedCases$",
		"kubernetes-mcp-edge/extproc/kubeheader", "-accepted="+file).CombinedOutput()
	require.NoError(t, err, "%s", out)
	text, err := os.ReadFile(file)
	require.NoError(t, err)
	var cases []acceptedCase
	require.NoError(t, json.Unmarshal(text, &cases))
	require.Greater(t, len(cases), 75, "too few cases: little would be tested")
	return cases
}

// openEdge is an edge that allows every host of the cases.
func openEdge(t *testing.T) *edge {
	t.Helper()
	hosts, err := hostpolicy.New(hostpolicy.Config{
		AnyPublic: true, Hosts: []string{"127.0.0.1", "2001:db8::1"}, Ports: []uint16{8443},
	})
	require.NoError(t, err)
	e := newEdge(t)
	e.policy.Hosts = hosts
	return e
}

// TestEveryAcceptedCaseIsBuilt: each request that the contract's cases and fuzz
// seeds accept makes a client here; client-go builds TLS and transport from the
// same values; and the request that client-go would send goes to the server that
// was checked, with the credential that was checked.
func TestEveryAcceptedCaseIsBuilt(t *testing.T) {
	e := openEdge(t)
	clients := newClients(t, func(c *Config) {
		c.Now = func() time.Time { return corpusNoon }
		c.Rules = func() Rules { return Rules{Hosts: e.policy.Hosts, Generation: "1", PublicRoots: x509.NewCertPool()} }
	})
	built := 0
	for _, c := range corpus(t) {
		t.Run(c.Name, func(t *testing.T) {
			e.policy.InsecureHosts = c.InsecureHosts
			var headers []string
			for _, f := range c.Fields {
				headers = append(headers, string(f[0]), string(f[1]))
			}
			v := e.callerAt(t, corpusNoon, headers...)
			client, err := clients.For(t.Context(), v, decision)
			target, ok := v.Target()
			if !ok {
				require.ErrorIs(t, err, ErrAnonymous)
				return
			}
			if until := v.Until(); until.Equal(corpusNoon) { // the last instant of a credential begins no call
				var expired *Error
				require.ErrorAs(t, err, &expired)
				require.Equal(t, Expired, expired.Trouble)
			} else {
				require.NoError(t, err, "accepted, then refused")
				require.NotNil(t, client)
			}
			sameRequest(t, target)
			built++
		})
	}
	require.Greater(t, built, 70)
}

// sameRequest builds what a plain user of client-go would build from the checked
// values, and looks at the request that it would send.
func sameRequest(t *testing.T, target kubeheader.Target) {
	t.Helper()
	config := clientGoConfig(target)
	_, err := rest.TLSConfigFor(config)
	require.NoError(t, err, "client-go refuses what was accepted")
	base, _, err := rest.DefaultServerUrlFor(config)
	require.NoError(t, err)
	var sent *http.Request
	config.Wrap(func(http.RoundTripper) http.RoundTripper {
		return roundTrip(func(r *http.Request) (*http.Response, error) {
			sent = r
			return nil, http.ErrAbortHandler // far enough
		})
	})
	client, err := rest.HTTPClientFor(config)
	require.NoError(t, err)
	request, err := http.NewRequestWithContext(within(t, time.Minute), http.MethodGet, base.JoinPath("version").String(), nil)
	require.NoError(t, err)
	_, err = client.Do(request)
	require.ErrorIs(t, err, http.ErrAbortHandler)
	require.Equal(t, target.Server.String()+"/version", sent.URL.String())
	require.Equal(t, target.Server.Host(), sent.URL.Hostname())
	if token, ok := target.Auth.(kubeheader.Token); ok {
		require.Equal(t, []string{"Bearer " + string(token.Value.Reveal())}, sent.Header["Authorization"])
	} else {
		require.NotContains(t, sent.Header, "Authorization")
	}
}

// roundTrip is a function that stands for a server.
type roundTrip func(*http.Request) (*http.Response, error)

func (f roundTrip) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }
