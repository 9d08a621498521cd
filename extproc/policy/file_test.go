package policy

import (
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"kubernetes-mcp-edge/extproc/hostpolicy"
	"kubernetes-mcp-edge/extproc/kubeheader"
)

// followed is a policy file in a directory of its own.
type followed struct {
	t    *testing.T
	dir  string
	file *File
}

func follow(t *testing.T, body string) *followed {
	t.Helper()
	f := &followed{t: t, dir: t.TempDir()}
	f.write(body)
	var err error
	f.file, err = Open(f.path())
	require.NoError(t, err)
	return f
}

func (f *followed) path() string { return filepath.Join(f.dir, "policy.yaml") }

func (f *followed) write(body string) {
	f.t.Helper()
	require.NoError(f.t, os.WriteFile(f.path(), []byte(head+body), 0o600))
}

// keeps asserts that a look changes nothing and says why.
func (f *followed) keeps(why string) {
	f.t.Helper()
	before, status := f.file.Current(), f.file.Status()
	changed, err := f.file.Refresh()
	require.ErrorContains(f.t, err, why)
	require.False(f.t, changed)
	require.Same(f.t, before, f.file.Current(), "the last good policy stays in force")
	after := f.file.Status()
	require.True(f.t, after.Failing)
	require.Equal(f.t, status.Failures+1, after.Failures)
	require.Equal(f.t, status.Reloads, after.Reloads)
	require.Equal(f.t, status.Loaded, after.Loaded)
}

// takes asserts that a look takes over a change.
func (f *followed) takes() {
	f.t.Helper()
	before, status, began := f.file.Current(), f.file.Status(), time.Now()
	changed, err := f.file.Refresh()
	require.NoError(f.t, err)
	require.True(f.t, changed)
	require.NotSame(f.t, before, f.file.Current())
	require.NotEqual(f.t, before.Digest, f.file.Current().Digest)
	after := f.file.Status()
	require.False(f.t, after.Failing)
	require.Equal(f.t, status.Reloads+1, after.Reloads)
	require.Equal(f.t, status.Failures, after.Failures)
	require.False(f.t, after.Loaded.Before(began))
	f.same()
}

// same asserts that a look finds nothing new.
func (f *followed) same() {
	f.t.Helper()
	before, status := f.file.Current(), f.file.Status()
	changed, err := f.file.Refresh()
	require.NoError(f.t, err)
	require.False(f.t, changed)
	require.Same(f.t, before, f.file.Current(), "caches go by the pointer")
	status.Failing = false
	require.Equal(f.t, status, f.file.Status())
}

func (f *followed) allows(host string) bool {
	return f.file.Current().Header.Hosts.Host(host, 443) == hostpolicy.Allowed
}

func TestOpenIsFinal(t *testing.T) {
	for name, content := range map[string]string{"empty": "", "bad": head + "hots: {}\n"} {
		path := filepath.Join(t.TempDir(), "policy.yaml")
		require.NoError(t, os.WriteFile(path, []byte(content), 0o600))
		f, err := Open(path)
		require.ErrorContains(t, err, path+":", name)
		require.Nil(t, f)
	}
	f, err := Open(filepath.Join(t.TempDir(), "none.yaml"))
	require.ErrorContains(t, err, "name a readable file with --policy")
	require.Nil(t, f)
}

func TestRefresh(t *testing.T) {
	began := time.Now()
	f := follow(t, "hosts: {exact: [a.example.com]}\n")
	require.Equal(t, f.path(), f.file.Path())
	require.Equal(t, FileStatus{Loaded: f.file.Status().Loaded}, f.file.Status())
	require.False(t, f.file.Status().Loaded.Before(began))
	f.same()
	f.write("hosts: {exact: [b.example.com]}\n")
	require.True(t, f.allows("a.example.com"), "nothing changes unasked")
	f.takes()
	require.True(t, f.allows("b.example.com"))
	require.False(t, f.allows("a.example.com"))

	// Content counts, not the file: a new one that says the same changes nothing.
	require.NoError(t, os.Remove(f.path()))
	f.write("hosts: {exact: [b.example.com]}\n")
	require.NoError(t, os.Chtimes(f.path(), time.Now().Add(time.Hour), time.Now().Add(time.Hour)))
	f.same()
	f.write("hosts: {exact: [b.example.com]} # a comment is content\n")
	f.takes()
}

