package main

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"syscall"
)

// room is the directory of stack.json, held by one stack at a time, and that
// stack's work directory with its keys and credentials. What a stack that was
// killed left behind, the next one removes.
type room struct {
	dir  string
	work string // somewhere else, because a socket's path must be short
	lock *os.File
}

// enter takes the directory, cleans up after the last one, and makes a fresh
// work directory.
func enter(dir string) (room, error) {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return room{}, err
	}
	// The lock file names the work directory, so that it can be found again.
	lock, err := os.OpenFile(filepath.Join(dir, "lock"), os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return room{}, err
	}
	if err := syscall.Flock(int(lock.Fd()), syscall.LOCK_EX|syscall.LOCK_NB); err != nil {
		_ = lock.Close()
		if errors.Is(err, syscall.EWOULDBLOCK) {
			return room{}, fmt.Errorf("another stack is up in %s: stop it, or name another directory with RUN_FLAGS='--port 0 --dir DIRECTORY'", dir)
		}
		return room{}, err
	}
	r := room{dir: dir, lock: lock}
	last, err := io.ReadAll(lock)
	if err == nil {
		r.work = string(last)
		err = r.clear()
	}
	if err == nil {
		r.work, err = os.MkdirTemp("", workPrefix)
	}
	if err == nil {
		err = r.remember(r.work)
	}
	if err != nil {
		return room{}, errors.Join(err, r.leave())
	}
	return r, nil
}

// workPrefix begins the name of every work directory; nothing else is removed.
const workPrefix = "kubemcp-"

func (r room) state() string  { return filepath.Join(r.dir, "stack.json") }
func (r room) script() string { return filepath.Join(r.dir, "demo.py") }

// clear removes all that a stack writes.
func (r room) clear() error {
	errs := []error{os.Remove(r.state()), os.Remove(r.script())}
	for i, err := range errs {
		if errors.Is(err, os.ErrNotExist) {
			errs[i] = nil
		}
	}
	if strings.HasPrefix(filepath.Base(r.work), workPrefix) {
		errs = append(errs, os.RemoveAll(r.work))
	}
	return errors.Join(errs...)
}

func (r room) remember(work string) error {
	if err := r.lock.Truncate(0); err != nil {
		return err
	}
	_, err := r.lock.WriteAt([]byte(work), 0)
	return err
}

// leave removes everything and lets the next stack in.
func (r room) leave() error {
	return errors.Join(r.clear(), r.remember(""), r.lock.Close())
}
