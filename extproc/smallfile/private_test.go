package smallfile

import (
	"io/fs"
	"os"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// madeUp is a file of which only mode and owner matter.
type madeUp struct {
	mode fs.FileMode
	sys  any
}

func (f madeUp) Mode() fs.FileMode { return f.mode }
func (f madeUp) Sys() any          { return f.sys }
func (madeUp) Name() string        { return "" }
func (madeUp) Size() int64         { return 0 }
func (madeUp) ModTime() time.Time  { return time.Time{} }
func (madeUp) IsDir() bool         { return false }

func owned(mode fs.FileMode, uid, gid uint32) madeUp {
	return madeUp{mode, &syscall.Stat_t{Uid: uid, Gid: gid}}
}

// TestPrivateFiles: who may read a signing key, by the mode, the owner and the
// groups of the program, which runs as group 1000 and has 2000 as the fsGroup.
func TestPrivateFiles(t *testing.T) {
	const root, alice, own, fsGroup, other = 0, 1000, 1000, 2000, 3000
	for _, c := range []struct {
		mode     fs.FileMode
		uid, gid uint32
		want     bool
		why      string
	}{
		{0o600, alice, own, true, "kubemcp keys new"},
		{0o400, alice, other, true, "the group has no right"},
		{0o400, root, root, true, "a Secret without fsGroup, for a program that runs as root"},
		{0o440, root, fsGroup, true, "a Secret with defaultMode 0400 and fsGroup"},
		{0o640, root, fsGroup, true, "a Secret with defaultMode 0600 and fsGroup; a file that root gave to the group"},
		{0o440, root, own, true, "the program's first group is one of its own, too"},
		{0o444, root, fsGroup, false, "a Secret with defaultMode 0444: everybody reads it"},
		{0o644, root, fsGroup, false, "a Secret with the usual defaultMode: everybody reads it"},
		{0o404, root, fsGroup, false, "everybody but the group"},
		{0o660, root, fsGroup, false, "the group could put a key of its own there"},
		{0o460, root, fsGroup, false, "the same"},
		{0o450, root, fsGroup, false, "no key is to be run"},
		{0o740, root, fsGroup, false, "the same"},
		{0o440, root, other, false, "the right serves others than this program"},
		{0o440, root, root, false, "the same: the program is not in root's group"},
		{0o640, alice, own, false, "not root's: a umask that was forgotten"},
		{0o440, alice, fsGroup, false, "the same"},
		{0o440, 65534, fsGroup, false, "an owner whom the user namespace does not know"},
	} {
		require.Equal(t, c.want, private(owned(c.mode, c.uid, c.gid), own, []int{2000, 2001}), "%04o %d:%d: %s", c.mode, c.uid, c.gid, c.why)
	}
	require.False(t, private(madeUp{0o440, nil}, own, []int{fsGroup}), "an owner that cannot be told")
	require.True(t, private(madeUp{0o400, nil}, own, nil))
	require.False(t, private(owned(0o440, root, fsGroup), own, nil), "groups that cannot be told")
}

func TestGroupsOfTheProcess(t *testing.T) {
	want, err := os.Getgroups()
	require.NoError(t, err)
	require.Equal(t, want, groups())
}
