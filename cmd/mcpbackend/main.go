// Command mcpbackend is the MCP server behind the guard: it verifies that the
// edge checked a request's kubernetes-* headers and answers tools with the
// cluster and credential that they name.
package main

import (
	"context"
	"os"
	"os/signal"
	"syscall"
)

func main() {
	// A write to a standard error whose reader is gone fails like any other,
	// instead of ending the program.
	signal.Ignore(syscall.SIGPIPE)
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	// The first signal drains; after it a second one ends the process at once.
	context.AfterFunc(ctx, stop)
	os.Exit(run(ctx, os.Args[1:], os.Getenv, os.Stdout, os.Stderr))
}
