package main

import (
	"errors"
	"os"
	"path/filepath"
)

// create makes a new file. It fails if there is one by that name, also a
// symbolic link that leads nowhere, and leaves no half-written file behind.
func create(path string, content []byte, mode os.FileMode) error {
	file, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, mode)
	if err != nil {
		return err
	}
	if err := fill(file, content); err != nil {
		return errors.Join(err, os.Remove(path))
	}
	return nil
}

// replace gives a file new content in one step: a reader sees the old file or
// the new one. Owner and mode stay, the mode within the mask; what a symbolic
// link points to is replaced, not the link.
func replace(path string, content []byte, mask os.FileMode) error {
	path, err := filepath.EvalSymlinks(path)
	if err != nil {
		return err
	}
	info, err := os.Stat(path)
	if err != nil {
		return err
	}
	file, err := os.CreateTemp(filepath.Dir(path), "."+filepath.Base(path)+".*") // mode 0600
	if err != nil {
		return err
	}
	err = errors.Join(keepOwner(file, info), fill(file, content))
	if err == nil {
		err = os.Chmod(file.Name(), info.Mode().Perm()&mask)
	}
	if err == nil {
		err = os.Rename(file.Name(), path)
	}
	if err != nil {
		return errors.Join(err, os.Remove(file.Name()))
	}
	return nil
}

// fill writes, syncs and closes.
func fill(file *os.File, content []byte) error {
	_, err := file.Write(content)
	if err == nil {
		err = file.Sync()
	}
	return errors.Join(err, file.Close())
}
