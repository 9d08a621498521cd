package harden

import (
	"fmt"

	"golang.org/x/sys/unix"
)

// NoCoreDumps makes the kernel write no core file of this process and lets no
// other unprivileged process read its memory: RLIMIT_CORE becomes 0, soft and
// hard (setrlimit(2)), and the process becomes undumpable (PR_SET_DUMPABLE,
// prctl(2)), which also holds where core_pattern names a program, since that
// ignores a limit of 0, and which refuses ptrace and /proc/PID/mem. Children
// inherit the limit; execve(2) resets the other. Call it first, before any
// secret is read. It stays in force until the process ends.
func NoCoreDumps() error {
	if err := unix.Setrlimit(unix.RLIMIT_CORE, &unix.Rlimit{}); err != nil {
		return fmt.Errorf("set RLIMIT_CORE to 0: %w", err)
	}
	if err := unix.Prctl(unix.PR_SET_DUMPABLE, 0, 0, 0, 0); err != nil {
		return fmt.Errorf("make the process undumpable: %w", err)
	}
	return nil
}
