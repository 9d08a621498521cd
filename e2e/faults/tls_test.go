package faults

import (
	"context"
	"crypto/x509"
	"errors"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"kubernetes-mcp-edge/e2e/harness"
	"kubernetes-mcp-edge/envoy"
	"kubernetes-mcp-edge/extproc/trial"
)

// The names in the certificates of the link between Envoy and its guard.
const (
	guardName = "guard.example.com"
	envoyName = "envoy.example.com"
)

// pki holds the files of a link that is mutual TLS, each end's in a directory of
// its own.
type pki struct {
	authority    trial.Pair
	guard, envoy string // directories
}

func newPKI(t *testing.T, dir string) *pki {
	t.Helper()
	p := &pki{authority: trial.NewAuthority(t), guard: filepath.Join(dir, "tls-guard"), envoy: filepath.Join(dir, "tls-envoy")}
	for _, end := range []string{p.guard, p.envoy} {
		require.NoError(t, os.Mkdir(end, 0o700))
		place(t, filepath.Join(end, "ca.pem"), p.authority.CertificatePEM())
	}
	p.issue(t, p.guard, guardName, time.Hour)
	p.issue(t, p.envoy, envoyName, time.Hour)
	return p
}

// issue gives an end a certificate for so long, and returns when that ends.
func (p *pki) issue(t *testing.T, end, name string, life time.Duration) time.Time {
	t.Helper()
	pair := p.authority.Issue(t, trial.DNS(name), func(c *x509.Certificate) { c.NotAfter = time.Now().Add(life) })
	place(t, filepath.Join(end, "key.pem"), pair.KeyPEM(t))
	place(t, filepath.Join(end, "certificate.pem"), pair.CertificatePEM())
	return pair.Certificate.NotAfter
}

// place puts a file in its place in one step.
func place(t *testing.T, file string, content []byte) {
	t.Helper()
	require.NoError(t, os.WriteFile(file+".new", content, 0o600))
	require.NoError(t, os.Rename(file+".new", file))
}

// flags are the guard's.
func (p *pki) flags() []string {
	if p == nil {
		return nil
	}
	return []string{
		"--tls-certificate", filepath.Join(p.guard, "certificate.pem"), "--tls-key", filepath.Join(p.guard, "key.pem"),
		"--tls-client-ca", filepath.Join(p.guard, "ca.pem"), "--tls-client-san", "dns:" + envoyName,
	}
}

// link tells an Envoy of the other end, and to follow the files.
func (p *pki) link(t *testing.T, secrets string) func(*envoy.Config) {
	t.Helper()
	if p == nil {
		return nil
	}
	require.NoError(t, os.MkdirAll(secrets, 0o700))
	return func(c *envoy.Config) {
		c.SecretsDirectory = secrets
		c.GuardTLS = &envoy.ClientTLS{
			CertificateFile: filepath.Join(p.envoy, "certificate.pem"), KeyFile: filepath.Join(p.envoy, "key.pem"),
			CAFile: filepath.Join(p.envoy, "ca.pem"), ServerSAN: "dns:" + guardName,
		}
		files, err := envoy.Secrets(*c)
		require.NoError(t, err)
		for name, content := range files {
			place(t, filepath.Join(secrets, name), content)
		}
	}
}

// tlsRows are those in which certificates fail, on a link that is mutual TLS.
func tlsRows() []row {
	const short = 4 * time.Second // long enough to start with
	var ends time.Time
	return []row{
		{
			name: "the guard's certificate expires, then is replaced", expected: "503 on every new connection until the guard has read the new one",
			before: func(s *scene) string {
				ends = s.tls.issue(s.t, s.tls.guard, guardName, short)
				s.guard.Kill()
				s.startGuard(s.t, false)
				return s.guardAt
			},
			strike: func(s *scene) time.Time {
				s.passes(ends)
				s.path.lead(s.t, s.guardAt) // those that are open would go on
				s.failures(many)
				at := s.bookmark(s.t)
				s.tls.issue(s.t, s.tls.guard, guardName, time.Hour)
				s.logs(at, s.guardLog(), "TLS files reloaded")
				return time.Now()
			},
		},
		{
			name: "Envoy's certificate expires, then is replaced", expected: "503 on every new connection until Envoy has read the new one",
			before: func(s *scene) string {
				ends = s.tls.issue(s.t, s.tls.envoy, envoyName, short)
				return s.guardAt
			},
			strike: func(s *scene) time.Time {
				s.passes(ends)
				s.path.lead(s.t, s.guardAt)
				s.failures(many)
				s.tls.issue(s.t, s.tls.envoy, envoyName, time.Hour)
				return time.Now()
			},
		},
		{
			name: "truncated certificate of the guard on reload", passes: true, expected: "all pass: the last good files stay, and a metric and an error tell of it until the file is mended",
			strike: func(s *scene) time.Time {
				return s.truncated(filepath.Join(s.tls.guard, "certificate.pem"), s.guardFollows("TLS files", "tls"))
			},
		},
	}
}

// passes waits for a moment.
func (s *scene) passes(moment time.Time) {
	s.t.Helper()
	require.NoError(s.t, harness.Until(soon(s.t), func(context.Context) error {
		if !time.Now().After(moment) {
			return errors.New("too early")
		}
		return nil
	}))
}

// TestFaultsOverTLS are those of certificates.
func TestFaultsOverTLS(t *testing.T) {
	l := newLab(t, labOptions{tls: true})
	for _, r := range tlsRows() {
		t.Run(subtest(r), func(t *testing.T) { r.play(t, l) })
	}
}
