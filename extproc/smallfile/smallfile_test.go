package smallfile

import (
	"os"
	"path/filepath"
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"
)

// TestRead: what is read, and what is refused at once, whoever waits at the other
// end.
func TestRead(t *testing.T) {
	const limit = 4 << 10
	write := func(size int, mode os.FileMode) func(*testing.T, string) {
		return func(t *testing.T, path string) {
			t.Helper()
			require.NoError(t, os.WriteFile(path, make([]byte, size), 0o600))
			require.NoError(t, os.Chmod(path, mode))
		}
	}
	link := func(to string) func(*testing.T, string) {
		return func(t *testing.T, path string) { t.Helper(); require.NoError(t, os.Symlink(to, path)) }
	}
	for name, row := range map[string]struct {
		make   func(t *testing.T, path string)
		read   func(string, int64) ([]byte, error)
		refuse string // "": it is read
	}{
		"as large as may be":  {write(limit, 0o644), Read, ""},
		"empty":               {write(0, 0o644), Read, ""},
		"a byte too large":    {write(limit+1, 0o644), Read, "is larger than 4 KiB"},
		"endless":             {link("/dev/zero"), Read, "not a regular file"},
		"a link to a file":    {func(t *testing.T, path string) { t.Helper(); write(1, 0o600)(t, path+".to"); link(path+".to")(t, path) }, Read, ""},
		"a link to nothing":   {link("/nonexistent"), Read, "no such file"},
		"a directory":         {func(t *testing.T, path string) { t.Helper(); require.NoError(t, os.Mkdir(path, 0o700)) }, Read, "not a regular file"},
		"a pipe":              {func(t *testing.T, path string) { t.Helper(); require.NoError(t, syscall.Mkfifo(path, 0o600)) }, Read, "not a regular file"},
		"a key of our own":    {write(1, 0o600), ReadPrivate, ""},
		"a key for everybody": {write(1, 0o644), ReadPrivate, "holds a private key and its mode is 0644: run chmod 600"},
	} {
		t.Run(name, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "file")
			row.make(t, path)
			content, err := row.read(path, limit)
			if row.refuse == "" {
				require.NoError(t, err)
				info, err := os.Stat(path)
				require.NoError(t, err)
				require.Len(t, content, int(info.Size()))
				return
			}
			require.ErrorContains(t, err, row.refuse)
			require.ErrorContains(t, err, path)
			require.Nil(t, content)
		})
	}
}
