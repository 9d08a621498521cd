package answer

import (
	"bytes"
	"slices"
	"strings"

	"kubernetes-mcp-edge/mcpbackend/kube"
)

// LogBudget bounds the lines of a log in one answer, in bytes.
const LogBudget = 32 << 10

// maxLogLine bounds one line of a log, in bytes.
const maxLogLine = 2 << 10

// maxLogLines bounds how many lines of a log are looked at, the newest: megabytes
// of empty lines would be a hundred times as much.
const maxLogLines = 20_000

// LogLines are the lines of a program's log, fit to show. They are the
// program's own words: what is a credential by its shape is redacted, and the
// values of a Secret's manifest on one line; a password that a program prints
// looks like any other word.
func LogLines(c *kube.Client, text []byte) []string {
	// Line by line: a terminal's sequence that has no end would swallow all that
	// follows. Together again: a key has many lines.
	lines := strings.Split(string(lastLines(bytes.TrimRight(text, "\n"), maxLogLines)), "\n")
	for i := range lines {
		lines[i] = bounded(lines[i], MaxRawName, Clean)
	}
	clean := strings.TrimRight(redactShapes(c.Scrub(strings.Join(lines, "\n")), false), "\n")
	if clean == "" {
		return nil
	}
	lines = strings.Split(clean, "\n")
	for i, l := range lines {
		if len(l) > maxLogLine {
			l = strings.ToValidUTF8(l[:maxLogLine], "") + "…"
		}
		lines[i] = redactManifests(l)
	}
	return lines
}

// lastLines is the end of a text, from where so many lines begin.
func lastLines(text []byte, n int) []byte {
	for at := len(text); n > 0; n-- {
		if at = bytes.LastIndexByte(text[:at], '\n'); at < 0 {
			return text
		}
		if n == 1 {
			return text[at+1:]
		}
	}
	return nil
}

// Newest are the last lines that fit into the budget of a log, and how many
// were left out before them. They are copies: a line that shares its memory with
// the log would keep all of it, and a call may keep lines of forty logs.
func Newest(lines []string, budget int) (kept []string, left int) {
	size := 0
	for i, l := range slices.Backward(lines) {
		if size += len(l) + 1; size > budget {
			left = i + 1
			break
		}
	}
	kept = make([]string, 0, len(lines)-left)
	for _, l := range lines[left:] {
		kept = append(kept, strings.Clone(l))
	}
	return kept, left
}
