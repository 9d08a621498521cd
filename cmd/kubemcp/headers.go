package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/url"
)

// headersCommand turns a kubeconfig context into headers. The secrets in them
// go to standard output, which is the purpose of the command, and nowhere else:
// no error and no note holds a value, nor a part of one.
type headersCommand struct {
	Kubeconfig string `help:"The kubeconfig. Default: the files of $$KUBECONFIG, else ~/.kube/config, as for kubectl." placeholder:"FILE"`
	Context    string `help:"The context to use. Default: the current one."                                            placeholder:"NAME"`
	Format     string `default:"json"                                                                                  enum:"json,curl,env,claude"                 help:"json, curl, env or claude."`
	URL        string `default:"http://127.0.0.1:8080/mcp"                                                             help:"The endpoint, for the format claude." name:"url"`
}

// Help is the long text of --help.
func (*headersCommand) Help() string {
	return `The output holds the credential: treat it like the kubeconfig itself.

json: an object of header names and values.

curl: -H options for a POSIX shell. Other users of the machine can see the arguments of a running curl.

    eval "curl $(kubemcp headers --format curl) URL"

env: one exported variable per header, named like it: KUBERNETES_SERVER, KUBERNETES_AUTHORIZATION and so on. Variables of headers that this context does not need are unset; KUBERNETES_TOOLSETS is left alone.

    eval "$(kubemcp headers --format env)"

claude: a claude mcp add command. Claude Code stores the values: run it again when the credential has expired.

An exec plugin runs as it does for kubectl and may ask on the terminal.`
}

// Validate refuses a URL that no client could use. It is called by kong.
func (c *headersCommand) Validate() error {
	u, err := url.Parse(c.URL)
	if err != nil || u.Host == "" || u.Scheme != "http" && u.Scheme != "https" {
		return errors.New("--url is not the URL of an endpoint: write one such as https://mcp.example.com/mcp")
	}
	return nil
}

// Run prints the headers that the endpoint would send on, in its canonical form.
// What it would refuse under every policy is an error here already.
func (c *headersCommand) Run(ctx context.Context, p *program) error {
	chosen, err := openKubeconfig(c.Kubeconfig, c.Context)
	if err != nil {
		return err
	}
	fields, err := chosen.fields(ctx)
	if err != nil {
		return err
	}
	checked, err := preview(chosen.rest.Host, fields, p.now())
	if err != nil {
		return refused(chosen.name, len(fields) == 1, err)
	}
	for _, note := range notes(checked) {
		if _, err := fmt.Fprintf(p.stderr, "kubemcp: context %q: %s\n", chosen.name, note); err != nil {
			return err
		}
	}
	_, err = io.WriteString(p.stdout, c.render(checked))
	return err
}
