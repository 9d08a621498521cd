package envoy_test

import (
	"bufio"
	"crypto/tls"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"kubernetes-mcp-edge/envoy"
	"kubernetes-mcp-edge/extproc/trial"
)

// started runs Envoy until the test ends and returns where its listener is.
func started(t *testing.T, config []byte) string {
	t.Helper()
	var listener string
	shows(t, string(config), "/listeners", func(listeners string) bool {
		line, _, _ := strings.Cut(listeners, "\n")
		_, listener, _ = strings.Cut(line, "::")
		return listener != "" && !strings.HasSuffix(listener, ":0")
	})
	return listener
}

// byRename renews files as people do.
func byRename(t *testing.T, dir, _ string, files map[string][]byte) {
	t.Helper()
	for name, text := range files {
		require.NoError(t, os.WriteFile(filepath.Join(dir, name+".new"), text, 0o600))
		require.NoError(t, os.Rename(filepath.Join(dir, name+".new"), filepath.Join(dir, name)))
	}
}

// byKubernetes renews files as the kubelet does: a symbolic link to a directory
// with all of them is replaced, and nothing else in the directory changes.
func byKubernetes(t *testing.T, dir, version string, files map[string][]byte) {
	t.Helper()
	require.NoError(t, os.Mkdir(filepath.Join(dir, version), 0o700))
	for name, text := range files {
		require.NoError(t, os.WriteFile(filepath.Join(dir, version, name), text, 0o600))
		if version == "..1" {
			require.NoError(t, os.Symlink(filepath.Join("..data", name), filepath.Join(dir, name)))
		}
	}
	require.NoError(t, os.Symlink(version, filepath.Join(dir, "..data_tmp")))
	require.NoError(t, os.Rename(filepath.Join(dir, "..data_tmp"), filepath.Join(dir, "..data")))
}

// TestCertificatesAreFollowed: a certificate that is renewed is served without a
// restart, and open connections live on.
func TestCertificatesAreFollowed(t *testing.T) {
	for name, place := range map[string]func(t *testing.T, dir, version string, files map[string][]byte){
		"rename": byRename, "Kubernetes": byKubernetes,
	} {
		t.Run(name, func(t *testing.T) { followed(t, place) })
	}
}

func followed(t *testing.T, renew func(t *testing.T, dir, version string, files map[string][]byte)) {
	t.Helper()
	dir := t.TempDir()
	authority := trial.NewAuthority(t)
	place := func(version string, p trial.Pair) {
		renew(t, dir, version, map[string][]byte{"tls.key": p.KeyPEM(t), "tls.crt": p.CertificatePEM()})
	}
	first, second := authority.Issue(t, trial.DNS("edge.example.com")), authority.Issue(t, trial.DNS("edge.example.com"))
	place("..1", first)
	c := envoy.Default()
	c.Version, c.ListenPort, c.AdminPort, c.AccessLog = binaryVersion(t), 0, 0, "/dev/null"
	c.TLS = &envoy.TLS{CertificateFile: filepath.Join(dir, "tls.crt"), KeyFile: filepath.Join(dir, "tls.key")}
	c.SecretsDirectory = t.TempDir()
	secrets, err := envoy.Secrets(c)
	require.NoError(t, err)
	for name, text := range secrets {
		require.NoError(t, os.WriteFile(filepath.Join(c.SecretsDirectory, name), text, 0o600))
	}
	text, err := envoy.Render(c)
	require.NoError(t, err)
	address := started(t, text)

	serial := func() string {
		conn, err := tls.Dial("tcp", address, &tls.Config{InsecureSkipVerify: true})
		if err != nil {
			return err.Error()
		}
		defer func() { _ = conn.Close() }()
		return conn.ConnectionState().PeerCertificates[0].SerialNumber.String()
	}
	require.Equal(t, first.Certificate.SerialNumber.String(), serial())
	open, err := tls.Dial("tcp", address, &tls.Config{InsecureSkipVerify: true, NextProtos: []string{"http/1.1"}})
	require.NoError(t, err)
	defer func() { _ = open.Close() }()
	place("..2", second)
	require.Eventually(t, func() bool { return serial() == second.Certificate.SerialNumber.String() }, 10*time.Second, 20*time.Millisecond)
	_, err = open.Write([]byte("GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n"))
	require.NoError(t, err)
	line, err := bufio.NewReader(open).ReadString('\n')
	require.NoError(t, err)
	require.Equal(t, "HTTP/1.1 200 OK\r\n", line)
}
