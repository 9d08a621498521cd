package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"syscall"
	"time"
)

// process is one component: this very program, run again as etcd, as the API
// server and so on. Each needs a process of its own because the Kubernetes
// components keep their flags, metrics and feature gates in globals.
type process struct {
	name string
	cmd  *exec.Cmd
	done chan struct{} // closed once the process has ended
	err  error         // why it ended; read after done
}

// spawn starts a component with its output in dir/NAME.log. Should this
// program die without stopping it, the kernel kills it (PR_SET_PDEATHSIG).
func spawn(dir, name string, args ...string) (*process, error) {
	self, err := os.Executable()
	if err != nil {
		return nil, err
	}
	log, err := os.OpenFile(filepath.Join(dir, name+".log"), os.O_CREATE|os.O_WRONLY|os.O_APPEND, 0o600)
	if err != nil {
		return nil, err
	}
	defer func() { _ = log.Close() }()                            // the child has its own descriptor
	cmd := exec.Command(self, append([]string{name}, args...)...) //nolint:noctx // stopped by stop, in order
	cmd.Dir = dir
	cmd.Stdout, cmd.Stderr = log, log
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGKILL}
	if err := cmd.Start(); err != nil {
		return nil, fmt.Errorf("starting %s: %w", name, err)
	}
	p := &process{name: name, cmd: cmd, done: make(chan struct{})}
	go func() {
		p.err = cmd.Wait()
		close(p.done)
	}()
	return p, nil
}

// stop asks the process to end and kills it when it has not within grace.
func (p *process) stop(grace time.Duration) {
	_ = p.cmd.Process.Signal(syscall.SIGTERM) // fails only if it has ended
	timer := time.NewTimer(grace)
	defer timer.Stop()
	select {
	case <-p.done:
	case <-timer.C:
		_ = syscall.Kill(-p.cmd.Process.Pid, syscall.SIGKILL)
		<-p.done
	}
}

// poll is how often a condition is looked at.
const poll = 50 * time.Millisecond

// until waits for ready to return nil. It gives up when ctx ends or when the
// process (nil: none) does, and then says what ready said last.
func until(ctx context.Context, p *process, ready func(context.Context) error) error {
	ticker := time.NewTicker(poll)
	defer ticker.Stop()
	var done chan struct{}
	if p != nil {
		done = p.done
	}
	for {
		err := ready(ctx)
		if err == nil {
			return nil
		}
		select {
		case <-done:
			return fmt.Errorf("%s ended: %w; its log says why", p.name, errors.Join(p.err, err))
		case <-ctx.Done():
			return fmt.Errorf("not ready in time: %w", err)
		case <-ticker.C:
		}
	}
}

// freePort asks the kernel for a loopback port that nobody has.
func freePort() (string, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0") //nolint:noctx // instant
	if err != nil {
		return "", err
	}
	defer func() { _ = l.Close() }()
	addr, ok := l.Addr().(*net.TCPAddr)
	if !ok {
		return "", errors.New("a TCP listener without a TCP address")
	}
	return strconv.Itoa(addr.Port), nil
}
