package policy

import (
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"kubernetes-mcp-edge/extproc/smallfile"
)

// File is a policy file that a running program follows. It is safe for
// concurrent use.
type File struct {
	path    string
	current atomic.Pointer[Policy]

	mu     sync.Mutex // one reader of the file at a time, and of what follows
	status FileStatus
}

// FileStatus is how following a file has gone.
type FileStatus struct {
	Loaded   time.Time // when the policy in force was read
	Reloads  uint64    // how often a changed file was taken over
	Failures uint64    // how often the file could not be used
	Failing  bool      // the last look failed: the policy in force is older than the file
}

// Open reads a policy file to be followed. An error is final, and is Load's.
func Open(path string) (*File, error) {
	p, err := Load(path)
	if err != nil {
		return nil, err
	}
	f := &File{path: path, status: FileStatus{Loaded: time.Now()}}
	f.current.Store(p)
	return f, nil
}

// Path is the path that Open was given.
func (f *File) Path() string { return f.path }

// Current is the last good policy: the same pointer until it changed, so that
// caches can tell by the pointer what they remember from another policy.
func (f *File) Current() *Policy { return f.current.Load() }

// Refresh reads the file again, and the publicRootsFile that it names, and
// reports whether their content changed. Content is what counts: a mounted
// ConfigMap is swapped by a symbolic link and changes no time stamp that could
// be relied on. A file is best replaced by renaming, since one that is written in
// place can be read half. One that was cut off within a line is refused, whatever
// it says: of ".example.com" a disk that is full may leave ".example.co". On an error
// the last good policy stays in force; the error repeats until the file is mended.
func (f *File) Refresh() (changed bool, err error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.same() {
		f.status.Failing = false
		return false, nil
	}
	p, ended, err := load(f.path)
	if err == nil && !ended && p.Digest != f.Current().Digest {
		err = fmt.Errorf("%s: the last line has no end, so the file may be cut off; write the whole file, with a line break at its end", f.path)
	}
	if err != nil {
		f.status.Failures++
		f.status.Failing = true
		return false, err
	}
	f.status.Failing = false
	if p.Digest == f.Current().Digest { // same saw it half written
		return false, nil
	}
	f.current.Store(p)
	f.status.Reloads++
	f.status.Loaded = time.Now()
	return true, nil
}

// same reports whether both files hold what the current policy was read from:
// the usual case, which needs no parsing.
func (f *File) same() bool {
	file, err := smallfile.Read(f.path, maxFile)
	if err != nil {
		return false // Load says why
	}
	var roots []byte
	p := f.Current()
	if p.rootsFile != "" {
		if roots, err = smallfile.Read(beside(f.path, p.rootsFile), maxRoots); err != nil {
			return false
		}
	}
	return digest(file, roots) == p.Digest
}

// Status is how following the file has gone so far.
func (f *File) Status() FileStatus {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.status
}
