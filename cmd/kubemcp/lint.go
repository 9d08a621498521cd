package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"regexp"
	"slices"
	"strconv"
	"time"

	"kubernetes-mcp-edge/envoy"
)

// maxConfig bounds what is read, in bytes. A dump of a large mesh gateway has
// some tens of MiB.
const maxConfig = 128 << 20

// lintCommand checks an Envoy configuration.
type lintCommand struct {
	File    string        `arg:"" optional:"" placeholder:"FILE" help:"A bootstrap (YAML or JSON), a saved /config_dump (JSON), or a manifest with EnvoyFilter objects (YAML); - reads standard input."`
	Admin   string        `placeholder:"URL" help:"Instead of a file, ask a running Envoy for its /config_dump: http://HOST:PORT or unix:PATH of its admin interface."`
	Remote  string        `placeholder:"HOST" help:"The host of --admin, once more, if it lies beyond loopback: the way there is not encrypted."`
	Format  string        `enum:"text,json" default:"text" help:"How to print the findings: text or json."`
	Version string        `name:"envoy-version" placeholder:"1.MINOR" help:"The version of the Envoy that is to read a file, if it is not the newest; a running one tells its own."`
	Ignore  []string      `placeholder:"RULE" help:"A rule whose findings become notes, because something else makes up for it. Repeatable; docs/lint.md names the rules."`
	Timeout time.Duration `default:"10s" help:"How long to wait for the admin interface."`
}

var versions = regexp.MustCompile(`^1\.[1-9][0-9]{0,3}(\.[0-9]+)?$`)

// report is what is printed as JSON.
type report struct {
	Source   string    `json:"source"` // the file or the URL
	Clean    bool      `json:"clean"`
	Findings []problem `json:"findings"`
}

// problem is a finding in JSON.
type problem struct {
	Source  string `json:"source"`
	Path    string `json:"path"`
	Line    int    `json:"line,omitempty"`
	Rule    string `json:"rule"`
	Message string `json:"message"`
	Next    string `json:"next"`
	Note    bool   `json:"note"` // does not count
}

// Validate is called by kong.
func (c *lintCommand) Validate() error {
	if (c.File == "") == (c.Admin == "") {
		return errors.New("name either a FILE or --admin")
	}
	if c.Timeout <= 0 {
		return errors.New("--timeout must be above 0")
	}
	if c.Version != "" && !versions.MatchString(c.Version) {
		return errors.New("--envoy-version wants something like 1.36 or 1.36.4")
	}
	for _, id := range c.Ignore {
		if !slices.ContainsFunc(envoy.Rules(), func(r envoy.Rule) bool { return r.ID == id }) {
			return fmt.Errorf("--ignore: no rule is called %q", id)
		}
	}
	return nil
}

// Run ends with status 0 if nothing is wrong, 1 if something is, and 2 if there
// is nothing to judge.
func (c *lintCommand) Run(ctx context.Context, p *program) error {
	config, source, err := c.read(ctx, p)
	if err != nil {
		return exitError{fmt.Errorf("cannot read the configuration: %w", err), exitUnreadable}
	}
	found, err := envoy.Check(config, c.Version)
	if err != nil {
		return exitError{fmt.Errorf("%s: %w", source, err), exitUnreadable}
	}
	r, broken := report{Source: source, Clean: true, Findings: []problem{}}, 0
	for _, f := range found {
		note := f.Note || slices.Contains(c.Ignore, f.Rule)
		if !note {
			broken++
		}
		r.Findings = append(r.Findings, problem{Source: source, Path: f.Path, Line: f.Line, Rule: f.Rule, Message: f.Message, Next: f.Next, Note: note})
	}
	r.Clean = broken == 0
	if err := r.print(p, c.Format); err != nil {
		return err
	}
	if broken > 0 {
		return exitError{fmt.Errorf("%s: %s", source, counted(broken)), exitFail}
	}
	return nil
}

func counted(n int) string {
	if n == 1 {
		return "1 finding"
	}
	return strconv.Itoa(n) + " findings"
}

func (r report) print(p *program, format string) error {
	if format == "json" {
		text, err := json.MarshalIndent(r, "", "  ")
		if err != nil {
			return err
		}
		return p.say("%s", text)
	}
	for _, f := range r.Findings {
		where, what := r.Source, f.Rule
		if f.Line > 0 {
			where += ":" + strconv.Itoa(f.Line)
		}
		if f.Note {
			what = "note: " + what
		}
		if err := p.say("%s: %s: %s\n  at:   %s\n  next: %s", where, what, f.Message, orWhole(f.Path), f.Next); err != nil {
			return err
		}
	}
	if r.Clean {
		return p.say("%s: clean, all %d rules kept", r.Source, len(envoy.Rules()))
	}
	return nil
}

func orWhole(path string) string {
	if path == "" {
		return "(the whole)"
	}
	return path
}

func (c *lintCommand) read(ctx context.Context, p *program) (config []byte, source string, err error) {
	switch c.File {
	case "":
		ctx, cancel := context.WithTimeout(ctx, c.Timeout)
		defer cancel()
		config, err = fetchDump(ctx, c.Admin, c.Remote)
		return config, c.Admin, err
	case "-":
		config, err = bounded(p.stdin)
		return config, "standard input", err
	}
	file, err := os.Open(c.File)
	if err != nil {
		return nil, "", err
	}
	defer func() { _ = file.Close() }() // it was only read
	config, err = bounded(file)
	return config, c.File, err
}

// bounded reads all, or fails if that is too much.
func bounded(r io.Reader) ([]byte, error) {
	all, err := io.ReadAll(io.LimitReader(r, maxConfig+1))
	if err == nil && len(all) > maxConfig {
		err = fmt.Errorf("larger than %d MiB", maxConfig>>20)
	}
	return all, err
}
