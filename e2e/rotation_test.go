package e2e

import (
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"kubernetes-mcp-edge/e2e/harness"
	"kubernetes-mcp-edge/e2e/rig"
	"kubernetes-mcp-edge/envoy"
	"kubernetes-mcp-edge/extproc/proof"
	"kubernetes-mcp-edge/extproc/trial"
)

// faultless ends the traffic and sees that every answer was a good one.
func faultless(t *testing.T, tr *rig.Traffic, what string) {
	t.Helper()
	tr.Stop()
	t.Logf("%s: %s", what, tr)
	require.Zero(t, tr.Wrong.Load(), "%v", tr.Errors())
	require.Zero(t, tr.Bad.Load(), "%v", tr.Reasons())
	require.Positive(t, tr.Good.Load())
}

// TestSigningKeysRotateUnderLoad: twice, as an operator does it, while callers
// call without pause: no good request is rejected.
func TestSigningKeysRotateUnderLoad(t *testing.T) {
	t.Parallel()
	s := shared.StartStack(t, harness.Options{Guards: 2})
	traffic := shared.StartTraffic(t, rig.Load{URL: s.URL, Each: 2})
	for range 2 {
		traffic.More(t, &traffic.Good)
		out, err := exec.CommandContext(t.Context(), shared.Binaries.KubeMCP, "keys", "rotate", "--activate-in", "5s",
			"--signing-key", s.SigningKeyFile(), "--keys", s.KeysFile()).CombinedOutput()
		require.NoError(t, err, "%s", out)
		keys, err := proof.LoadSigningKeys(s.SigningKeyFile())
		require.NoError(t, err)
		next := keys.Active(time.Now().Add(time.Minute)).ID()
		for guard := range 2 {
			awaitMetric(t, s.GuardAdmin(guard), `kube_guard_signing_key_active{key_id="`+next+`"} 1`)
		}
		awaitMetric(t, s.BackendAdmin(), `kube_backend_key_info{key_id="`+next+`"} 1`)
		traffic.More(t, &traffic.Good) // answers of the new key
		traffic.More(t, &traffic.Good)
	}
	faultless(t, traffic, "two rotations of the signing key, two guards")
	require.Zero(t, bytes.Count(s.MCPBackend.Output(), []byte("proof-")), "the backend refused a proof")
}

// awaitMetric waits until a page of metrics has this line.
func awaitMetric(t *testing.T, page, line string) {
	t.Helper()
	awaitPage(t, page+"/metrics", func(text string) bool { return strings.Contains(text, line+"\n") })
}

// awaitPage waits until a page is as wanted.
func awaitPage(t *testing.T, url string, wanted func(text string) bool) {
	t.Helper()
	require.NoError(t, harness.Until(rig.Soon(t), func(ctx context.Context) error {
		if !wanted(rig.Fetch(ctx, t, new(http.Client), url)) {
			return errors.New(url + " does not show it yet")
		}
		return nil
	}))
}

// rotation is a stack with both links secured, whose Envoy follows its files and
// makes new connections all the time.
type rotation struct {
	*harness.Stack

	guard, backend *wire
	reloads        int // of the programs' TLS files
}

func startRotation(t *testing.T, authority trial.Pair) *rotation {
	t.Helper()
	dir := shared.ShortDir(t)
	r := &rotation{guard: newWire(t, dir, "guard", authority, welcome(t, authority)), backend: newWire(t, dir, "backend", authority, welcome(t, authority))}
	secrets := filepath.Join(dir, "secrets")
	require.NoError(t, os.Mkdir(secrets, 0o700))
	r.Stack = shared.StartStack(t, harness.Options{
		GuardTLS: &r.guard.LinkTLS, BackendTLS: &r.backend.LinkTLS, EditEnvoy: withShortConnections,
		Envoy: func(c *envoy.Config) {
			c.SecretsDirectory = secrets
			files, err := envoy.Secrets(*c)
			require.NoError(t, err)
			for name, content := range files {
				renew(t, filepath.Join(secrets, name), content)
			}
		},
	})
	// An older Envoy makes its first health check before it has read its secrets,
	// and the next a second later.
	client := rig.NewClient(t, true)
	require.NoError(t, harness.Until(rig.Soon(t), func(ctx context.Context) error {
		res, err := client.Post(ctx, r.URL, shared.Cluster.Token("alice"), rig.Call)
		if err != nil {
			return err
		}
		_, err = rig.DecodeUser(res)
		return err
	}))
	return r
}

var (
	guardProtocol   = regexp.MustCompile(`(?m)^( *)explicit_http_config:\n *http2_protocol_options:`)
	backendProtocol = "common_http_protocol_options: {idle_timeout: 30s"
)

// withShortConnections lets Envoy shake hands with both programs after every few
// requests, so that a rotation meets many handshakes.
func withShortConnections(text []byte) ([]byte, error) {
	const few = "max_requests_per_connection: 20"
	if len(guardProtocol.FindAll(text, -1)) != 1 || bytes.Count(text, []byte(backendProtocol)) != 1 {
		return nil, errors.New("the clusters are not written as this test knows them")
	}
	text = guardProtocol.ReplaceAll(text, []byte("${1}common_http_protocol_options: {"+few+"}\n$0"))
	return bytes.Replace(text, []byte(backendProtocol), []byte(backendProtocol+", "+few), 1), nil
}

