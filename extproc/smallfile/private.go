package smallfile

import (
	"io/fs"
	"os"
	"slices"
	"syscall"
)

// advice is what to do about a file that is not private, to be read after a colon.
const advice = "run chmod 600 on it; from a Kubernetes Secret mount it with defaultMode 0400, and set the Pod's fsGroup"

// private reports whether a file can be read by nobody but this program, as far
// as its mode says: it is closed to group and others. One other form is taken,
// what the kubelet makes of a Secret with defaultMode 0400 for a Pod that runs as
// another user than root: owned by root, with the Pod's fsGroup for its group,
// which may read it (0440) and do nothing else. The file must be root's, so that
// nobody's careless umask is taken for it, and the group one of the process's
// own, so that the right to read it serves this program. In a Pod no other
// process has that group and the mount; on a machine root gave it to the
// members of the group on purpose.
func private(info fs.FileInfo, egid int, groups []int) bool {
	mode := info.Mode().Perm()
	if mode&0o077 == 0 {
		return true
	}
	stat, ok := info.Sys().(*syscall.Stat_t)
	return ok && mode&^0o640 == 0 && stat.Uid == 0 &&
		(int(stat.Gid) == egid || slices.Contains(groups, int(stat.Gid)))
}

// groups are the supplementary groups of the process, of which the fsGroup is
// one; none if they cannot be told.
func groups() []int {
	all, err := os.Getgroups()
	if err != nil {
		return nil
	}
	return all
}
