package harness

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// Process is a program that the harness started. Should the harness die, the
// kernel kills it.
type Process struct {
	Name string
	cmd  *exec.Cmd
	log  string
	done chan struct{} // closed once it has ended
	err  error         // why it ended; read after done
}

// spawn starts a program with all its output in dir/NAME.log, and with env on
// top of its own environment.
func spawn(dir, name string, env []string, path string, args ...string) (*Process, error) {
	p := &Process{Name: name, log: filepath.Join(dir, name+".log"), done: make(chan struct{})}
	out, err := os.OpenFile(p.log, os.O_CREATE|os.O_WRONLY|os.O_APPEND, 0o600)
	if err != nil {
		return nil, err
	}
	defer func() { _ = out.Close() }()  // the child has its own descriptor
	p.cmd = exec.Command(path, args...) //nolint:noctx // ended by Stop, in order
	p.cmd.Env = append(os.Environ(), env...)
	p.cmd.Stdout, p.cmd.Stderr = out, out
	p.cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGKILL}
	if err := p.cmd.Start(); err != nil {
		return nil, fmt.Errorf("starting %s: %w", name, err)
	}
	go func() {
		p.err = p.cmd.Wait()
		close(p.done)
	}()
	return p, nil
}

// PID is the process id.
func (p *Process) PID() int { return p.cmd.Process.Pid }

// Done is closed once the process has ended.
func (p *Process) Done() <-chan struct{} { return p.done }

// Err is why the process ended; nil for status 0. Only meaningful after Done.
func (p *Process) Err() error { return p.err }

// Output is all that the process has printed so far.
func (p *Process) Output() []byte {
	text, err := os.ReadFile(p.log)
	if err != nil {
		return nil
	}
	return text
}

// Memory is the process's resident memory, in bytes.
func (p *Process) Memory() (int, error) {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", p.PID()))
	if err != nil {
		return 0, err
	}
	_, rest, _ := strings.Cut(string(text), "VmRSS:")
	line, _, _ := strings.Cut(rest, " kB\n")
	kib, err := strconv.Atoi(strings.TrimSpace(line))
	if err != nil {
		return 0, fmt.Errorf("the kernel does not say how much memory %s has: %w", p.Name, err)
	}
	return kib << 10, nil
}

// Signal sends a signal; an ended process takes none and that is no error.
func (p *Process) Signal(s os.Signal) { _ = p.cmd.Process.Signal(s) }

// grace is how long a process has to end by itself.
const grace = 6 * time.Second

// Stop ends the process: SIGTERM, and SIGKILL to its group when that does not
// help. It returns once the process is gone.
func (p *Process) Stop() {
	p.Signal(syscall.SIGTERM)
	timer := time.NewTimer(grace)
	defer timer.Stop()
	select {
	case <-p.done:
	case <-timer.C:
		p.Kill()
	}
}

// Kill ends the process with SIGKILL and returns once it is gone.
func (p *Process) Kill() {
	_ = syscall.Kill(-p.PID(), syscall.SIGKILL)
	<-p.done
}

// tail is the end of the output, for an error that has to explain an end.
func (p *Process) tail() string {
	const lines = 5
	text := bytes.TrimSpace(p.Output())
	at := len(text)
	for range lines {
		if at = bytes.LastIndexByte(text[:max(at, 0)], '\n'); at < 0 {
			return string(text)
		}
	}
	return string(text[at+1:])
}

// poll is how often a condition is looked at.
const poll = 20 * time.Millisecond

// Until waits for ready to return nil. It gives up when ctx ends, with what
// ready said last.
func Until(ctx context.Context, ready func(context.Context) error) error {
	ticker := time.NewTicker(poll)
	defer ticker.Stop()
	for {
		err := ready(ctx)
		if err == nil {
			return nil
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("not in time: %w", err)
		case <-ticker.C:
		}
	}
}

// ready is Until for a process: it gives up at once when the process ends.
func (p *Process) ready(ctx context.Context, condition func(context.Context) error) error {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	go func() {
		select {
		case <-p.done:
			cancel(errors.New("ended"))
		case <-ctx.Done():
		}
	}()
	if err := Until(ctx, condition); err != nil {
		select {
		case <-p.done:
			return fmt.Errorf("%s ended: %w: %s", p.Name, p.err, p.tail())
		default:
			return fmt.Errorf("%s: %w: %s", p.Name, err, p.tail())
		}
	}
	return nil
}

// FreePort asks the kernel for a loopback port that nobody has.
func FreePort() (int, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0") //nolint:noctx // instant
	if err != nil {
		return 0, err
	}
	defer func() { _ = l.Close() }()
	addr, ok := l.Addr().(*net.TCPAddr)
	if !ok {
		return 0, errors.New("a TCP listener without a TCP address")
	}
	return addr.Port, nil
}

// Spawn starts a program of a test's or a benchmark's own, with its output in
// dir/NAME.log, and waits until ready returns nil.
func Spawn(ctx context.Context, dir, name string, ready func(context.Context) error, path string, args ...string) (*Process, error) {
	p, err := spawn(dir, name, nil, path, args...)
	if err != nil {
		return nil, err
	}
	ctx, cancel := context.WithTimeout(ctx, startTimeout)
	defer cancel()
	if err := p.ready(ctx, ready); err != nil {
		p.Stop()
		return nil, err
	}
	return p, nil
}