// TestRefreshKeepsTheLastGood: whatever becomes of the file, the policy that
// was in force stays until a whole new one is there.
func TestRefreshKeepsTheLastGood(t *testing.T) {
	whole := "hosts:\n  exact:\n    - a.example.com\n    - b.example.com\n"
	f := follow(t, whole)
	next := head + strings.ReplaceAll(whole, "b.example.com", "c.example.com")
	for end := range len(next) {
		// Each cut of a file that is being written. Where a line ends one can be a
		// policy of its own: only a rename is atomic, and File says so. Within a line
		// it is no policy, though it may read like one.
		_, err := Parse([]byte(next[:end]))
		require.NoError(t, os.WriteFile(f.path(), []byte(next[:end]), 0o600))
		if err != nil || !strings.HasSuffix(next[:end], "\n") {
			f.keeps("policy.yaml:")
			require.True(t, f.allows("b.example.com"), "cut at %d", end)
		}
	}
	require.NoError(t, os.Remove(f.path()))
	f.keeps("no such file")
	require.NoError(t, os.Mkdir(f.path(), 0o700))
	f.keeps("not a regular file")
	require.NoError(t, os.Remove(f.path()))
	require.NoError(t, os.Symlink(f.path(), f.path()))
	f.keeps("too many levels") // what nobody can read: even root, for whom no mode is a bar
	require.NoError(t, os.Remove(f.path()))
	require.NoError(t, os.WriteFile(f.path(), []byte(head+"# "+strings.Repeat("x", maxFile)+"\n"), 0o600))
	f.keeps("larger than")
	f.write("hosts: {exact: [\"*\"]}\n")
	f.keeps("hosts.exact[0]")
	f.keeps("hosts.exact[0]") // the error repeats until the file is mended
	f.write(whole)
	f.same() // what was in force is back: mended, and no reload
	require.False(t, f.file.Status().Failing)
	f.write("hosts: {exact: [d.example.com]}\n")
	f.takes()
}

// TestAnUnendedLastLine is taken at the start, where there is nothing to fall back
// to, and is no change as long as it stays what it was.
func TestAnUnendedLastLine(t *testing.T) {
	f := follow(t, "hosts: {suffixes: [.example.com]}")
	f.same()
	require.NoError(t, os.WriteFile(f.path(), []byte(head+"hosts:\n  suffixes:\n  - .example.co"), 0o600))
	f.keeps("with a line break at its end")
	require.False(t, f.allows("a.example.co"))
	f.write("hosts: {suffixes: [.example.org]}\n")
	f.takes()
}

