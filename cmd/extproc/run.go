package main

import (
	"context"
	"fmt"
	"io"

	"github.com/alecthomas/kong"
)

// The exit statuses.
const (
	exitOK    = 0
	exitFail  = 1 // the guard could not start, or did not end well
	exitUsage = 2 // the command line is wrong
)

// commands are the command line. Without the name of a command it serves. Each
// command has a method Run(*environment) error, whose error is one sentence.
type commands struct {
	Serve  serveFlags     `cmd:"" default:"withargs" help:"Check, normalise and sign for Envoy. This is what the program does unless another command is named."`
	Config configCommands `cmd:"" help:"Write, check and understand the policy file."`
}

// environment is everything that a command touches.
type environment struct {
	ctx            context.Context
	stdout, stderr io.Writer
}

// run is the program with everything it touches handed in. It returns the exit
// status.
func run(ctx context.Context, args []string, _ func(string) string, stdout, stderr io.Writer) int {
	helped := false
	parser, err := kong.New(new(commands),
		kong.Name("extproc"),
		kong.Description("The guard: checks, normalises and signs kubernetes-* headers for Envoy."),
		kong.Writers(stdout, stderr),
		kong.Help(help),
		kong.Exit(func(int) { helped = true }), // only --help asks to exit
	)
	if err != nil {
		_, _ = fmt.Fprintf(stderr, "extproc: %v\n", err)
		return exitFail
	}
	selected, err := parser.Parse(args)
	if helped {
		return exitOK
	}
	if err != nil {
		_, _ = fmt.Fprintf(stderr, "extproc: %v; try --help\n", err)
		return exitUsage
	}
	if err := selected.Run(&environment{ctx: ctx, stdout: stdout, stderr: stderr}); err != nil {
		_, _ = fmt.Fprintf(stderr, "extproc: %v\n", err)
		return exitFail
	}
	return exitOK
}

// help prints what was asked for; without a command that is the list of
// commands and then the flags of the one that needs no name.
func help(options kong.HelpOptions, ctx *kong.Context) error {
	if err := kong.DefaultHelpPrinter(options, ctx); err != nil || ctx.Selected() != nil {
		return err
	}
	serving, err := kong.Trace(ctx.Kong, []string{"serve"})
	if err != nil {
		return err
	}
	_, _ = fmt.Fprintln(ctx.Stdout)
	return kong.DefaultHelpPrinter(options, serving)
}
