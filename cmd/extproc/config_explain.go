package main

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"text/tabwriter"
	"time"

	"kubernetes-mcp-edge/extproc/kubeheader"
	"kubernetes-mcp-edge/extproc/policy"
	"kubernetes-mcp-edge/extproc/verdict"
)

type explainCommand struct {
	File    string `arg:"" help:"The policy file."`
	Headers string `required:"" placeholder:"FILE" help:"Headers of a request, one name: value on a line, as curl -H takes them, and with the x-forwarded-proto: https that Envoy adds to what came over TLS: without it the guard takes a request for plain HTTP. Of its values only the host, port and path of kubernetes-server are printed."`
}

// Run prints a line for each decision, and fails if the request would be rejected.
func (c *explainCommand) Run(env *environment) error {
	p, err := load(env, c.File)
	if err != nil {
		return err
	}
	request, err := readHeaders(c.Headers)
	if err != nil {
		return err
	}
	e := p.Explain(request, time.Now())
	if err := printSteps(env.stdout, c.File, e.Steps); err != nil {
		return err
	}
	if e.Rejection == nil {
		_, err := fmt.Fprintln(env.stdout, "accepted:", e.Credential)
		return err
	}
	for _, problem := range e.Rejection.Problems {
		_, _ = fmt.Fprintf(env.stdout, "rejected: %s: %s\n", problem.Reason, problem.Message)
	}
	return fmt.Errorf("the request would be rejected: %s", e.Rejection.Reason())
}

// printSteps writes the steps as a table without spaces at the ends of its lines.
func printSteps(out io.Writer, file string, steps []policy.Step) error {
	var padded bytes.Buffer
	table := tabwriter.NewWriter(&padded, 0, 0, 2, ' ', 0)
	for _, s := range steps {
		_, _ = fmt.Fprintf(table, "%s\t%s\t%s\t%s\n", s.Outcome, subject(s), decider(file, s), reason(s))
	}
	if err := table.Flush(); err != nil {
		return err
	}
	for line := range bytes.Lines(padded.Bytes()) {
		if _, err := fmt.Fprintf(out, "%s\n", bytes.TrimRight(line, " \n")); err != nil {
			return err
		}
	}
	return nil
}

// subject is what a step is about.
func subject(s policy.Step) string {
	header := s.Header
	switch {
	case strings.HasPrefix(s.Key, "access."):
		return s.Asked // which is all that there is of a request to an API server
	case header == "":
		header = "the request"
	}
	if s.Asked == "" {
		return header
	}
	return header + ": " + s.Asked
}

// decider is the key that decides and where it stands.
func decider(file string, s policy.Step) string {
	switch {
	case s.Key == "":
		return "the contract"
	case s.Line == 0:
		return s.Key + " (default)"
	}
	return fmt.Sprintf("%s (%s:%d)", s.Key, file, s.Line)
}

func reason(s policy.Step) string {
	if s.Reason == 0 {
		return ""
	}
	return s.Reason.String()
}

// maxHeaderFile is more than Envoy lets through.
const maxHeaderFile = 1 << 20

// forwardedProto is the header in which Envoy says how the request came. What it
// says is for the guard's own function to judge: an explanation that took another
// request for TLS than the guard does would be worth nothing.
const forwardedProto = "x-forwarded-proto"

// readHeaders reads a file of "name: value" lines; blank ones and those that
// begin with # are skipped. No error repeats what stands in a line.
func readHeaders(path string) (kubeheader.Request, error) {
	file, err := os.Open(path)
	if err != nil {
		return kubeheader.Request{}, err // it names the path
	}
	defer func() { _ = file.Close() }() // nothing was written
	content, err := io.ReadAll(io.LimitReader(file, maxHeaderFile+1))
	switch {
	case err != nil:
		return kubeheader.Request{}, err
	case len(content) > maxHeaderFile:
		return kubeheader.Request{}, errors.New(path + " is larger than 1 MiB: no request has such headers")
	}
	var facts verdict.Facts
	number := 0
	for line := range bytes.Lines(content) {
		number++
		line = bytes.TrimRight(line, "\r\n")
		if len(bytes.TrimSpace(line)) == 0 || line[0] == '#' {
			continue
		}
		// A name may begin with a colon, as :path does.
		name, value, found := bytes.Cut(line[1:], []byte(":"))
		name = line[:1+len(name)]
		if !found || bytes.ContainsAny(name, " \t") {
			return kubeheader.Request{}, fmt.Errorf("%s:%d: the line is no header; write a name, a colon and a value", path, number)
		}
		facts.Fields = append(facts.Fields, kubeheader.Field{Name: string(name), Value: kubeheader.NewSecret(bytes.Clone(value))})
		if strings.EqualFold(string(name), forwardedProto) {
			facts.ForwardedProto = append(facts.ForwardedProto, bytes.Trim(value, " \t")) // as Envoy reads a line
		}
	}
	return kubeheader.Request{Fields: facts.Fields, Plaintext: facts.Plaintext()}, nil
}
