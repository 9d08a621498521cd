package trial

import (
	"os"
	"testing"

	"github.com/stretchr/testify/require"
)

// UselessFiles are files that a program may be given for its standard error and
// that take nothing, by what is wrong with them.
func UselessFiles() map[string]func(testing.TB) *os.File {
	return map[string]func(testing.TB) *os.File{
		"full disk": func(tb testing.TB) *os.File {
			tb.Helper()
			f, err := os.OpenFile("/dev/full", os.O_WRONLY, 0)
			require.NoError(tb, err)
			tb.Cleanup(func() { _ = f.Close() })
			return f
		},
		"closed": func(tb testing.TB) *os.File {
			tb.Helper()
			_, w := pipe(tb)
			require.NoError(tb, w.Close())
			return w
		},
		"reader gone": func(tb testing.TB) *os.File {
			tb.Helper()
			r, w := pipe(tb)
			require.NoError(tb, r.Close())
			return w
		},
		"reader that sleeps": func(tb testing.TB) *os.File {
			tb.Helper()
			_, w := pipe(tb)
			return w
		},
	}
}

func pipe(tb testing.TB) (r, w *os.File) {
	tb.Helper()
	r, w, err := os.Pipe()
	require.NoError(tb, err)
	tb.Cleanup(func() { _, _ = r.Close(), w.Close() })
	return r, w
}