// programsReload waits until both programs use what was written.
func (r *rotation) programsReload(t *testing.T) {
	t.Helper()
	r.reloads++
	line := fmt.Sprintf(`_reloads_total{file="tls",result="success"} %d`, r.reloads)
	awaitMetric(t, r.GuardAdmin(0), "kube_guard"+line)
	awaitMetric(t, r.BackendAdmin(), "kube_backend"+line)
}

// envoyFollows runs work, which changes what Envoy follows on both links, and waits
// until it has taken that over.
func (r *rotation) envoyFollows(t *testing.T, work func()) {
	t.Helper()
	updates := func() (out [2]int) {
		for n, cluster := range []string{"guard", "backend"} {
			out[n] = rig.EnvoyStat(t, r.Stack, "cluster."+cluster+".client_ssl_socket_factory.ssl_context_update_by_sds")
		}
		return out
	}
	before := updates()
	work()
	require.NoError(t, harness.Until(rig.Soon(t), func(context.Context) error {
		if now := updates(); now[0] == before[0] || now[1] == before[1] {
			return errors.New("Envoy has not looked yet")
		}
		return nil
	}))
}

// renewAll gives everybody a certificate of this authority, the programs first.
func (r *rotation) renewAll(t *testing.T, authority trial.Pair) {
	t.Helper()
	renewPair(t, r.guard.program, authority.Issue(t, trial.DNS("guard.example.com")))
	renewPair(t, r.backend.program, authority.Issue(t, trial.DNS("backend.example.com")))
	r.programsReload(t)
	r.envoyFollows(t, func() {
		renewPair(t, r.guard.envoy, welcome(t, authority))
		renewPair(t, r.backend.envoy, welcome(t, authority))
	})
}

// trust tells everybody whom to believe.
func (r *rotation) trust(t *testing.T, authorities ...trial.Pair) {
	t.Helper()
	var bundle []byte
	for _, a := range authorities {
		bundle = append(bundle, a.CertificatePEM()...)
	}
	links := []*wire{r.guard, r.backend}
	r.envoyFollows(t, func() {
		for _, w := range links {
			renew(t, filepath.Join(w.envoy, "ca.crt"), bundle)
		}
	})
	for _, w := range links {
		renew(t, filepath.Join(w.program, "ca.crt"), bundle)
	}
	r.programsReload(t)
}

// TestCertificatesRotateUnderLoad: new certificates of the same authority, then a
// new authority beside the old one, then without it. No request fails, though
// Envoy shakes hands with both programs all the time.
func TestCertificatesRotateUnderLoad(t *testing.T) {
	t.Parallel()
	before, after := trial.NewAuthority(t), trial.NewAuthority(t)
	r := startRotation(t, before)
	traffic := shared.StartTraffic(t, rig.Load{URL: r.URL, Each: 2})
	for _, step := range []func(){
		func() { r.renewAll(t, before) },
		func() { r.trust(t, before, after) },
		func() { r.renewAll(t, after) },
		func() { r.trust(t, after) },
	} {
		traffic.More(t, &traffic.Good)
		handshakes := rig.EnvoyStat(t, r.Stack, "cluster.guard.ssl.handshake")
		step()
		traffic.More(t, &traffic.Good)
		require.Greater(t, rig.EnvoyStat(t, r.Stack, "cluster.guard.ssl.handshake"), handshakes)
	}
	faultless(t, traffic, "certificates and authorities of both links renewed")
	for _, cluster := range []string{"guard", "backend"} {
		t.Logf("handshakes with the %s: %d", cluster, rig.EnvoyStat(t, r.Stack, "cluster."+cluster+".ssl.handshake"))
		require.Zero(t, rig.EnvoyStat(t, r.Stack, "cluster."+cluster+".ssl.fail_verify_error"))
		require.Zero(t, rig.EnvoyStat(t, r.Stack, "cluster."+cluster+".ssl.fail_verify_san"))
	}

	// Whoever holds a certificate of the old authority is a stranger now.
	address := strings.TrimPrefix(r.GuardAddress(0), "unix:")
	require.NoError(t, knock(t, address, after, welcome(t, after)))
	require.Error(t, knock(t, address, after, welcome(t, before)))
}

// knock shakes hands with a guard, as somebody with this certificate.
func knock(t *testing.T, address string, authority, client trial.Pair) error {
	t.Helper()
	roots := x509.NewCertPool()
	roots.AddCert(authority.Certificate)
	conn, err := tls.Dial("tcp", address, &tls.Config{
		RootCAs: roots, ServerName: "guard.example.com", Certificates: []tls.Certificate{client.TLS()}, NextProtos: []string{"h2"}, MinVersion: tls.VersionTLS13,
	})
	if err != nil {
		return err
	}
	defer func() { _ = conn.Close() }()
	require.NoError(t, conn.SetDeadline(time.Now().Add(10*time.Second)))
	if _, err := conn.Write([]byte("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\x00\x00\x00\x04\x00\x00\x00\x00\x00")); err != nil {
		return err
	}
	_, err = conn.Read(make([]byte, 1)) // the guard's settings, or an alert
	return err
}
