package main

import (
	_ "embed"
	"os"
	"strings"

	"kubernetes-mcp-edge/e2e/harness"
)

// demo is a client in a page of Python's standard library.
//
//go:embed demo.py
var demo string

// paste prints lines that work as they are while the stack is up, with the
// credentials of a demo user of a cluster that ends with it. Those of a person's
// own kubeconfig are not shown on a terminal.
func (v *view) paste(r room, s *harness.Stack, t target) error {
	if err := os.WriteFile(r.script(), []byte(demo), 0o600); err != nil {
		return err
	}
	if len(t.clusters) > 0 {
		v.pasteHeaders(s, t.headers())
	} else {
		v.printf("\n=== The headers are your own credential: kubemcp headers --format curl (or claude) prints them\n")
	}
	v.printf("\n=== Python (standard library only; reads %s)\n\npython3 %s\n", r.state(), quote(r.script()))
	v.printf("\n=== What the guard decides, as a page (metrics beside it)\n\n%s/status\n", s.GuardAdmin(0))
	v.printf("\nThe stack is up at %s. Ctrl-C stops it.\n", s.URL)
	return nil
}

// pasteHeaders prints command lines that carry the headers.
func (v *view) pasteHeaders(s *harness.Stack, headers harness.Headers) {
	v.printf("\n=== Shell\n\ncurl -sS %s \\\n  -H 'content-type: application/json' -H 'accept: application/json, text/event-stream' \\\n", s.URL)
	for _, h := range headers {
		v.printf("  -H %s \\\n", quote(h.Name+": "+h.Value))
	}
	v.printf("  -d '{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"tools/call\",\"params\":{\"name\":\"whoami\",\"arguments\":{}}}'\n")
	v.printf("\n=== Claude Code\n\nclaude mcp add --transport http kubernetes %s", s.URL)
	for _, h := range headers {
		v.printf(" \\\n  --header %s", quote(h.Name+": "+h.Value))
	}
	v.printf("\n")
}

// quote makes one word of a POSIX shell.
func quote(s string) string { return "'" + strings.ReplaceAll(s, "'", `'\''`) + "'" }
