package server

import (
	"fmt"
	"strings"

	"github.com/prometheus/client_golang/prometheus"
)

// Docs is the page that lists every metric of the backend, in Markdown.
func Docs() string {
	var b strings.Builder
	b.WriteString(`# Metrics of the backend

Generated from mcpbackend/server: run ` + "`make generate`" + ` after a change there.

The admin listener (` + "`--admin`" + `, 127.0.0.1:9103) serves them at ` + "`/metrics`" + `, beside ` + "`/healthz`" + ` and ` + "`/readyz`" + `. They are named as [the guard's](metrics.md) where they mean the same. No label value comes from a request: names of tools, reasons, words and verbs are from closed lists.

| metric | type | labels | meaning |
| --- | --- | --- | --- |
`)
	for _, m := range metrics() {
		kind := gaugeKind
		if m.kind == prometheus.CounterValue {
			kind = counterKind
		}
		row(&b, m.name, kind, m.labels, m.help)
	}
	for _, m := range keptMetrics() {
		row(&b, m.name, m.kind, m.labels, m.help)
	}
	b.WriteString("\nBeside them stand the metrics of the Go runtime (`go_*`) and of the process (`process_*`) as every Go program has them.\n")
	return b.String()
}

func row(b *strings.Builder, name, kind string, labels []string, help string) {
	quoted := make([]string, 0, len(labels))
	for _, l := range labels {
		quoted = append(quoted, "`"+l+"`")
	}
	fmt.Fprintf(b, "| `%s%s` | %s | %s | %s |\n", prefix, name, kind, strings.Join(quoted, ", "), help)
}
