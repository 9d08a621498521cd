package main

import (
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
)

// tick is what the kernel counts processor time in: 10 ms on Linux, whatever
// its own clock does (USER_HZ).
const tick = 10_000 // us

// spent is the processor time of a process so far, in microseconds, and the
// process that started it; nothing is known of one that has ended.
func spent(pid int) (us float64, parent int, command string) {
	stat := readFile(fmt.Sprintf("/proc/%d/stat", pid))
	_, rest, found := strings.Cut(string(stat), ") ")
	fields := strings.Fields(rest)
	if !found || len(fields) < 13 {
		return 0, 0, ""
	}
	number := func(i int) int {
		n, _ := strconv.Atoi(fields[i])
		return n
	}
	return float64(number(11)+number(12)) * tick, number(1), string(readFile(fmt.Sprintf("/proc/%d/cmdline", pid)))
}

// processes names those that take part in a call, by their ids.
func (w *wayThere) processes() map[string]int {
	out := map[string]int{
		"load": os.Getpid(), "envoy": w.stack.Envoy.PID(), "extproc": w.stack.Extproc.PID(), "mcpbackend": w.stack.MCPBackend.PID(),
	}
	all, _ := filepath.Glob("/proc/[0-9]*")
	for _, path := range all {
		pid, err := strconv.Atoi(filepath.Base(path))
		if err != nil {
			continue
		}
		_, parent, command := spent(pid)
		if parent != w.cluster.Process().PID() {
			continue
		}
		for _, name := range []string{"kube-apiserver", "etcd"} {
			if strings.Contains(strings.SplitN(command, "\x00", 3)[1], name) {
				out[name] = pid
			}
		}
	}
	return out
}

// spend is the time of each process.
func spend(of map[string]int) map[string]float64 {
	out := map[string]float64{}
	for name, pid := range of {
		out[name], _, _ = spent(pid)
	}
	return out
}
