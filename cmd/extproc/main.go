// Command extproc is the guard: an Envoy external processor that checks,
// normalises and signs the kubernetes-* headers of MCP requests, or rejects
// them with an error that a person can read.
package main

import (
	"context"
	"io"
	"os"
	"os/signal"
	"syscall"

	"google.golang.org/grpc/grpclog"
)

func main() {
	// A write to a standard error whose reader is gone fails like any other,
	// instead of ending the program.
	signal.Ignore(syscall.SIGPIPE)
	// grpc logs in a form of its own, past our log, and could be told by its
	// environment variables to log what passes through it.
	grpclog.SetLoggerV2(grpclog.NewLoggerV2(io.Discard, io.Discard, io.Discard))
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	// The first signal drains; after it a second one ends the process at once.
	context.AfterFunc(ctx, stop)
	os.Exit(run(ctx, os.Args[1:], os.Getenv, os.Stdout, os.Stderr))
}