// TestRefreshFollowsAConfigMap lays the files out as the kubelet does: the name
// is a link to ..data/NAME, ..data a link to a directory, and an update swaps the
// latter. The directory of the target holds the roots, too.
func TestRefreshFollowsAConfigMap(t *testing.T) {
	dir := t.TempDir()
	_, first := root(t, 1)
	_, second := root(t, 2)
	publish := func(version, body string, roots []byte) {
		t.Helper()
		at := filepath.Join(dir, version)
		require.NoError(t, os.Mkdir(at, 0o700))
		require.NoError(t, os.WriteFile(filepath.Join(at, "policy.yaml"), []byte(head+"publicRootsFile: roots.pem\n"+body), 0o600))
		require.NoError(t, os.WriteFile(filepath.Join(at, "roots.pem"), roots, 0o600))
		require.NoError(t, os.Symlink(version, filepath.Join(dir, "..new")))
		require.NoError(t, os.Rename(filepath.Join(dir, "..new"), filepath.Join(dir, "..data")))
	}
	for _, name := range []string{"policy.yaml", "roots.pem"} {
		require.NoError(t, os.Symlink(filepath.Join("..data", name), filepath.Join(dir, name)))
	}
	publish("..1", "hosts: {exact: [a.example.com]}\n", first)
	file, err := Open(filepath.Join(dir, "policy.yaml"))
	require.NoError(t, err)
	f := &followed{t: t, dir: dir, file: file}
	f.same()
	publish("..2", "hosts: {exact: [b.example.com]}\n", first)
	f.takes()
	require.True(t, f.allows("b.example.com"))
	publish("..3", "hosts: {exact: [b.example.com]}\n", first)
	f.same() // swapped, and the same
	publish("..4", "hosts: {exact: [b.example.com]}\n", second)
	before := f.file.Current().PublicRoots
	f.takes() // the roots alone
	require.False(t, before.Equal(f.file.Current().PublicRoots))
	require.NoError(t, os.Remove(filepath.Join(dir, "..4", "roots.pem")))
	f.keeps("publicRootsFile")
	require.NoError(t, os.WriteFile(filepath.Join(dir, "..4", "roots.pem"), second[:len(second)-30], 0o600))
	f.keeps("publicRootsFile")
	require.NoError(t, os.WriteFile(filepath.Join(dir, "..4", "roots.pem"), second, 0o600))
	f.same()
}

// TestRefreshOfTheSameIsCheap: every few seconds a program looks, and nearly
// always there is nothing new: nothing is parsed for that.
func TestRefreshOfTheSameIsCheap(t *testing.T) {
	f := follow(t, "")
	_, roots := root(t, 1)
	write(t, f.dir, "roots.pem", roots)
	f.write("publicRootsFile: roots.pem\nhosts:\n  exact:\n" + strings.Repeat("    # a comment of some length\n", 1000) + "    - a.example.com\n")
	f.takes()
	parsing := testing.AllocsPerRun(5, func() { _, _ = Load(f.path()) })
	looking := testing.AllocsPerRun(5, func() { _, _ = f.file.Refresh() })
	require.Less(t, looking, parsing/2, "%v allocations to parse", parsing)
}

// TestRefreshUnderReaders: readers see one whole policy or the other, while the
// file changes, breaks and is mended.
func TestRefreshUnderReaders(t *testing.T) {
	f := follow(t, "hosts: {exact: [a.example.com]}\ncredentialKinds: [token]\n")
	stop := make(chan struct{})
	var readers sync.WaitGroup
	for range 4 {
		readers.Go(func() {
			for {
				select {
				case <-stop:
					return
				default:
				}
				p := f.file.Current()
				a := p.Header.Hosts.Host("a.example.com", 443) == hostpolicy.Allowed
				if a != p.Header.AllowToken || a == p.Header.AllowClientCertificate {
					t.Error("half a policy")
					return
				}
				_ = f.file.Status()
				_, _ = f.file.Refresh() // whoever refreshes waits for the other
				_, _ = kubeheader.Parse(kubeheader.Request{}, &p.Header, time.Time{})
			}
		})
	}
	for range 20 {
		f.write("hosts: {exact: [b.example.com]}\ncredentialKinds: [client-certificate]\n")
		_, _ = f.file.Refresh()
		f.write("hosts: [\n")
		_, err := f.file.Refresh()
		require.Error(t, err)
		f.write("hosts: {exact: [a.example.com]}\ncredentialKinds: [token]\n")
		_, _ = f.file.Refresh()
	}
	close(stop)
	readers.Wait()
	_, err := f.file.Refresh()
	require.NoError(t, err)
	require.True(t, f.allows("a.example.com"))
	require.Positive(t, f.file.Status().Reloads)
	require.Positive(t, f.file.Status().Failures)
}
