package nearby

import (
	"io/fs"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
)

// tree is a directory that others can enter, and a user who is not root: the
// owner of all that the test makes.
func tree(t *testing.T) (root string, self int) {
	t.Helper()
	root, err := filepath.EvalSymlinks(t.TempDir())
	require.NoError(t, err)
	for dir := root; len(dir) > len(os.TempDir()); dir = filepath.Dir(dir) {
		require.NoError(t, os.Chmod(dir, 0o755))
	}
	if self = os.Geteuid(); self == 0 {
		self = 12345
		for dir := root; len(dir) > len(os.TempDir()); dir = filepath.Dir(dir) {
			require.NoError(t, os.Chown(dir, self, -1))
		}
	}
	return root, self
}

func mkdir(t *testing.T, self int, mode fs.FileMode, parts ...string) string {
	t.Helper()
	path := filepath.Join(parts...)
	require.NoError(t, os.Mkdir(path, 0o700))
	require.NoError(t, os.Chmod(path, mode))
	if os.Geteuid() == 0 {
		require.NoError(t, os.Chown(path, self, -1))
	}
	return path
}

// TestNobodyCanTakeTheName: a socket's directory, and every one on the way to it.
func TestNobodyCanTakeTheName(t *testing.T) {
	root, self := tree(t)
	open := mkdir(t, self, 0o777, root, "open")
	group := mkdir(t, self, 0o775, root, "group")
	sticky := mkdir(t, self, 0o777|fs.ModeSticky, root, "sticky")
	own := mkdir(t, self, 0o755, root, "own")
	closed := mkdir(t, self, 0o700, root, "closed")
	mkdir(t, self, 0o777, closed, "open")
	below := mkdir(t, self, 0o700, open, "below")
	mkdir(t, self, 0o755, open, "below755")
	inSticky := mkdir(t, self, 0o755, sticky, "own")
	link := func(target string, parts ...string) string {
		path := filepath.Join(parts...)
		require.NoError(t, os.Symlink(target, path))
		return path
	}
	toOwn := link(own, root, "to-own")
	toOpen := link(open, root, "to-open")
	openToOwn := link(own, open, "to-own")
	closedToOpen := link("../open", closed, "to-open")
	relative := link("own/../sticky/own", root, "relative")
	loop := link("loop", root, "loop")

	for dir, want := range map[string]string{
		own: "", closed: "", closed + "/open": "", inSticky: "", toOwn: "", relative: "", own + "/../own": "", own + "//./": "",
		open: "other users may write in " + open, group: "other users may write in " + group, sticky: "other users may write in " + sticky,
		// Its name in the open directory can be given to another directory.
		below: "other users may write in " + open, open + "/below755": "other users may write in " + open,
		toOpen: "other users may write in " + open, openToOwn: "other users may write in " + open,
		closedToOpen: "other users may write in " + open, closed + "/../open": "other users may write in " + open,
		// The kernel follows the link first, and then goes up.
		toOwn + "/../open": "other users may write in " + open, openToOwn + "/..": "other users may write in " + open,
		loop: "too many symbolic links", root + "/none": "no such file",
	} {
		err := checkDirectories(dir+"/guard.sock", self)
		if want == "" {
			require.NoError(t, err, dir)
			continue
		}
		require.ErrorContains(t, err, want, dir)
	}
	require.NoError(t, os.WriteFile(filepath.Join(own, "file"), nil, 0o600))
	require.ErrorContains(t, checkDirectories(own+"/file/guard.sock", self), "is not a directory")
	require.ErrorContains(t, checkDirectories(own+"/guard.sock", self+1), "could put a socket of his own in its place")

	t.Chdir(open)
	require.ErrorContains(t, checkDirectories("guard.sock", self), "other users may write in "+open)
	require.ErrorContains(t, checkDirectories("../open/guard.sock", self), "other users may write in "+open)
	t.Chdir(root)
	require.ErrorContains(t, checkDirectories("relative/../guard.sock", self), "other users may write in "+sticky)
	t.Chdir(own)
	require.NoError(t, checkDirectories("guard.sock", self))
}

// TestLinkOfAnotherUser: in a sticky directory anybody can make a link, and lead
// it elsewhere once Envoy knows the path.
func TestLinkOfAnotherUser(t *testing.T) {
	if os.Geteuid() != 0 {
		// Only root can give a link away. For everybody else the link is judged as
		// that of the user one below.
		root, self := tree(t)
		link := filepath.Join(root, "link")
		require.NoError(t, os.Symlink(root, link))
		require.ErrorContains(t, (&walk{at: root, self: self + 1}).judgeLink(link), "owns the link")
		return
	}
	root, self := tree(t)
	own := mkdir(t, self, 0o755, root, "own")
	sticky := mkdir(t, self, 0o777|fs.ModeSticky, root, "sticky")
	closed := mkdir(t, self, 0o700, root, "closed")
	for path, want := range map[string]string{
		filepath.Join(sticky, "link"): "user 12346 owns the link " + filepath.Join(sticky, "link"),
		filepath.Join(closed, "link"): "", // where nobody else gets, a link that was given away does no harm
	} {
		require.NoError(t, os.Symlink(own, path))
		require.NoError(t, os.Lchown(path, self+1, -1))
		err := checkDirectories(path+"/guard.sock", self)
		if want == "" {
			require.NoError(t, err, path)
			continue
		}
		require.ErrorContains(t, err, want, path)
	}
	mine := filepath.Join(sticky, "mine")
	require.NoError(t, os.Symlink(own, mine))
	require.NoError(t, os.Lchown(mine, self, -1))
	require.NoError(t, checkDirectories(mine+"/guard.sock", self))
}

func TestUnixSocketInAnOpenDirectory(t *testing.T) {
	root, _ := tree(t)
	dir := filepath.Join(root, "open")
	require.NoError(t, os.Mkdir(dir, 0o700))
	require.NoError(t, os.Chmod(dir, 0o777))
	address := "unix:" + filepath.Join(dir, "guard.sock")
	_, err := port(address, false).Listen(t.Context())
	require.ErrorContains(t, err, "refusing to listen on "+address)
	require.ErrorContains(t, err, "mkdir -m 700")

	listener, err := port(address, true).Listen(t.Context())
	require.NoError(t, err, "the operator said that nobody else is there")
	require.NoError(t, listener.Close())
}

// TestSymlinkInPlaceOfTheSocket: it is not followed, and not removed.
func TestSymlinkInPlaceOfTheSocket(t *testing.T) {
	dir := t.TempDir()
	target, path := filepath.Join(dir, "elsewhere"), filepath.Join(dir, "guard.sock")
	require.NoError(t, os.Symlink(target, path))
	_, err := port("unix:"+path, false).Listen(t.Context())
	require.ErrorContains(t, err, "is not a socket")
	_, err = os.Lstat(target)
	require.ErrorIs(t, err, fs.ErrNotExist)
}
