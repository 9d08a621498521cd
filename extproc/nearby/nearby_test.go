package nearby

import (
	"crypto/tls"
	"io/fs"
	"net"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
)

func port(address string, insecure bool) Port {
	return Port{Address: address, Danger: "this port signs whatever it is sent", Insecure: insecure}
}

func TestListenStaysOnThisMachine(t *testing.T) {
	for _, address := range []string{
		":0", "0.0.0.0:0", "[::]:0", "10.0.0.1:9002", "169.254.169.254:9002", "example.com:9002", "localhost.example.com:9002", "[::ffff:10.0.0.1]:9002",
	} {
		_, err := port(address, false).Listen(t.Context())
		require.ErrorContains(t, err, "refusing to listen on "+address+": this port signs whatever it is sent")
		require.ErrorContains(t, err, "--insecure-listen")
		require.ErrorContains(t, err, "--tls-certificate, --tls-key, --tls-client-ca and --tls-client-san")
	}
	for _, address := range []string{"127.0.0.1:0", "127.1.2.3:0", "localhost:0"} {
		listener, err := port(address, false).Listen(t.Context())
		require.NoError(t, err)
		require.True(t, listener.Addr().(*net.TCPAddr).IP.IsLoopback())
		require.NoError(t, listener.Close())
	}
	listener, err := port("0.0.0.0:0", true).Listen(t.Context())
	require.NoError(t, err, "the operator said that the network is trusted")
	require.NoError(t, listener.Close())
}

func TestMutualTLSMayListenAnywhere(t *testing.T) {
	p := port("0.0.0.0:0", false)
	p.TLS = &tls.Config{MinVersion: tls.VersionTLS12}
	listener, err := p.Listen(t.Context())
	require.NoError(t, err)
	require.NoError(t, listener.Close())
	require.Empty(t, p.Warning())

	p.Insecure = true
	_, err = p.Listen(t.Context())
	require.ErrorContains(t, err, "drop --insecure-listen")
}

func TestWarning(t *testing.T) {
	require.Empty(t, port("127.0.0.1:0", false).Warning())
	require.Equal(t, "--insecure-listen: this port signs whatever it is sent; let only Envoy reach it", port("0.0.0.0:0", true).Warning())
}

func TestListenAddressIsExplained(t *testing.T) {
	for address, want := range map[string]string{
		"9002": "write it as host:port or unix:PATH", "": "write it as host:port or unix:PATH",
		"unix:": "names no path", "127.0.0.1:x": "listen on 127.0.0.1:x",
	} {
		_, err := port(address, false).Listen(t.Context())
		require.ErrorContains(t, err, want)
	}
}

func TestUnixSocketIsForThisUserAlone(t *testing.T) {
	path := filepath.Join(t.TempDir(), "guard.sock")
	listener, err := port("unix:"+path, false).Listen(t.Context())
	require.NoError(t, err)
	info, err := os.Stat(path)
	require.NoError(t, err)
	require.Equal(t, fs.FileMode(0o600), info.Mode().Perm())
	require.Equal(t, fs.ModeSocket, info.Mode().Type())

	_, err = port("unix:"+path, false).Listen(t.Context())
	require.ErrorContains(t, err, "another process listens there")
	require.NoError(t, listener.Close())
	_, err = os.Stat(path)
	require.ErrorIs(t, err, fs.ErrNotExist)
}

func TestStaleSocketIsReplacedAndNothingElse(t *testing.T) {
	path := filepath.Join(t.TempDir(), "guard.sock")
	stale, err := net.ListenUnix("unix", &net.UnixAddr{Name: path, Net: "unix"})
	require.NoError(t, err)
	stale.SetUnlinkOnClose(false) // as a killed process leaves it
	require.NoError(t, stale.Close())
	listener, err := port("unix:"+path, false).Listen(t.Context())
	require.NoError(t, err)
	require.NoError(t, listener.Close())

	require.NoError(t, os.WriteFile(path, []byte("precious"), 0o600))
	_, err = port("unix:"+path, false).Listen(t.Context())
	require.ErrorContains(t, err, "is not a socket")
	content, err := os.ReadFile(path)
	require.NoError(t, err)
	require.Equal(t, "precious", string(content))
}
