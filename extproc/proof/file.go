package proof

import (
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"slices"
	"syscall"
)

const maxKeyFile = 64 << 10

// digest identifies the content of a key file. Kubernetes swaps a mounted file
// by a symbolic link, which changes no time stamp that could be relied on.
type digest [sha256.Size]byte

// readKeyFile reads a small regular file. A private one must be ours alone: see
// private.
func readKeyFile(path string, secret bool) ([]byte, digest, error) {
	file, err := os.Open(path)
	if err != nil {
		return nil, digest{}, err // it names the path
	}
	defer func() { _ = file.Close() }() // nothing was written
	info, err := file.Stat()
	switch {
	case err != nil:
		return nil, digest{}, err
	case !info.Mode().IsRegular():
		return nil, digest{}, &fs.PathError{Op: "read", Path: path, Err: errors.New("not a regular file")}
	case secret && !private(info, os.Getegid(), groups()):
		return nil, digest{}, fmt.Errorf("%s holds private keys and its mode is %04o: run chmod 600 on it; "+
			"from a Kubernetes Secret mount it with defaultMode 0400, and set the Pod's fsGroup", path, info.Mode().Perm())
	}
	content, err := io.ReadAll(io.LimitReader(file, maxKeyFile+1))
	if err != nil {
		return nil, digest{}, err
	}
	if len(content) > maxKeyFile {
		return nil, digest{}, fmt.Errorf("%s is larger than 64 KiB: it is no key file", path)
	}
	return content, sha256.Sum256(content), nil
}

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
