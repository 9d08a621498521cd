package serve

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"os"
	"path/filepath"
	"testing"
	"time"

	extprocv3 "github.com/envoyproxy/go-control-plane/envoy/service/ext_proc/v3"
	"github.com/stretchr/testify/require"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials"
	"google.golang.org/grpc/status"

	"kubernetes-mcp-edge/extproc/mtls"
	"kubernetes-mcp-edge/extproc/trial"
)

// link is a guard that asks its clients who they are.
type link struct {
	*running

	ca trial.Pair
}

func linked(t *testing.T, change ...func(*guard)) *link {
	t.Helper()
	dir := t.TempDir()
	l := &link{ca: trial.NewAuthority(t)}
	files := mtls.Files{
		Certificate: filepath.Join(dir, "tls.crt"), Key: filepath.Join(dir, "tls.key"), ClientCA: filepath.Join(dir, "ca.crt"),
		AllowedSANs: []string{"dns:envoy.example.com"},
	}
	require.NoError(t, os.WriteFile(files.ClientCA, l.ca.CertificatePEM(), 0o600))
	l.present(t, files, l.ca.Issue(t, trial.DNS("guard.example.com")))
	l.running = startWith(t, func(o *Options) { o.TLS = files }, change...)
	return l
}

// present gives the port a certificate.
func (l *link) present(t *testing.T, files mtls.Files, p trial.Pair) {
	t.Helper()
	require.NoError(t, os.WriteFile(files.Certificate, p.CertificatePEM(), 0o600))
	require.NoError(t, os.WriteFile(files.Key, p.KeyPEM(t), 0o600))
}

// as is a connection of a client with a certificate of its own, or with none;
// shown gets what the port shows.
func (l *link) as(t *testing.T, client *trial.Pair, shown *x509.Certificate) *grpc.ClientConn {
	t.Helper()
	roots := x509.NewCertPool()
	roots.AddCert(l.ca.Certificate)
	config := &tls.Config{RootCAs: roots, ServerName: "guard.example.com", MinVersion: tls.VersionTLS12}
	if client != nil {
		config.Certificates = []tls.Certificate{client.TLS()}
	}
	if shown != nil {
		config.VerifyConnection = func(s tls.ConnectionState) error { *shown = *s.PeerCertificates[0]; return nil }
	}
	conn := l.dial(credentials.NewTLS(config))
	t.Cleanup(func() { _ = conn.Close() })
	return conn
}

// turnedAway is how a stream ends that should not come to be.
func turnedAway(conn *grpc.ClientConn) codes.Code {
	stream, err := extprocv3.NewExternalProcessorClient(conn).Process(context.Background())
	if err == nil {
		_ = stream.Send(message(post()...))
		_, err = stream.Recv()
	}
	return status.Code(err)
}

func TestOnlyKnownClientsReachThePort(t *testing.T) {
	l := linked(t)
	envoy := l.ca.Issue(t, trial.DNS("envoy.example.com"))
	stranger := l.ca.Issue(t, trial.DNS("stranger.example.com"))
	foreign := trial.NewAuthority(t).Issue(t, trial.DNS("envoy.example.com"))

	stream := l.openOn(l.as(t, &envoy, nil))
	require.NoError(t, stream.Send(message(post()...)))
	_, err := stream.Recv()
	require.NoError(t, err)
	for name, who := range map[string]*trial.Pair{"no certificate": nil, "another name": &stranger, "another authority": &foreign} {
		require.Equal(t, codes.Unavailable, turnedAway(l.as(t, who, nil)), name)
	}
	require.Equal(t, codes.Unavailable, turnedAway(l.conn), "without TLS at all")
	numbers := metricsOf(t, l.guard)
	require.Contains(t, numbers, "\nkube_guard_tls_refused_total 1\n")
	require.Contains(t, numbers, "\nkube_guard_tls_not_after_timestamp_seconds ")
	require.Contains(t, numbers, "\nkube_guard_last_reload_successful{file=\"tls\"} 1\n")
	require.Contains(t, numbers, "\nkube_guard_streams_total 1\n", "the others did not get to a stream")
}

// TestRenewedCertificateDropsNoStream: who is connected stays, who comes next
// sees the new one, and half a renewal changes nothing.
func TestRenewedCertificateDropsNoStream(t *testing.T) {
	l := linked(t)
	envoy := l.ca.Issue(t, trial.DNS("envoy.example.com"))
	var first, later, last x509.Certificate
	waiting := l.openOn(l.as(t, &envoy, &first))
	require.NoError(t, waiting.Send(message(post()...)))
	_, err := waiting.Recv()
	require.NoError(t, err)

	next := l.ca.Issue(t, trial.DNS("guard.example.com"))
	require.NoError(t, os.WriteFile(l.options.TLS.Certificate, next.CertificatePEM(), 0o600)) // its key is not there yet
	l.guard.files.tls.look(time.Now())
	require.True(t, l.guard.files.tls.status().Failing)
	require.Equal(t, 1, l.logged("the last good TLS files stay in use"))
	require.Contains(t, metricsOf(t, l.guard), "\nkube_guard_last_reload_successful{file=\"tls\"} 0\n")
	stream := l.openOn(l.as(t, &envoy, &later))
	require.NoError(t, stream.Send(message(post()...)))
	_, err = stream.Recv()
	require.NoError(t, err)
	require.Equal(t, first.Raw, later.Raw)

	l.present(t, l.options.TLS, next)
	l.guard.files.tls.look(time.Now())
	require.Equal(t, 1, l.logged("TLS files reloaded"))
	stream = l.openOn(l.as(t, &envoy, &last))
	require.NoError(t, stream.Send(message(post()...)))
	_, err = stream.Recv()
	require.NoError(t, err)
	require.Equal(t, next.Certificate.Raw, last.Raw)

	require.NoError(t, waiting.Send(body([]byte(`{"id":1,"method":"m"}`))))
	answer, err := waiting.Recv()
	require.NoError(t, err)
	require.NotNil(t, answer.GetImmediateResponse(), "the stream from before goes on")
}

// TestTLSFilesAreCountedAsTheOthers: what the parser cannot bear is a failure in
// the metrics too.
func TestTLSFilesAreCountedAsTheOthers(t *testing.T) {
	l := linked(t, func(g *guard) {
		g.files.tls.refresh = func(time.Time) (bool, error) { panic("secret") } //nolint:forbidigo // it is what is tested
	})
	l.guard.files.tls.look(time.Now())
	numbers := metricsOf(t, l.guard)
	require.Contains(t, numbers, "\nkube_guard_last_reload_successful{file=\"tls\"} 0\n")
	require.Contains(t, numbers, "\nkube_guard_reloads_total{file=\"tls\",result=\"failure\"} 1\n")
}
