package e2e

import (
	"context"
	"crypto/x509"
	"errors"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"kubernetes-mcp-edge/e2e/harness"
	"kubernetes-mcp-edge/e2e/rig"
	"kubernetes-mcp-edge/extproc/kubeheader"
	"kubernetes-mcp-edge/extproc/mtls"
	"kubernetes-mcp-edge/extproc/trial"
)

// wire is a link of Envoy's that is mutual TLS: the files of both ends, each in a
// directory of its own.
type wire struct {
	harness.LinkTLS

	program, envoy string // directories
}

// newWire makes the files of a link to the program of this name. Envoy shows the
// certificate that client makes; everything else is as it should be.
func newWire(t *testing.T, dir, name string, authority trial.Pair, client trial.Pair) *wire {
	t.Helper()
	w := &wire{program: filepath.Join(dir, name), envoy: filepath.Join(dir, "envoy-to-"+name)}
	for _, end := range []string{w.program, w.envoy} {
		require.NoError(t, os.MkdirAll(end, 0o700))
		renew(t, filepath.Join(end, "ca.crt"), authority.CertificatePEM())
	}
	renewPair(t, w.program, authority.Issue(t, trial.DNS(name+".example.com")))
	renewPair(t, w.envoy, client)
	w.Server = mtls.Files{
		Certificate: filepath.Join(w.program, "tls.crt"), Key: filepath.Join(w.program, "tls.key"), ClientCA: filepath.Join(w.program, "ca.crt"),
		AllowedSANs: []string{"dns:envoy.example.com", "uri:spiffe://example.com/ns/edge/sa/envoy"},
	}
	w.Certificate, w.Key, w.CA = filepath.Join(w.envoy, "tls.crt"), filepath.Join(w.envoy, "tls.key"), filepath.Join(w.envoy, "ca.crt")
	w.ServerSAN = "dns:" + name + ".example.com"
	return w
}

// renewPair puts a certificate and its key in their places, one after the other.
func renewPair(t *testing.T, dir string, p trial.Pair) {
	t.Helper()
	renew(t, filepath.Join(dir, "tls.key"), p.KeyPEM(t))
	renew(t, filepath.Join(dir, "tls.crt"), p.CertificatePEM())
}

// renew puts a file in its place in one step.
func renew(t *testing.T, file string, content []byte) {
	t.Helper()
	require.NoError(t, os.WriteFile(file+".new", content, 0o600))
	require.NoError(t, os.Rename(file+".new", file))
}

// welcome is a certificate of Envoy's that the programs let in.
func welcome(t *testing.T, authority trial.Pair) trial.Pair {
	t.Helper()
	return authority.Issue(t, trial.DNS("envoy.example.com"))
}

// TestMutualTLS: with both links secured, by a DNS name here and a SPIFFE id
// there, every caller is served as himself.
func TestMutualTLS(t *testing.T) {
	dir, authority := shared.ShortDir(t), trial.NewAuthority(t)
	guard := newWire(t, dir, "guard", authority, welcome(t, authority))
	backend := newWire(t, dir, "backend", authority, authority.Issue(t, trial.URI(t, "spiffe://example.com/ns/edge/sa/envoy")))
	s := shared.StartStack(t, harness.Options{GuardTLS: &guard.LinkTLS, BackendTLS: &backend.LinkTLS})
	for n, c := range shared.Callers() {
		c.Check(t, rig.NewClient(t, n%2 == 0), s.URL)
	}
	for _, cluster := range []string{"guard", "backend"} {
		require.Positive(t, rig.EnvoyStat(t, s, "cluster."+cluster+".ssl.handshake"))
		require.Positive(t, rig.EnvoyStat(t, s, "cluster."+cluster+".ssl.versions.TLSv1.3"))
	}
}

// stranger is a link on which one thing is wrong.
type stranger struct {
	name string
	// client is what Envoy shows, instead of a certificate that is welcome.
	client func(t *testing.T, authority trial.Pair) trial.Pair
	// change is what else is wrong.
	change func(t *testing.T, w *wire)
	// naked: Envoy shows no certificate.
	naked bool
	// refused: the program counts it as a guest who is not on the list.
	refused bool
	// stat of the cluster in Envoy that has to count it; "" if Envoy is the one who
	// is refused, which with TLS 1.3 it learns after the handshake.
	stat string
}

