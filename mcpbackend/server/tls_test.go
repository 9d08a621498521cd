package server

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"kubernetes-mcp-edge/extproc/mtls"
	"kubernetes-mcp-edge/extproc/trial"
)

// secured is a backend with mutual TLS, and its authority.
type secured struct {
	*world

	ca    trial.Pair
	files mtls.Files
}

func newSecured(t *testing.T, api *brokenAPI) *secured {
	t.Helper()
	dir := t.TempDir()
	s := &secured{ca: trial.NewAuthority(t), files: mtls.Files{
		Certificate: filepath.Join(dir, "tls.crt"), Key: filepath.Join(dir, "tls.key"), ClientCA: filepath.Join(dir, "ca.crt"),
		AllowedSANs: []string{"dns:envoy.example.com"},
	}}
	require.NoError(t, os.WriteFile(s.files.ClientCA, s.ca.CertificatePEM(), 0o600))
	s.renew(t)
	s.world = newWorld(t, api, func(o *setup) { o.TLS = s.files })
	return s
}

// renew writes a new certificate for the port, and returns its serial number.
func (s *secured) renew(t *testing.T) string {
	t.Helper()
	p := s.ca.Issue(t, trial.DNS("backend.example.com"))
	require.NoError(t, os.WriteFile(s.files.Certificate, p.CertificatePEM(), 0o600))
	require.NoError(t, os.WriteFile(s.files.Key, p.KeyPEM(t), 0o600))
	return p.Certificate.SerialNumber.String()
}

// envoy is a client of this name, over one HTTP version; "" shows no certificate.
func (s *secured) envoy(t *testing.T, name string, h2 bool) *http.Transport {
	t.Helper()
	roots := x509.NewCertPool()
	roots.AddCert(s.ca.Certificate)
	config := &tls.Config{RootCAs: roots, ServerName: "backend.example.com", MinVersion: tls.VersionTLS12}
	if name != "" {
		config.Certificates = []tls.Certificate{s.ca.Issue(t, trial.DNS(name)).TLS()}
	}
	config.NextProtos = []string{map[bool]string{false: "http/1.1", true: "h2"}[h2]}
	protocols := new(http.Protocols)
	protocols.SetHTTP1(!h2)
	protocols.SetHTTP2(h2)
	transport := &http.Transport{TLSClientConfig: config, Protocols: protocols}
	t.Cleanup(transport.CloseIdleConnections)
	return transport
}

// whoami calls the tool through a transport and returns the answer.
func (s *secured) whoami(t *testing.T, transport *http.Transport, headers map[string]string) (*http.Response, string, error) {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, s.url+"/mcp", strings.NewReader(message("", "tools/call", `{"name":"whoami","arguments":{}}`)))
	require.NoError(t, err)
	req.Header.Set("Content-Type", "application/json")
	req.Header.Set("Accept", "application/json, text/event-stream")
	resp, err := (&guarded{world: s.world, headers: headers, base: transport}).RoundTrip(req)
	if err != nil {
		return nil, "", err
	}
	defer func() { _ = resp.Body.Close() }()
	body, err := io.ReadAll(resp.Body)
	return resp, string(body), err
}

// TestMutualTLS: the name on the list is served over both HTTP versions, nobody
// else gets as far as a request, and plain text gets nowhere.
func TestMutualTLS(t *testing.T) {
	api := newBrokenAPI(t)
	s := newSecured(t, api)
	headers := api.headers("alice-token")
	for _, h2 := range []bool{false, true} {
		resp, body, err := s.whoami(t, s.envoy(t, "envoy.example.com", h2), headers)
		require.NoError(t, err)
		require.Contains(t, body, "User: alice")
		require.Equal(t, map[bool]string{false: "http/1.1", true: "h2"}[h2], resp.TLS.NegotiatedProtocol)
		require.Equal(t, h2, resp.ProtoMajor == 2)
		for _, name := range []string{"", "other.example.com"} {
			_, _, err = s.whoami(t, s.envoy(t, name, h2), headers)
			require.Error(t, err) // an alert, or the connection it closes
		}
	}
	status, _ := fetch(t, bare(t, false), "http"+s.url[len("https"):]+"/healthz")
	require.Equal(t, http.StatusBadRequest, status)
	require.Len(t, s.logs.lines(t, "tool call"), 2)

	s.look(time.Now())
	s.look(time.Now())
	lines := s.logs.lines(t, "clients refused")
	require.Len(t, lines, 1)
	require.EqualValues(t, 2, lines[0]["count"])
	require.Contains(t, lines[0]["last"], "other.example.com")
}

// TestCertificateReload: new connections meet the new certificate, old ones live
// on, and a broken file changes nothing.
func TestCertificateReload(t *testing.T) {
	api := newBrokenAPI(t)
	s := newSecured(t, api)
	headers := api.headers("alice-token")
	old := s.envoy(t, "envoy.example.com", true)
	resp, _, err := s.whoami(t, old, headers)
	require.NoError(t, err)
	first := resp.TLS.PeerCertificates[0].SerialNumber.String()

	require.NoError(t, os.WriteFile(s.files.Key, []byte("-----BEGIN PRIVATE KEY-----\n"), 0o600))
	s.look(time.Now())
	s.look(time.Now())
	require.Len(t, s.logs.lines(t, "TLS files not reloaded, the last good state stays in force"), 1)
	resp, _, err = s.whoami(t, s.envoy(t, "envoy.example.com", true), headers)
	require.NoError(t, err)
	require.Equal(t, first, resp.TLS.PeerCertificates[0].SerialNumber.String())

	next := s.renew(t)
	s.look(time.Now())
	require.Len(t, s.logs.lines(t, "TLS files reloaded"), 1)
	resp, _, err = s.whoami(t, s.envoy(t, "envoy.example.com", true), headers)
	require.NoError(t, err)
	require.Equal(t, next, resp.TLS.PeerCertificates[0].SerialNumber.String())
	resp, body, err := s.whoami(t, old, headers)
	require.NoError(t, err)
	require.Contains(t, body, "User: alice")
	require.Equal(t, first, resp.TLS.PeerCertificates[0].SerialNumber.String(), "the connection from before")
}

// TestRunRefusesBadTLS: before anything listens.
func TestRunRefusesBadTLS(t *testing.T) {
	s := newSecured(t, nil)
	o := s.options
	o.TLS.AllowedSANs = []string{"dns:*.example.com"}
	require.ErrorContains(t, Run(context.Background(), o), "there is no wildcard")
	o = s.options
	o.TLS.Key = ""
	require.ErrorContains(t, Run(context.Background(), o), "pass --tls-key too")
	o = s.options
	o.InsecureListen = true
	require.ErrorContains(t, Run(context.Background(), o), "drop --insecure-listen")
}
