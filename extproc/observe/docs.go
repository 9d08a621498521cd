package observe

import (
	"fmt"
	"strings"
)

// Docs is the page that lists every metric, in Markdown.
func Docs() string {
	var b strings.Builder
	b.WriteString(`# Metrics of the guard

Generated from extproc/observe: run ` + "`make generate`" + ` after a change there.

The admin listener serves them at ` + "`/metrics`" + `; [operations.md](operations.md) says how, and which of them to alert on. Every series exists from the start
of the program, so that ` + "`rate()`" + ` sees the first event. No label value comes from a request but ` + "`reason`" + `, which is one of the codes of [reasons.md](reasons.md).

| metric | type | labels | meaning |
| --- | --- | --- | --- |
`)
	for _, d := range definitions() {
		row(&b, prefix+d.name, d.kind.String(), d.labels, d.help)
	}
	row(&b, tookName, "histogram", []string{tookLabel}, tookHelp+" Classic buckets from 1 µs to 2 s, and a native histogram for scrapers that ask for protobuf.")
	b.WriteString("\nBeside them stand the metrics of the Go runtime (`go_*`) and of the process (`process_*`) as every Go program has them.\n")
	return b.String()
}

func row(b *strings.Builder, name, kind string, labels []string, help string) {
	quoted := make([]string, len(labels))
	for i, l := range labels {
		quoted[i] = "`" + l + "`"
	}
	fmt.Fprintf(b, "| `%s` | %s | %s | %s |\n", name, kind, strings.Join(quoted, ", "), help)
}
