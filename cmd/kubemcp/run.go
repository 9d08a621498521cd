package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"time"

	"github.com/alecthomas/kong"
)

// The exit statuses.
const (
	exitOK    = 0
	exitFail  = 1 // the command did not do what was asked
	exitUsage = 2 // the command line is wrong

	exitUnreadable = 2 // of lint: there is nothing to judge
)

// exitError is an error that ends the program with a status of its own.
type exitError struct {
	error

	status int
}

func (e exitError) Unwrap() error { return e.error }

// commands is the command line. Secrets come by file path, never by value.
type commands struct {
	Keys keysCommand `cmd:"" help:"Make and rotate the keys by which the backend knows that the guard checked a request."`

	Lint lintCommand `cmd:"" help:"Say what is wrong with an Envoy configuration, in a file or live."`

	Probe probeCommand `cmd:"" help:"Ask a health endpoint on this machine: for containers that hold no other tool."`

	Headers headersCommand `cmd:"" help:"Print a kubeconfig context, exec plugins included, as kubernetes-* headers."`
}

// program is everything a command touches. A command's Run method receives it
// from kong, and a context.Context if it wants one.
type program struct {
	getenv         func(string) string
	stdin          io.Reader
	stdout, stderr io.Writer
	now            func() time.Time
}

// run is the program with everything it touches handed in. It returns the exit
// status.
func run(ctx context.Context, args []string, getenv func(string) string, stdout, stderr io.Writer) int {
	p := &program{getenv: getenv, stdin: os.Stdin, stdout: stdout, stderr: stderr, now: time.Now}
	return p.main(ctx, args)
}

func (p *program) main(ctx context.Context, args []string) int {
	helped := false
	parser, err := kong.New(&commands{},
		kong.Name("kubemcp"),
		kong.Description("Keys and a linter for the operator, headers for the caller."),
		kong.Writers(p.stdout, p.stderr),
		kong.Exit(func(int) { helped = true }), // only --help asks to exit
		kong.ConfigureHelp(kong.HelpOptions{Compact: true}),
		kong.BindTo(ctx, (*context.Context)(nil)),
		kong.Bind(p),
	)
	if err != nil {
		return p.fail(exitFail, err, "")
	}
	command, err := parser.Parse(args)
	switch {
	case helped:
		return exitOK
	case err != nil:
		return p.fail(exitUsage, err, "; try --help")
	}
	if err := command.Run(); err != nil {
		status := exitFail
		if own, ok := errors.AsType[exitError](err); ok {
			status = own.status
		}
		return p.fail(status, err, "")
	}
	return exitOK
}

func (p *program) fail(status int, err error, hint string) int {
	_, _ = fmt.Fprintf(p.stderr, "kubemcp: %v%s\n", err, hint) // nobody is left to tell
	return status
}

// say writes a line of the command's result.
func (p *program) say(format string, args ...any) error {
	_, err := fmt.Fprintf(p.stdout, format+"\n", args...)
	return err
}
