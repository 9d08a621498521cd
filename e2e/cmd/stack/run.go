package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"net"
	"path/filepath"
	"strconv"
	"syscall"
	"time"

	"kubernetes-mcp-edge/e2e/harness"
)

// The exit statuses.
const (
	exitOK    = 0
	exitFail  = 1 // something did not start, or a shown call went wrong
	exitUsage = 2
	// exitInterrupted is what a shell gives to a program that SIGINT ended.
	exitInterrupted = 130
)

// settings are the command line and the environment.
type settings struct {
	once       bool   // show, then stop
	port       int    // of the MCP endpoint
	dir        string // for state and stack.json
	toolsets   string // what the backend offers, separated by commas
	kubeconfig bool   // use $KUBECONFIG's current context instead of the embedded cluster
	// secondCluster starts another embedded cluster beside the first: many clusters
	// behind one endpoint is what this is for. It costs a second and 350 MB.
	secondCluster bool
}

// run is the program with everything it touches handed in. It returns the exit
// status.
func run(ctx context.Context, args []string, getenv func(string) string, stdout, stderr io.Writer) int {
	s, err := parse(args, getenv, stderr)
	switch {
	case errors.Is(err, flag.ErrHelp):
		return exitOK
	case err != nil:
		_, _ = fmt.Fprintf(stderr, "stack: %v\n", err)
		return exitUsage
	}
	err = s.serve(ctx, stdout)
	if err != nil {
		_, _ = fmt.Fprintf(stderr, "stack: %v\n", err)
	}
	switch {
	case errors.Is(err, errInterrupted):
		return exitInterrupted
	case err != nil:
		return exitFail
	}
	return exitOK
}

func parse(args []string, getenv func(string) string, stderr io.Writer) (settings, error) {
	s := settings{}
	flags := flag.NewFlagSet("stack", flag.ContinueOnError)
	flags.SetOutput(stderr)
	flags.BoolVar(&s.once, "once", false, "show the calls, then stop with a status")
	flags.IntVar(&s.port, "port", 8080, "port of the MCP endpoint on 127.0.0.1; 0 for any")
	flags.StringVar(&s.dir, "dir", filepath.Join(harness.Root(), ".cache", "run"), "directory for state and stack.json")
	flags.StringVar(&s.toolsets, "toolsets", "core", "toolsets that the backend offers, separated by commas: core reads, write changes, exec runs commands")
	flags.BoolVar(&s.secondCluster, "second-cluster", true, "also start a second cluster behind the same endpoint, with the same users and other credentials; false saves 350 MB")
	if err := flags.Parse(args); err != nil {
		return settings{}, err
	}
	if flags.NArg() > 0 {
		return settings{}, fmt.Errorf("%q is no flag; try --help", flags.Arg(0))
	}
	switch cluster := getenv("CLUSTER"); cluster {
	case "":
	case "kubeconfig":
		s.kubeconfig = true
	default:
		return settings{}, fmt.Errorf("CLUSTER is %q: leave it unset for the embedded cluster, or set it to kubeconfig", cluster)
	}
	return s, nil
}

// serve starts everything, shows it, and stays up until ctx ends or, with once,
// until all is shown. All that it started has ended when it returns.
func (s settings) serve(ctx context.Context, stdout io.Writer) (err error) {
	binaries, err := harness.Find()
	if err != nil {
		return err
	}
	if err := s.portIsFree(); err != nil {
		return err
	}
	r, err := enter(s.dir)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, r.leave()) }()
	v := view{out: stdout, begin: time.Now()}
	target, err := s.target(ctx, binaries, r.work, &v)
	if err != nil {
		return s.interrupted(ctx, err)
	}
	defer target.stop()
	stack, err := harness.Start(ctx, harness.Options{
		Binaries: binaries, Dir: filepath.Join(r.work, "s"), Policy: target.policy, Port: s.port, Toolsets: s.toolsets, Progress: v.component,
	})
	if err != nil {
		return s.interrupted(ctx, err)
	}
	defer stack.Stop()
	if err := writeState(r.state(), stack, target); err != nil {
		return err
	}
	if err := v.calls(ctx, stack, target); err != nil || s.once {
		return s.interrupted(ctx, err)
	}
	if err := v.paste(r, stack, target); err != nil {
		return err
	}
	return waitForEnd(ctx, stack, target)
}

// errInterrupted says that a demo was stopped before it had shown everything.
var errInterrupted = errors.New("interrupted before everything was shown")

// interrupted turns what a Ctrl-C broke into the orderly end that was asked
// for; a demo that was cut short has not succeeded.
func (s settings) interrupted(ctx context.Context, err error) error {
	switch {
	case err == nil || ctx.Err() == nil:
		return err
	case s.once:
		return errInterrupted
	}
	return nil
}

// portIsFree finds out before minutes were spent on the rest.
func (s settings) portIsFree() error {
	l, err := net.Listen("tcp", net.JoinHostPort("127.0.0.1", strconv.Itoa(s.port))) //nolint:noctx // instant
	if errors.Is(err, syscall.EADDRINUSE) {
		return fmt.Errorf("port %d is in use: stop what listens there, or run make run RUN_FLAGS='--port 0' for a free one", s.port)
	}
	if err != nil {
		return err
	}
	return l.Close()
}

// waitForEnd returns nil when ctx ends, and an error when a component did.
func waitForEnd(ctx context.Context, stack *harness.Stack, t target) error {
	ended := make(chan *harness.Process)
	for _, p := range append(stack.Processes(), t.processes()...) {
		go func() {
			select {
			case <-p.Done():
				select {
				case ended <- p:
				case <-ctx.Done():
				}
			case <-ctx.Done():
			}
		}()
	}
	select {
	case <-ctx.Done():
		return nil
	case p := <-ended:
		return fmt.Errorf("%s ended: %w; the rest is stopped", p.Name, errors.Join(p.Err(), errors.New("nobody asked it to")))
	}
}
