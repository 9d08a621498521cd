package main

import (
	"slices"
	"strconv"
	"strings"

	"kubernetes-mcp-edge/extproc/kubeheader"
)

// render writes the headers in the format asked for, with a line break at its end.
func (c *headersCommand) render(checked kubeheader.Checked) string {
	lines := reveal(checked)
	switch c.Format {
	case "curl":
		return options("-H", lines) + "\n"
	case "env":
		return environment(lines)
	case "claude":
		// The headers come last: --header takes every word up to the next option.
		return "claude mcp add --transport http kubernetes " + quote(c.URL) + " \\\n" + options("--header", lines) + "\n"
	default:
		return object(lines)
	}
}

// header is a header as it is printed. It holds a secret in the clear and is
// for the functions of this file alone.
type header struct{ name, value string }

// reveal takes the values out for standard output.
func reveal(checked kubeheader.Checked) []header {
	fields := checked.Canonical()
	lines := make([]header, 0, len(fields))
	for _, f := range fields {
		lines = append(lines, header{f.Name, string(f.Value.Reveal())})
	}
	return lines
}

// object writes a JSON object, its members in contract order. Names and values
// are printable ASCII by contract, and base64, tokens, URLs and names hold
// nothing that Go and JSON quote differently.
func object(lines []header) string {
	members := make([]string, 0, len(lines))
	for _, h := range lines {
		members = append(members, "  "+strconv.Quote(h.name)+": "+strconv.Quote(h.value))
	}
	return "{\n" + strings.Join(members, ",\n") + "\n}\n"
}

// options writes one option a line. The last has no backslash, so that the
// lines can end a command and can stand in its middle by command substitution.
func options(option string, lines []header) string {
	words := make([]string, 0, len(lines))
	for _, h := range lines {
		words = append(words, "  "+option+" "+quote(h.name+": "+h.value))
	}
	return strings.Join(words, " \\\n")
}

// environment writes assignments. What an earlier context has left behind is
// unset first: a token beside a client certificate would be refused as
// ambiguous. Toolsets are the caller's wish and not the context's.
func environment(lines []header) string {
	var unset []string
	var text strings.Builder
	for _, name := range kubeheader.Names() {
		at := slices.IndexFunc(lines, func(h header) bool { return h.name == name })
		switch {
		case at >= 0:
			text.WriteString("export " + variable(name) + "=" + quote(lines[at].value) + "\n")
		case name != kubeheader.Toolsets:
			unset = append(unset, variable(name))
		}
	}
	return "unset " + strings.Join(unset, " ") + "\n" + text.String()
}

// variable is the name of a header's variable: kubernetes-server becomes
// KUBERNETES_SERVER.
func variable(name string) string { return strings.ToUpper(strings.ReplaceAll(name, "-", "_")) }

// quote makes one word of a POSIX shell.
func quote(s string) string { return "'" + strings.ReplaceAll(s, "'", `'\''`) + "'" }
