package main

import (
	_ "embed"
	"os"
	"path/filepath"
	"strings"

	"kubernetes-mcp-edge/e2e/harness"
)

// demo is a client in a page of Python's standard library.
//
//go:embed demo.py
var demo string

// paste prints lines that work as they are while the stack is up, with the
// credentials of a demo user of a cluster that ends with it (or, with a
// kubeconfig, of the person who runs this).
func (v *view) paste(dir string, s *harness.Stack, t target) error {
	headers := t.headers()
	script := filepath.Join(dir, "demo.py")
	if err := os.WriteFile(script, []byte(demo), 0o600); err != nil {
		return err
	}
	v.printf("\n=== Shell\n\ncurl -sS %s \\\n  -H 'content-type: application/json' -H 'accept: application/json, text/event-stream' \\\n", s.URL)
	for _, h := range headers {
		v.printf("  -H %s \\\n", quote(h.Name+": "+h.Value))
	}
	v.printf("  -d '{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"tools/call\",\"params\":{\"name\":\"whoami\",\"arguments\":{}}}'\n")
	v.printf("\n=== Claude Code\n\nclaude mcp add --transport http kubernetes %s", s.URL)
	for _, h := range headers {
		v.printf(" \\\n  --header %s", quote(h.Name+": "+h.Value))
	}
	v.printf("\n\n=== Python (standard library only; reads %s)\n\npython3 %s\n", filepath.Join(dir, "stack.json"), quote(script))
	v.printf("\nThe stack is up at %s. Ctrl-C stops it.\n", s.URL)
	return nil
}

// quote makes one word of a POSIX shell.
func quote(s string) string { return "'" + strings.ReplaceAll(s, "'", `'\''`) + "'" }
