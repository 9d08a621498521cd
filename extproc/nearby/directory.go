package nearby

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"
)

// maxLinks is where the kernel too gives up on symbolic links.
const maxLinks = 40

// checkDirectories refuses the path of a socket in whose place another user could
// put his own: Envoy would then hand him what is meant for this program. The
// mode of a socket says who may connect, not who may take its name.
//
// As sshd does for its files, it looks at every directory on the way, and at
// those on the way to what a symbolic link points to. Each has to belong to root
// or to this user and to be closed to other writers. A sticky one such as /tmp
// will do on the way, since nobody can rename another's entry in it, but not for
// the socket itself: before the first start its name is free to anybody. Below a
// directory that only this user can enter, all is well.
func checkDirectories(path string, self int) error {
	if !filepath.IsAbs(path) {
		here, err := os.Getwd()
		if err != nil {
			return err
		}
		path = here + separator + path // not Join: the kernel follows a link before it goes up
	}
	names := strings.Split(path, separator)
	w := walk{at: separator, names: names[:len(names)-1], self: self}
	for {
		done, err := w.step()
		if done || err != nil {
			return err
		}
	}
}

const separator = string(filepath.Separator)

// walk is a way down the tree, as the kernel goes it.
type walk struct {
	at     string   // a directory, named without links
	names  []string // what is still to go
	self   int      // the user
	links  int
	closed string // a directory on the way that nobody else can enter
}

// step judges the directory and enters the next one.
func (w *walk) step() (done bool, err error) {
	for len(w.names) > 0 && (w.names[0] == "" || w.names[0] == ".") {
		w.names = w.names[1:]
	}
	if err := w.judge(); err != nil || len(w.names) == 0 {
		return true, err
	}
	name := w.names[0]
	w.names = w.names[1:]
	if name == ".." {
		w.at = filepath.Dir(w.at)
		return false, nil
	}
	next := filepath.Join(w.at, name)
	target, err := os.Readlink(next)
	if err != nil {
		w.at = next       // no link; if it is nothing at all, judge says so
		return false, nil //nolint:nilerr // judge looks at it next
	}
	if w.links++; w.links > maxLinks {
		return true, errors.New("its path has too many symbolic links")
	}
	if err := w.judgeLink(next); err != nil {
		return true, err
	}
	w.names = append(strings.Split(target, separator), w.names...)
	if filepath.IsAbs(target) {
		w.at = separator
	}
	return false, nil
}

// sheltered says that nobody else gets to the directory.
func (w *walk) sheltered() bool {
	return w.closed != "" && strings.HasPrefix(w.at+separator, w.closed+separator)
}

// judgeLink refuses another user's link, which a sticky directory may hold: he
// can make it lead somewhere else later.
func (w *walk) judgeLink(path string) error {
	if w.sheltered() {
		return nil
	}
	info, err := os.Lstat(path)
	if err != nil {
		return err // it names the path
	}
	owner, err := ownerOf(path, info)
	if err == nil && owner != 0 && owner != w.self {
		err = fmt.Errorf("user %d owns the link %s and could make it lead elsewhere", owner, path)
	}
	return err
}

// judge looks at the directory, unless nobody else gets there.
func (w *walk) judge() error {
	if w.sheltered() {
		return nil
	}
	info, err := os.Lstat(w.at)
	if err != nil {
		return err // it names the path
	}
	if !info.IsDir() {
		return fmt.Errorf("%s is not a directory", w.at)
	}
	closed, err := checkDirectory(w.at, info, w.self, len(w.names) == 0)
	if closed {
		w.closed = w.at
	}
	return err
}

// checkDirectory judges one directory. Closed means that nobody else gets past
// it, so that it does not matter what lies below.
func checkDirectory(path string, info fs.FileInfo, self int, last bool) (closed bool, err error) {
	owner, err := ownerOf(path, info)
	mode := info.Mode()
	switch {
	case err != nil:
		return false, err
	case owner != 0 && owner != self:
		return false, fmt.Errorf("user %d owns %s and could put a socket of his own in its place", owner, path)
	case owner == self && mode.Perm()&0o011 == 0:
		return true, nil // who may write and not enter can do nothing
	case mode.Perm()&0o022 == 0:
	case last, mode&fs.ModeSticky == 0:
		return false, fmt.Errorf("other users may write in %s (mode %04o) and could put a socket of their own in its place", path, mode.Perm())
	}
	return false, nil
}

func ownerOf(path string, info fs.FileInfo) (int, error) {
	stat, ok := info.Sys().(*syscall.Stat_t)
	if !ok {
		return 0, fmt.Errorf("the owner of %s is not known", path)
	}
	return int(stat.Uid), nil
}
