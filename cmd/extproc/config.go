package main

import (
	"errors"
	"fmt"
	"strings"

	"kubernetes-mcp-edge/extproc/policy"
)

// configCommands are about the policy file. None of them serves, listens or
// looks anything up.
type configCommands struct {
	Defaults defaultsCommand `cmd:"" help:"Print a commented policy file with every key and its default. It allows no host."`
	Validate validateCommand `cmd:"" help:"Read a policy file as both programs do, and print all that is wrong with it."`
	Explain  explainCommand  `cmd:"" help:"Say which key and line of a policy decide about each header of a request."`
	Access   accessCommand   `cmd:"" help:"Say which rule and line of a policy decide about a request to an API server."`
	Schema   schemaCommand   `cmd:"" help:"Print the JSON Schema of the policy file, for editors."`
}

type defaultsCommand struct{}

// Run prints the file of defaults.
func (*defaultsCommand) Run(env *environment) error {
	_, err := env.stdout.Write(policy.Defaults())
	return err
}

type schemaCommand struct{}

// Run prints the schema.
func (*schemaCommand) Run(env *environment) error {
	_, err := env.stdout.Write(policy.Schema())
	return err
}

type validateCommand struct {
	File string `arg:"" help:"The policy file. A publicRootsFile in it is read, too."`
}

// Run prints ok and what is legal but hardly meant, or every problem as
// FILE:LINE: KEY: what is wrong; what to do.
func (c *validateCommand) Run(env *environment) error {
	p, err := load(env, c.File)
	if err != nil {
		return err
	}
	for _, warning := range p.Warnings() {
		_, _ = fmt.Fprintf(env.stdout, "%s: warning: %s\n", c.File, warning)
	}
	_, err = fmt.Fprintln(env.stdout, "ok")
	return err
}

// load reads a policy. Its problems go to stderr as they are, so that editors
// find file and line; the error only counts them.
func load(env *environment, path string) (*policy.Policy, error) {
	p, err := policy.Load(path)
	if err == nil {
		return p, nil
	}
	if _, several := err.(interface{ Unwrap() []error }); !several {
		return nil, err
	}
	text := err.Error()
	_, _ = fmt.Fprintln(env.stderr, text)
	if n := 1 + strings.Count(text, "\n"); n > 1 {
		return nil, fmt.Errorf("%s has %d problems", path, n)
	}
	return nil, errors.New(path + " has a problem")
}
