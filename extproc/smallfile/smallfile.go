// Package smallfile reads the files that an operator names to a program, and
// that the program looks at again and again while it runs: policies, keys,
// certificates. It never waits and never reads without end, whatever the path
// leads to, and judges who else can read a private key.
package smallfile

import (
	"fmt"
	"io"
	"os"
	"syscall"
)

// Read returns the content of a regular file of at most limit bytes. It follows
// links, as a mounted Secret or ConfigMap has them. Anything else is refused: a
// pipe would hold up its reader, already when it is opened, unless that does not
// wait. The error names the path.
func Read(path string, limit int64) ([]byte, error) { return read(path, limit, false) }

// ReadPrivate is Read for a private key: a file that others than this program can
// read is refused with what to do about it.
func ReadPrivate(path string, limit int64) ([]byte, error) { return read(path, limit, true) }

func read(path string, limit int64, secret bool) ([]byte, error) {
	file, err := os.OpenFile(path, os.O_RDONLY|syscall.O_NONBLOCK, 0)
	if err != nil {
		return nil, err // it names the path
	}
	defer func() { _ = file.Close() }() // nothing was written
	info, err := file.Stat()
	switch {
	case err != nil:
		return nil, err
	case !info.Mode().IsRegular():
		return nil, fmt.Errorf("%s is not a regular file", path)
	case secret && !private(info, os.Getegid(), groups()):
		return nil, fmt.Errorf("%s holds a private key and its mode is %04o: %s", path, info.Mode().Perm(), advice)
	}
	content, err := io.ReadAll(io.LimitReader(file, limit+1))
	if err == nil && int64(len(content)) > limit {
		err = fmt.Errorf("%s is larger than %d KiB: it is not what is looked for here", path, limit>>10)
	}
	if err != nil {
		return nil, err
	}
	return content, nil
}
