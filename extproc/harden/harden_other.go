//go:build !linux

package harden

// NoCoreDumps does nothing here: prctl(2) exists on Linux only, which is where
// the programs are deployed. Other systems build them for development, where a
// half measure would claim more than it keeps.
func NoCoreDumps() error { return nil }