func strangers() []stranger {
	return []stranger{
		{name: "another name", refused: true, client: func(t *testing.T, authority trial.Pair) trial.Pair {
			t.Helper()
			return authority.Issue(t, trial.DNS("other.example.com", "*.example.com"), trial.URI(t, "spiffe://example.com/ns/edge/sa/other"))
		}},
		{name: "another authority", client: func(t *testing.T, _ trial.Pair) trial.Pair {
			t.Helper()
			return welcome(t, trial.NewAuthority(t))
		}},
		{name: "no certificate", naked: true},
		{name: "an expired certificate", client: func(t *testing.T, authority trial.Pair) trial.Pair {
			t.Helper()
			return authority.Issue(t, trial.DNS("envoy.example.com"), func(c *x509.Certificate) { c.NotAfter = time.Now().Add(-time.Minute) })
		}},
		{name: "a program of another name", stat: "ssl.fail_verify_san", change: func(_ *testing.T, w *wire) {
			w.ServerSAN = "dns:expected.example.com"
		}},
		{name: "a program of another authority", stat: "ssl.fail_verify_error", change: func(t *testing.T, w *wire) {
			t.Helper()
			renewPair(t, w.program, trial.NewAuthority(t).Issue(t, trial.DNS(filepath.Base(w.program)+".example.com")))
		}},
	}
}

// TestStrangersOnALink: whoever is wrong on a link, a caller reads that a part of
// the edge is down, and nobody acts for him.
func TestStrangersOnALink(t *testing.T) {
	for link, reason := range map[string]kubeheader.Reason{
		"guard": kubeheader.ReasonGuardUnavailable, "backend": kubeheader.ReasonBackendUnavailable,
	} {
		for _, row := range strangers() {
			t.Run(link+", "+row.name, func(t *testing.T) {
				t.Parallel() // nobody asks who somebody is in any of them
				row.play(t, link, reason)
			})
		}
	}
}

func (row stranger) play(t *testing.T, link string, reason kubeheader.Reason) {
	t.Helper()
	authority := trial.NewAuthority(t)
	client := welcome(t, authority)
	if row.client != nil {
		client = row.client(t, authority)
	}
	w := newWire(t, shared.ShortDir(t), link, authority, client)
	if row.change != nil {
		row.change(t, w)
	}
	o := harness.Options{GuardTLS: &w.LinkTLS}
	if link == "backend" {
		o = harness.Options{BackendTLS: &w.LinkTLS}
	}
	if row.naked {
		o.EditEnvoy = withoutCertificate
	}
	reviews := shared.IdentityReviews(t.Context(), t)
	s := shared.StartStack(t, o)
	checked := func() bool { return rig.EnvoyStat(t, s, "cluster."+link+".health_check.failure") > 0 }
	for range 2 { // before Envoy's health checks have an opinion, and after
		rig.EveryWay(t, s.URL, shared.Cluster.Token("alice"), rig.EnvoySays(reason))
		require.NoError(t, harness.Until(rig.Soon(t), func(context.Context) error {
			if !checked() {
				return errors.New("no health check yet")
			}
			return nil
		}))
	}
	if row.stat != "" {
		require.Positive(t, rig.EnvoyStat(t, s, "cluster."+link+"."+row.stat))
	}
	require.Zero(t, rig.ToolCalls(s))
	require.NotContains(t, string(s.MCPBackend.Output()), `"msg":"request refused"`, "it got as far as the proof")
	require.Equal(t, reviews, shared.IdentityReviews(t.Context(), t), "the API server was asked who somebody is")
	if !row.refused {
		return
	}
	metric, page := "kube_guard_tls_refused_total", s.GuardAdmin(0)
	if link == "backend" {
		metric, page = "kube_backend_tls_refused_total", s.BackendAdmin()
	}
	require.Regexp(t, "(?m)^"+metric+" [1-9]", rig.Fetch(t.Context(), t, new(http.Client), page+"/metrics"))
}

// withoutCertificate takes from Envoy what it shows.
func withoutCertificate(text []byte) ([]byte, error) {
	before, rest, ok := strings.Cut(string(text), "tls_certificates:\n")
	if !ok {
		return nil, errors.New("Envoy shows no certificate at all")
	}
	at := strings.Index(rest, "validation_context:")
	if at < 0 {
		return nil, errors.New("Envoy believes anybody")
	}
	return []byte(before + rest[at:]), nil
}

// TestPlainTextToASecuredPort gets no further than to be told so.
func TestPlainTextToASecuredPort(t *testing.T) {
	t.Parallel()
	dir, authority := shared.ShortDir(t), trial.NewAuthority(t)
	w := newWire(t, dir, "backend", authority, welcome(t, authority))
	s := shared.StartStack(t, harness.Options{BackendTLS: &w.LinkTLS})
	for _, http2 := range []bool{false, true} {
		client := rig.NewClient(t, http2)
		res, err := client.Post(t.Context(), "http"+strings.TrimPrefix(s.BackendURL, "https"), shared.Cluster.Token("alice"), rig.Call)
		require.True(t, err != nil || res.Status == http.StatusBadRequest)
	}
	require.Zero(t, rig.ToolCalls(s))
	require.NotContains(t, string(s.MCPBackend.Output()), `"msg":"request refused"`)
}
