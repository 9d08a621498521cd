package change

import (
	"fmt"
	"slices"
	"strings"

	"kubernetes-mcp-edge/mcpbackend/answer"
)

// outcome is what became of one document.
type outcome string

// The outcomes of an apply.
const (
	created    outcome = "created"
	configured outcome = "configured"
	unchanged  outcome = "unchanged"
	applied    outcome = "applied" // nobody could look what it was before
	failed     outcome = "failed"
	uncertain  outcome = "unknown" // sent, and no answer came
	untried    outcome = "not tried"
	unchecked  outcome = "not checked" // a dry run cannot know
)

// Entry is one document of a report.
type Entry struct {
	APIVersion string   `json:"apiVersion"`
	Kind       string   `json:"kind"`
	Namespace  string   `json:"namespace,omitempty"`
	Name       string   `json:"name"`
	Outcome    string   `json:"outcome" jsonschema:"created, configured, unchanged, or applied where what it was before is not known"`
	Changed    []string `json:"changed,omitempty" jsonschema:"paths of fields that differ from before"`
}

// Applied is the structured part of resources_create_or_update.
type Applied struct {
	DryRun    bool    `json:"dryRun,omitempty" jsonschema:"true if nothing was written"`
	Documents []Entry `json:"documents"`
}

// line is one document's fate on its way into a report.
type line struct {
	target

	outcome outcome
	changed []string // paths
	more    int      // paths beyond those
	note    string   // why it failed, or what else there is to say
}

// maxChanged bounds the paths that a report names per document.
const maxChanged = 8

// report says what became of every document, in their order.
func report(lines []line, dryRun bool) string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s: %s%s\n", plural(len(lines), "document"), counts(lines), ifDry(dryRun, " (dry run: nothing was written)"))
	for i, l := range lines {
		fmt.Fprintf(&b, "%d. %s %s", i+1, verb(l.outcome, dryRun), l.target)
		if len(l.changed) > 0 {
			b.WriteString(": " + strings.Join(l.changed, ", "))
			if l.more > 0 {
				fmt.Fprintf(&b, " and %d more fields", l.more)
			}
		}
		if l.note != "" {
			b.WriteString(". " + l.note)
		}
		b.WriteByte('\n')
	}
	if n := namespaces(lines); len(n) > 1 {
		fmt.Fprintf(&b, "-- These documents are in %d namespaces: %s. --\n", len(n), strings.Join(n, ", "))
	}
	return b.String()
}

// verb is the outcome as a dry run has to say it.
func verb(o outcome, dryRun bool) string {
	if !dryRun {
		return string(o)
	}
	switch o {
	case created, configured, applied:
		return "would be " + string(o) + " (dry run)"
	case unchanged:
		return "would stay unchanged (dry run)"
	case failed:
		return "would fail (dry run)"
	case uncertain, untried, unchecked:
	}
	return string(o) + " (dry run)"
}

func ifDry(dryRun bool, text string) string {
	if dryRun {
		return text
	}
	return ""
}

func plural[N int | int64](n N, what string) string {
	if n == 1 {
		return "1 " + what
	}
	return fmt.Sprintf("%d %ss", n, what)
}

// counts are the outcomes that occur, in the order of the constants.
func counts(lines []line) string {
	var parts []string
	for _, o := range []outcome{created, configured, unchanged, applied, failed, uncertain, untried, unchecked} {
		n := 0
		for _, l := range lines {
			if l.outcome == o {
				n++
			}
		}
		if n > 0 {
			parts = append(parts, fmt.Sprintf("%d %s", n, o))
		}
	}
	return strings.Join(parts, ", ")
}

// namespaces are those that something may have been written in, sorted.
func namespaces(lines []line) []string {
	var out []string
	for _, l := range lines {
		if l.namespace != "" && !slices.Contains(out, l.namespace) {
			out = append(out, l.namespace)
		}
	}
	slices.Sort(out)
	return out
}

// entries are the structured part.
func entries(lines []line) []Entry {
	out := make([]Entry, 0, len(lines))
	for _, l := range lines {
		out = append(out, Entry{
			APIVersion: l.kind.APIVersion(), Kind: l.kind.Kind, Namespace: l.namespace, Name: l.name,
			Outcome: string(l.outcome), Changed: l.changed,
		})
	}
	return out
}

// named are paths fit to show, and how many there are beyond them.
func named(paths []string) (shown []string, more int) {
	for _, p := range paths[:min(len(paths), maxChanged)] {
		shown = append(shown, answer.Quoted(p))
	}
	return shown, len(paths) - len(shown)
}
