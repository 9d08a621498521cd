//go:build unix

package main

import (
	"os"
	"syscall"
)

// keepOwner gives file the owner that the old one had: a rotation by root must
// leave a key that the guard's user can read.
func keepOwner(file *os.File, old os.FileInfo) error {
	was, ok := old.Sys().(*syscall.Stat_t)
	info, err := file.Stat()
	if err != nil || !ok {
		return err
	}
	if is, ok := info.Sys().(*syscall.Stat_t); ok && is.Uid == was.Uid && is.Gid == was.Gid {
		return nil
	}
	return file.Chown(int(was.Uid), int(was.Gid))
}
