// Command stack is what make run and make demo start: the whole product on an
// embedded Kubernetes (or on the cluster of a kubeconfig), shown at work.
package main

import (
	"context"
	"os"
	"os/signal"
	"runtime"
	"syscall"
)

func main() {
	// Children die with the thread that started them: keep that thread.
	runtime.LockOSThread()
	// A closed terminal ends it in order, too: credentials must not stay behind.
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM, syscall.SIGHUP, syscall.SIGQUIT)
	// A reader that went away is no reason to die half-way.
	signal.Ignore(syscall.SIGPIPE)
	code := run(ctx, os.Args[1:], os.Getenv, os.Stdout, os.Stderr)
	stop()
	os.Exit(code)
}
