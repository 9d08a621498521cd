package policy

import (
	"bytes"
	"context"
	"crypto/ed25519"
	"crypto/rand"
	"crypto/sha256"
	"crypto/x509"
	"encoding/hex"
	"encoding/pem"
	"math/big"
	"os"
	"path/filepath"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// root makes a CA certificate.
func root(tb testing.TB, serial int64) (*x509.Certificate, []byte) {
	tb.Helper()
	public, private, err := ed25519.GenerateKey(rand.Reader)
	require.NoError(tb, err)
	template := &x509.Certificate{SerialNumber: big.NewInt(serial), NotAfter: time.Now().Add(time.Hour), IsCA: true, BasicConstraintsValid: true}
	der, err := x509.CreateCertificate(rand.Reader, template, template, public, private)
	require.NoError(tb, err)
	certificate, err := x509.ParseCertificate(der)
	require.NoError(tb, err)
	return certificate, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})
}

func write(t *testing.T, dir, name string, content []byte) string {
	t.Helper()
	path := filepath.Join(dir, name)
	require.NoError(t, os.MkdirAll(filepath.Dir(path), 0o700))
	require.NoError(t, os.WriteFile(path, content, 0o600))
	return path
}

func TestPublicRoots(t *testing.T) {
	first, firstPEM := root(t, 1)
	second, secondPEM := root(t, 2)
	want := x509.NewCertPool()
	want.AddCert(first)
	want.AddCert(second)
	bundle := bytes.Join([][]byte{[]byte("# two of them\n"), firstPEM, []byte("\nthe other:\n"), secondPEM}, nil)

	dir := t.TempDir()
	absolute := write(t, dir, "roots/all.pem", bundle)
	relative := []byte(head + "publicRootsFile: roots/all.pem\n")
	p, err := Load(write(t, dir, "policy.yaml", relative))
	require.NoError(t, err)
	require.True(t, p.Header.PublicRoots)
	require.True(t, want.Equal(p.PublicRoots))

	p, err = Parse([]byte(head + "publicRootsFile: " + absolute + "\n"))
	require.NoError(t, err)
	require.True(t, want.Equal(p.PublicRoots))

	_, err = Parse(relative)
	require.ErrorContains(t, err, "policy:3: publicRootsFile: roots/all.pem is relative")

	p, err = Parse([]byte(head + "publicRootsFile: \"\"\n"))
	require.NoError(t, err)
	require.False(t, p.Header.PublicRoots)
	require.Nil(t, p.PublicRoots)
}

func TestDigest(t *testing.T) {
	_, bundle := root(t, 1)
	_, other := root(t, 2)
	dir := t.TempDir()
	file := []byte(head + "publicRootsFile: roots.pem\n")
	path := write(t, dir, "policy.yaml", file)
	write(t, dir, "roots.pem", bundle)
	with, err := Load(path)
	require.NoError(t, err)
	sum := sha256.Sum256(append(append(bytes.Clone(file), 0), bundle...))
	require.Equal(t, hex.EncodeToString(sum[:]), with.Digest)

	write(t, dir, "roots.pem", other)
	changed, err := Load(path)
	require.NoError(t, err)
	require.NotEqual(t, with.Digest, changed.Digest)

	plain := sha256.Sum256([]byte(head))
	require.Equal(t, hex.EncodeToString(plain[:]), mustParse(t, "").Digest)
	require.NotEqual(t, mustParse(t, "").Digest, mustParse(t, "# a comment\n").Digest)
}

func TestBadRoots(t *testing.T) {
	_, good := root(t, 1)
	key := pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: []byte("x")})
	noise := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: []byte("x")})
	broken := bytes.Replace(good, []byte("-----END CERTIFICATE-----"), nil, 1)
	for name, c := range map[string]struct {
		bundle []byte
		want   string
	}{
		"empty":     {nil, "no certificate"},
		"text":      {[]byte("hello\n"), "no certificate"},
		"key":       {append(bytes.Clone(good), key...), "block 2 is a PRIVATE KEY; keep CERTIFICATE blocks only"},
		"no x509":   {append(bytes.Clone(good), noise...), "block 2: "},
		"cut":       {append(bytes.Clone(good), broken...), "only 1 of 2 blocks are whole PEM"},
		"cut first": {append(bytes.Clone(broken), good...), "blocks are whole PEM"},
	} {
		path := write(t, t.TempDir(), "policy.yaml", []byte(head+"publicRootsFile: roots.pem\n"))
		write(t, filepath.Dir(path), "roots.pem", c.bundle)
		_, err := Load(path)
		require.ErrorContains(t, err, path+":3: publicRootsFile: roots.pem: ", name)
		require.ErrorContains(t, err, c.want, name)
	}
}

