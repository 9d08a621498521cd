//go:build !linux

package harden

// NoCoreDumps does nothing on systems other than Linux, where the programs are
// built for development only.
func NoCoreDumps() error { return nil }
