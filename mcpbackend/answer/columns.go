package answer

import (
	"fmt"
	"regexp"
	"slices"
	"strings"

	"kubernetes-mcp-edge/mcpbackend/kube"
)

// printed are the API groups whose tables are written by Kubernetes itself: no
// cell of theirs holds what resources_get redacts. The columns of all others are
// chosen by whoever installed them, and may be any field of the object.
var printed = []string{
	"", "admissionregistration.k8s.io", "apiextensions.k8s.io", "apiregistration.k8s.io", "apps", "authentication.k8s.io",
	"authorization.k8s.io", "autoscaling", "batch", "certificates.k8s.io", "coordination.k8s.io", "discovery.k8s.io",
	"events.k8s.io", "extensions", "flowcontrol.apiserver.k8s.io", "internal.apiserver.k8s.io", "metrics.k8s.io",
	"networking.k8s.io", "node.k8s.io", "policy", "rbac.authorization.k8s.io", "resource.k8s.io", "scheduling.k8s.io",
	"storage.k8s.io", "storagemigration.k8s.io",
}

// View is which columns of a table are shown.
type View struct {
	columns []int
	hidden  []int
}

// Look decides column by column. A column of a custom kind is shown if it is the
// name or an age, or if every cell of it is a number, a boolean, a time or a
// Word that says how something is going.
func Look(kind kube.Kind, table kube.Table) View {
	var v View
	own := slices.Contains(printed, kind.Group)
	for i, column := range table.Columns {
		if own || harmless(table, i, column) {
			v.columns = append(v.columns, i)
		} else {
			v.hidden = append(v.hidden, i)
		}
	}
	return v
}

// plainCell is a cell that tells no secret: no value at all, a number, an
// age, a time, or one of the words of conditions and phases.
var plainCell = regexp.MustCompile(`^(?:|<[a-z]+>|-?[0-9]{1,19}(?:\.[0-9]{1,9})?|(?:[0-9]{1,6}[smhdy]){1,3}|[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9:.]{8,18}(?:Z|[+-][0-9:]{5})` +
	`|(?i:true|false|unknown|yes|no|none|ready|notready|active|inactive|available|unavailable|progressing|degraded|healthy|unhealthy` +
	`|running|pending|waiting|succeeded|success|failed|failure|error|completed|complete|bound|unbound|released|terminating|suspended|synced|outofsync|missing))$`)

func harmless(table kube.Table, i int, column kube.Column) bool {
	typed := column.Type != "string" && column.Type != "" // integer, number, boolean or date
	for _, row := range table.Rows {
		cell := row.Cells[i]
		// A column may call itself name: it is shown where it holds the name.
		if cell != row.Name && !plainCell.MatchString(cell) {
			return false
		}
		// In text a number may be a password of digits.
		if !typed && cell != row.Name && strings.Trim(cell, "-0123456789.") == "" && cell != "" {
			return false
		}
	}
	return true
}

// missing are the lines that say which columns are not shown.
func (v View) missing(c *kube.Client, table kube.Table) string {
	var b strings.Builder
	if len(v.hidden) > 0 {
		names := make([]string, 0, len(v.hidden))
		for _, i := range v.hidden {
			names = append(names, Line(Present(c, table.Columns[i].Name), MaxCell))
		}
		fmt.Fprintf(&b, "-- Columns not shown, because custom columns may print secrets: %s. Use resources_get for one object. --\n", strings.Join(names, ", "))
	}
	if table.MoreColumns > 0 {
		fmt.Fprintf(&b, "-- %d more columns were left out. --\n", table.MoreColumns)
	}
	return b.String()
}
