package trial

import (
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// judged is a test that only notes whether it failed.
type judged struct {
	testing.TB

	failed bool
}

func (j *judged) Helper()               {}
func (j *judged) Errorf(string, ...any) { j.failed = true }
func (j *judged) Fatal(...any)          { j.stop() }
func (j *judged) Fatalf(string, ...any) { j.stop() }
func (j *judged) stop()                 { j.failed = true; panic(j) } //nolint:forbidigo // stands for Goexit

// fails reports whether a test that does this fails.
func fails(t *testing.T, does func(*judged)) bool {
	t.Helper()
	j := &judged{TB: t}
	func() {
		defer func() {
			if r := recover(); r != nil && r != any(j) {
				t.Fatal(r)
			}
		}()
		does(j)
	}()
	return j.failed
}

func TestCorpusThatIsEmptyFails(t *testing.T) {
	dir := t.TempDir()
	read := func(tb *judged) { CorpusIn(tb, dir) }
	require.True(t, fails(t, read), "an empty folder")
	require.True(t, fails(t, func(tb *judged) { Corpus(tb, "FuzzNothing") }), "no folder")
	write := func(name, text string) {
		require.NoError(t, os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600))
	}
	write("an-idea", "go test fuzz v1\nbyte('\\x01')\nstring(\"a\\n\")\n[]byte(\"\\xff\")\nuint16(443)\nbool(true)\n")
	require.False(t, fails(t, read))
	require.Equal(t, []Seed{{"an-idea", []string{`'\x01'`, "a\n", "\xff", "443", "true"}}}, CorpusIn(t, dir))
	for name, text := range map[string]string{
		"0123456789abcdef": "go test fuzz v1\nstring(\"a\")\n",
		"no-head":          "string(\"a\")\n",
		"no-call":          "go test fuzz v1\n\"a\"\n",
		"no-literal":       "go test fuzz v1\nstring(a+b)\n",
		"no-go":            "go test fuzz v1\nstring(\n",
	} {
		write(name, text)
		require.True(t, fails(t, read), name)
		require.NoError(t, os.Remove(filepath.Join(dir, name)))
	}
}

func TestWithin(t *testing.T) {
	var kept []byte
	require.False(t, fails(t, func(tb *judged) { Within(tb, func() { kept = make([]byte, Memory/2) }) }))
	require.True(t, fails(t, func(tb *judged) { Within(tb, func() { kept = make([]byte, Memory+1<<20) }) }))
	require.NotEmpty(t, kept)
	spend := func() {
		for start := time.Now(); time.Since(start) <= slower*Time; {
		}
	}
	require.True(t, fails(t, func(tb *judged) { Within(tb, spend) }))
	runs := 0 // a machine that was busy once
	require.False(t, fails(t, func(tb *judged) {
		Within(tb, func() {
			if runs++; runs == 1 {
				spend()
			}
		})
	}))
	require.Equal(t, 2, runs)
}

func TestAllocs(t *testing.T) {
	var kept *int
	one := func() { kept = new(int) }
	require.False(t, fails(t, func(tb *judged) { Allocs(tb, Budget{Plain: 1, Race: 1}, one) }))
	require.True(t, fails(t, func(tb *judged) { Allocs(tb, Budget{Plain: 0, Race: 0}, one) }))
	require.NotNil(t, kept)
	other := Budget{Plain: 0, Race: 1}
	if Race() {
		other = Budget{Plain: 1, Race: 0}
	}
	require.True(t, fails(t, func(tb *judged) { Allocs(tb, other, one) }), "the budget of the other build counts")
}
