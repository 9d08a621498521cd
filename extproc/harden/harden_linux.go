package harden

import (
	"fmt"

	"golang.org/x/sys/unix"
)

// NoCoreDumps keeps the memory of this process, where tokens and keys pass
// through, off the disk and away from debuggers of the same user. Call it
// before the first secret is read.
//
// RLIMIT_CORE is set to 0 for this process and its children, for good: the hard
// limit goes too. A core_pattern that pipes to a program ignores the limit
// (core(5)), so PR_SET_DUMPABLE is cleared as well, which also denies ptrace and
// /proc/PID/mem to other processes without CAP_SYS_PTRACE.
func NoCoreDumps() error {
	if err := unix.Setrlimit(unix.RLIMIT_CORE, &unix.Rlimit{}); err != nil {
		return fmt.Errorf("set RLIMIT_CORE to 0: %w", err)
	}
	if err := unix.Prctl(unix.PR_SET_DUMPABLE, 0, 0, 0, 0); err != nil {
		return fmt.Errorf("clear PR_SET_DUMPABLE: %w", err)
	}
	return nil
}
