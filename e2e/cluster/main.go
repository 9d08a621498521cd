// Command cluster is a whole Kubernetes control plane in one program: etcd,
// kube-apiserver, kube-controller-manager and kube-scheduler, started and
// stopped as one, on free loopback ports, with all state in one directory. It
// is for development and tests: no node joins it and nothing survives it.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"runtime"
	"syscall"
)

func main() {
	// A child is tied to the thread that started it: keep that thread.
	runtime.LockOSThread()
	if len(os.Args) > 1 {
		if component, ok := components()[os.Args[1]]; ok {
			os.Exit(component(os.Args[2:]))
		}
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	code := run(ctx, os.Args[1:], os.Stdout, os.Stderr)
	stop()
	os.Exit(code)
}

// run starts the cluster and keeps it up until ctx ends. It returns the exit
// code: 0 after an orderly stop, 1 when something failed, 2 for bad flags.
func run(ctx context.Context, args []string, stdout, stderr io.Writer) int {
	flags := flag.NewFlagSet("cluster", flag.ContinueOnError)
	flags.SetOutput(stderr)
	dir := flags.String("dir", "", "directory for all state; made if absent, must hold no earlier cluster")
	apiOnly := flags.Bool("apiserver-only", false, "start etcd and kube-apiserver alone")
	switch err := flags.Parse(args); {
	case errors.Is(err, flag.ErrHelp):
		return 0
	case err != nil:
		return 2
	case *dir == "" || flags.NArg() > 0:
		fmt.Fprintln(stderr, "cluster: name the state directory with --dir and give no other arguments")
		return 2
	}
	c, err := start(ctx, options{dir: *dir, apiOnly: *apiOnly, progress: stdout})
	if err != nil {
		fmt.Fprintf(stderr, "cluster: %v\n", err)
		return 1
	}
	fmt.Fprintln(stdout, "ready")
	select {
	case <-ctx.Done():
		err = nil
	case err = <-c.died:
	}
	c.stop()
	if err != nil {
		fmt.Fprintf(stderr, "cluster: %v\n", err)
		return 1
	}
	return 0
}
