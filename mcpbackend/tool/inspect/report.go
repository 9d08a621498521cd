package inspect

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"time"

	"k8s.io/apimachinery/pkg/util/duration"

	"kubernetes-mcp-edge/mcpbackend/answer"
	"kubernetes-mcp-edge/mcpbackend/kube"
	"kubernetes-mcp-edge/mcpbackend/tool"
)

// report is a diagnosis on its way to text.
type report struct {
	*survey

	scope  string // what was looked at
	wide   bool   // in more than one namespace
	warned int    // how many warnings are shown
	pods   []map[string]any
	owners []string // from the object up
	events []warning
	tails  []tail
}

// tail is the end of a container's log.
type tail struct {
	crash

	text []byte
}

// The limits of a report.
const (
	maxFindings = 30  // lines
	maxMessage  = 300 // bytes of each
	maxWarnings = 10
	maxLogs     = 2 // containers
	logLines    = 20
	logBytes    = 4 << 10
)

// logs reads the ends of the logs of crashed containers, one for all replicas.
func (r *report) logs(most int) {
	seen := map[string]bool{}
	for _, f := range sorted(r.findings) {
		if f.crash == nil || len(seen) == most || r.broken != nil {
			continue
		}
		key := cmp.Or(f.owner, f.name) + "/" + f.crash.container
		if seen[key] {
			continue
		}
		seen[key] = true
		tool.Step(r.ctx, "reading the log of a container that crashed")
		log, _, err := r.c.Logs(r.ctx, f.crash.namespace, f.crash.pod, kube.LogOptions{
			Container: f.crash.container, Previous: f.crash.previous, Tail: logLines, Limit: logBytes,
		})
		if r.could("log of "+answer.Quoted(f.crash.pod), err) {
			r.tails = append(r.tails, tail{*f.crash, log})
		}
	}
}

// write is the text, findings first, and the structured part.
func (r *report) write() (string, Diagnosis) {
	r.unread = unique(r.unread)
	findings := grouped(sorted(unrepeated(r.findings)))
	shown := findings[:min(len(findings), maxFindings)]
	out := Diagnosis{Findings: []Finding{}, Unread: r.unread, Truncated: len(findings) > len(shown) || len(r.notes) > 0}
	counts := [len(severities)]int{}
	for _, f := range findings {
		counts[f.severity]++
	}
	out.Healthy = counts[bad]+counts[risky] == 0 && len(r.unread) == 0 && !out.Truncated
	var b strings.Builder
	b.WriteString(answer.Line(r.shown(r.scope), maxMessage) + ": " + r.verdict(counts) + "\n")
	if len(r.unread) > 0 {
		fmt.Fprintf(&b, "INCOMPLETE: could not be read, so trouble there is not shown: %s\n", answer.Line(r.shown(strings.Join(r.unread, ", ")), 2*maxMessage))
	}
	for _, note := range r.notes {
		b.WriteString("-- " + note + " --\n")
	}
	for _, g := range shown {
		b.WriteString(r.line(g) + "\n")
		out.Findings = append(out.Findings, Finding{severities[g.severity], word(r.c, g.kind) + "/" + word(r.c, g.name), word(r.c, g.reason)})
	}
	if more := len(findings) - len(shown); more > 0 {
		fmt.Fprintf(&b, "-- %d more findings were left out: diagnose one workload --\n", more)
	}
	r.facts(&b)
	text, cut := answer.Within(b.String(), answer.ListBudget)
	if cut {
		out.Truncated = true
		text += "-- cut to keep the answer short --\n"
	}
	return text, out
}

func unique(words []string) []string {
	slices.Sort(words)
	return slices.Compact(words)
}

// unrepeated drops what was found twice, by two ways to one object.
func unrepeated(all []finding) []finding {
	seen := map[[4]string]bool{}
	return slices.DeleteFunc(all, func(f finding) bool {
		key := [4]string{f.kind, f.namespace, f.name, f.reason + f.message}
		again := seen[key]
		seen[key] = true
		return again
	})
}

func (r *report) verdict(counts [len(severities)]int) string {
	words := []string{}
	for i, n := range counts {
		plural := ""
		if n > 1 && severity(i) != known {
			plural = "s"
		}
		if n > 0 {
			words = append(words, fmt.Sprintf("%d %s%s", n, severities[i], plural))
		}
	}
	switch {
	case counts[bad]+counts[risky] > 0:
		return strings.Join(words, ", ") + "."
	case len(r.unread) > 0:
		return "nothing wrong was found in what could be read."
	}
	return "nothing wrong was found."
}

// line is one finding.
func (r *report) line(g group) string {
	name := word(r.c, g.kind) + "/" + word(r.c, g.name)
	if r.wide && g.namespace != "" {
		name = word(r.c, g.kind) + "/" + word(r.c, g.namespace) + "/" + word(r.c, g.name)
	}
	more := ""
	if g.more > 0 {
		more = fmt.Sprintf(" (and %d more Pods of %s)", g.more, word(r.c, g.owner))
	}
	message := strings.TrimRight(answer.Line(r.shown(g.message), maxMessage), ". ")
	return fmt.Sprintf("%s %s%s %s: %s. Next: %s.", strings.ToUpper(severities[g.severity]), name, more, word(r.c, g.reason), cmp.Or(message, "no message"), g.next)
}

func (r *report) shown(s string) string { return answer.Present(r.c, s) }

// facts are what stands behind the findings.
func (r *report) facts(b *strings.Builder) {
	if len(r.pods) > 0 {
		ready := 0
		for _, p := range r.pods {
			if conditionOf(p, "Ready").status == conditionTrue || text(p, "status", "phase") == "Succeeded" {
				ready++
			}
		}
		fmt.Fprintf(b, "Pods: %d, of which %d are ready or done.\n", len(r.pods), ready)
	}
	if len(r.owners) > 1 {
		b.WriteString("Owners: " + answer.Line(r.shown(strings.Join(r.owners, " <- ")), 2*maxMessage) + "\n")
	}
	r.warningsTo(b, r.warned)
	for _, t := range r.tails {
		when := ""
		if t.previous {
			when = " before its restart"
		}
		fmt.Fprintf(b, "Log of container %s of Pod %s%s, last lines:\n", word(r.c, t.container), word(r.c, t.pod), when)
		body := strings.TrimRight(r.shown(string(t.text)), "\n")
		if body == "" {
			body = "(empty)"
		}
		for l := range strings.Lines(body) {
			b.WriteString("  | " + answer.Line(l, maxMessage) + "\n")
		}
	}
}

func (r *report) warningsTo(b *strings.Builder, most int) {
	events := r.events[max(0, len(r.events)-most):]
	if len(events) == 0 {
		return
	}
	fmt.Fprintf(b, "Last warnings (%d of %d, newest last):\n", len(events), len(r.events))
	for _, w := range events {
		age := "?"
		if !w.at.IsZero() {
			age = duration.HumanDuration(max(0, r.now.Sub(w.at).Truncate(time.Second)))
		}
		times := ""
		if w.count > 1 {
			times = fmt.Sprintf(" (%d times)", w.count)
		}
		fmt.Fprintf(b, "  %s ago %s/%s %s: %s%s\n", age, word(r.c, w.kind), word(r.c, w.name), word(r.c, w.reason), answer.Line(r.shown(w.message), maxMessage), times)
	}
}