func TestUnreadableFiles(t *testing.T) {
	_, err := Load(filepath.Join(t.TempDir(), "policy.yaml"))
	require.ErrorIs(t, err, os.ErrNotExist)
	require.ErrorContains(t, err, "--policy")
	_, err = Load(write(t, t.TempDir(), "policy.yaml", []byte(head+"publicRootsFile: nowhere.pem\n")))
	require.ErrorIs(t, err, os.ErrNotExist)
	require.ErrorContains(t, err, "policy.yaml:3: publicRootsFile: ")
}

// TestRootsAreAFileOfBoundedSize, wherever they are read: at the start, by
// Refresh, and from a policy in memory.
func TestRootsAreAFileOfBoundedSize(t *testing.T) {
	_, good := root(t, 1)
	padded := func(size int) []byte {
		return append(bytes.Clone(good), bytes.Repeat([]byte{'\n'}, size-len(good))...)
	}
	for name, c := range map[string]struct {
		make func(path string) error
		want string // "": it is taken
	}{
		"largest":   {func(path string) error { return os.WriteFile(path, padded(maxRoots), 0o600) }, ""},
		"too large": {func(path string) error { return os.WriteFile(path, padded(maxRoots+1), 0o600) }, "larger than 8192 KiB"},
		"endless":   {func(path string) error { return os.Symlink("/dev/zero", path) }, "not a regular file"},
		"directory": {func(path string) error { return os.Mkdir(path, 0o700) }, "not a regular file"},
		"pipe":      {func(path string) error { return syscall.Mkfifo(path, 0o600) }, "not a regular file"},
	} {
		f := follow(t, "publicRootsFile: \"\"\n")
		path := filepath.Join(f.dir, "roots.pem")
		f.write("publicRootsFile: " + path + "\n")
		require.NoError(t, c.make(path), name)
		_, inMemory := atOnce(t, name, func() (*Policy, error) { return Parse([]byte(head + "publicRootsFile: " + path + "\n")) })
		_, refreshed := atOnce(t, name, func() (bool, error) { return f.file.Refresh() })
		_, loaded := atOnce(t, name, func() (*Policy, error) { return Load(f.path()) })
		for _, err := range []error{inMemory, refreshed, loaded} {
			if c.want == "" {
				require.NoError(t, err, name)
				continue
			}
			require.ErrorContains(t, err, c.want, name)
			require.ErrorContains(t, err, ":3: publicRootsFile: ", name)
		}
	}
}

// TestRefreshIsNotHeldUpByAPipe that took the place of roots which were good.
func TestRefreshIsNotHeldUpByAPipe(t *testing.T) {
	_, good := root(t, 1)
	f := follow(t, "publicRootsFile: \"\"\n")
	path := write(t, f.dir, "roots.pem", good)
	f.write("publicRootsFile: roots.pem\n")
	f.takes()
	require.NoError(t, os.Remove(path))
	require.NoError(t, syscall.Mkfifo(path, 0o600))
	_, err := atOnce(t, "pipe", func() (bool, error) { return f.file.Refresh() })
	require.ErrorContains(t, err, "not a regular file")
	require.NotNil(t, f.file.Current().PublicRoots)
}

// atOnce fails if read waits for what never comes.
func atOnce[T any](t *testing.T, name string, read func() (T, error)) (got T, err error) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	done := make(chan struct{})
	go func() {
		defer close(done)
		got, err = read()
	}()
	select {
	case <-done:
		return got, err
	case <-ctx.Done():
		require.FailNow(t, "it waits", name)
		panic("unreachable") //nolint:forbidigo // FailNow does not return
	}
}
