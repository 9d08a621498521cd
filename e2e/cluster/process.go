package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"runtime"
	"strings"
	"sync"
	"syscall"
	"time"
)

const (
	// stopGrace is how long the components get to end by themselves. All that
	// they could save is thrown away, so it is short.
	stopGrace = 2 * time.Second
	// lifelineFD is where a child finds the read end of the parent's pipe.
	lifelineFD = 3
)

// launcher starts children and sees to it that none outlives this process: each
// is in a process group of its own, is told to die with the thread that started
// it, and watches a pipe that closes when this process is gone, however it went.
// The pipe alone makes kwok go: commands that it runs go with it, and that takes
// a moment which the other signal would not give.
type launcher struct {
	layout
	tasks    chan func()
	lifeline *os.File // the write end, which nobody writes to
	childEnd *os.File

	mu       sync.Mutex
	children []*child
	first    error // why the first child ended by itself
	stopping bool
	endedCh  chan struct{}
}

// child is one component.
type child struct {
	name string
	cmd  *exec.Cmd
	done chan struct{}
}

func newLauncher(l layout) *launcher {
	la := &launcher{layout: l, tasks: make(chan func()), endedCh: make(chan struct{})}
	// PR_SET_PDEATHSIG fires when the starting thread ends, so one thread starts
	// all and lives until stop.
	go func() {
		runtime.LockOSThread()
		for task := range la.tasks {
			task()
		}
	}()
	return la
}

// start runs this program as the named component, with its output in
// logs/NAME.log.
func (la *launcher) start(name string, args ...string) error {
	if la.lifeline == nil {
		var err error
		if la.childEnd, la.lifeline, err = os.Pipe(); err != nil {
			return err
		}
		if err := os.MkdirAll(la.file("logs"), 0o700); err != nil {
			return err
		}
	}
	log, err := os.OpenFile(la.logFile(name), os.O_CREATE|os.O_WRONLY|os.O_APPEND, 0o600)
	if err != nil {
		return err
	}
	defer func() { _ = log.Close() }() // the child has its own
	// Not os.Executable: the file may be gone by now, as after a new build.
	cmd := exec.Command("/proc/self/exe", append([]string{name}, args...)...) //nolint:noctx // stopped by stop, in order
	cmd.Dir = la.dir                                                          // the socket of etcd is named relative to it
	cmd.Stdout, cmd.Stderr = log, log
	cmd.ExtraFiles = []*os.File{la.childEnd}
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGKILL}
	if name == kwokName {
		cmd.SysProcAttr.Pdeathsig = 0
		// Commands that run in a Pod inherit it, and nothing of the person who
		// started this program is for them.
		cmd.Env = []string{"PATH=" + os.Getenv("PATH"), "HOME=" + la.file(podDir), "KWOK_WORKDIR=" + la.dir}
	}
	started := make(chan error)
	la.tasks <- func() { started <- cmd.Start() }
	if err := <-started; err != nil {
		return fmt.Errorf("%s: %w", name, err)
	}
	c := &child{name: name, cmd: cmd, done: make(chan struct{})}
	la.mu.Lock()
	la.children = append(la.children, c)
	la.mu.Unlock()
	go la.wait(c)
	return nil
}

func (la *launcher) wait(c *child) {
	err := c.cmd.Wait()
	close(c.done)
	la.mu.Lock()
	defer la.mu.Unlock()
	if la.stopping || la.first != nil {
		return
	}
	if err == nil {
		err = errors.New("exit status 0")
	}
	la.first = fmt.Errorf("%s ended: %w%s; see %s", c.name, err, lastWords(la.logFile(c.name)), la.logFile(c.name))
	close(la.endedCh)
}

func (la *launcher) logFile(name string) string { return la.file("logs", name+".log") }

// ended is closed when a child ends without being told to.
func (la *launcher) ended() <-chan struct{} { return la.endedCh }

// failure says which child ended by itself and why; nil if none did.
func (la *launcher) failure() error {
	la.mu.Lock()
	defer la.mu.Unlock()
	return la.first
}

// whileAllRun returns a context that also ends when a child does.
func (la *launcher) whileAllRun(ctx context.Context) (context.Context, context.CancelFunc) {
	ctx, cancel := context.WithCancelCause(ctx)
	go func() {
		select {
		case <-la.endedCh:
			cancel(la.failure())
		case <-ctx.Done():
		}
	}()
	return ctx, func() { cancel(nil) }
}

// stop ends all children, the last one started first, and waits for them.
func (la *launcher) stop() error {
	la.mu.Lock()
	la.stopping = true
	children := la.children
	la.mu.Unlock()
	deadline := time.NewTimer(stopGrace)
	defer deadline.Stop()
	for _, c := range children {
		if c.name != etcdName {
			_ = syscall.Kill(-c.cmd.Process.Pid, syscall.SIGTERM)
		}
	}
	late := false
	for i := len(children) - 1; i >= 0; i-- {
		c := children[i]
		if c.name == etcdName { // holds no more clients, so it ends at once
			_ = syscall.Kill(-c.cmd.Process.Pid, syscall.SIGTERM)
		}
		if !late {
			select {
			case <-c.done:
			case <-deadline.C:
				late = true
			}
		}
		_ = syscall.Kill(-c.cmd.Process.Pid, syscall.SIGKILL) // the whole group, also when the leader is gone
		<-c.done
	}
	close(la.tasks)
	if la.lifeline != nil {
		return errors.Join(la.lifeline.Close(), la.childEnd.Close())
	}
	return nil
}

// dieWithParent ends this process and all in its group when the parent's end of
// the pipe closes.
func dieWithParent() {
	lifeline := os.NewFile(lifelineFD, "lifeline")
	syscall.CloseOnExec(lifelineFD)
	go func() {
		_, _ = io.Copy(io.Discard, lifeline)
		_ = syscall.Kill(0, syscall.SIGKILL)
	}()
}

// lastWords is the last line of a log, for an error message.
func lastWords(file string) string {
	content, err := os.ReadFile(file)
	if err != nil {
		return ""
	}
	lines := bytes.Split(bytes.TrimSpace(content), []byte("\n"))
	last := strings.TrimSpace(string(lines[len(lines)-1]))
	if last == "" {
		return ""
	}
	return fmt.Sprintf(" (%.300s)", last)
}

// pids names the running children.
func (la *launcher) pids() map[string]int {
	la.mu.Lock()
	defer la.mu.Unlock()
	out := map[string]int{}
	for _, c := range la.children {
		out[c.name] = c.cmd.Process.Pid
	}
	return out
}

func (la *launcher) pid(name string) int { return la.pids()[name] }
