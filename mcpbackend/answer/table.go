package answer

import (
	"context"
	"strings"
	"text/tabwriter"

	"kubernetes-mcp-edge/mcpbackend/kube"
)

// The budgets of one answer, in bytes. A model pays for every byte it reads,
// and a list is a way to find names, not to read objects.
const (
	ListBudget   = 32 << 10
	ObjectBudget = 64 << 10
	MaxCell      = 200
)

// MaxLimit is the greatest limit of one list, in objects.
const MaxLimit = 500

// MaxSelector bounds a selector or a continue token, in bytes.
const MaxSelector = 4 << 10

// Present makes a name or a cell of the server fit to show.
func Present(c *kube.Client, s string) string {
	return bounded(s, MaxRawName, func(s string) string { return Redact(c.Scrub(Clean(s))) })
}

// List renders a table: a line that states the scope, the rows within budget,
// and lines that state what is missing. scope is where was looked, and fills
// the structured part's first fields; limit is what the caller asked for.
func List(ctx context.Context, c *kube.Client, scope string, out Listed, table kube.Table, v View, limit int) (string, Listed) {
	out.Names = []string{}
	var body strings.Builder
	for i, l := range rows(ctx, c, out.AllNamespaces, table, v) {
		if i > 0 && body.Len()+len(l)+1 > ListBudget {
			break
		}
		body.WriteString(l)
		body.WriteByte('\n')
		if i > 0 {
			out.Names = append(out.Names, rowName(c, out.AllNamespaces, table.Rows[i-1]))
		}
	}
	out.Count = len(out.Names)
	head := out.scoped(scope)
	if len(table.Rows) == 0 {
		body.Reset()
	} else {
		body.WriteString(v.missing(c, table))
	}
	body.WriteString(Page{
		Sent: len(table.Rows), Beyond: table.MoreRows, Limit: limit, Continue: table.Continue, Remaining: table.Remaining,
	}.ending(c, &out, "rows"))
	return head + body.String(), out
}

// rows are the lines of a table, the first of them its header. They end where
// the cells alone are over the budget: what comes after could not be shown, and
// would make every line as wide as itself.
func rows(ctx context.Context, c *kube.Client, withNamespace bool, table kube.Table, v View) []string {
	var b strings.Builder
	w := tabwriter.NewWriter(&b, 0, 1, 2, ' ', 0)
	size := 0
	write := func(cells []string) {
		for i, cell := range cells {
			if i > 0 {
				_, _ = w.Write([]byte{'\t'})
			}
			_, _ = w.Write([]byte(cell))
			size += len(cell) + 1
		}
		_, _ = w.Write([]byte{'\n'})
	}
	var header []string
	if withNamespace {
		header = append(header, "NAMESPACE")
	}
	for _, i := range v.columns {
		header = append(header, strings.ToUpper(Line(Present(c, table.Columns[i].Name), MaxCell)))
	}
	write(header)
	size = 0
	for _, row := range table.Rows {
		if size > ListBudget || ctx.Err() != nil {
			break
		}
		var cells []string
		if withNamespace {
			cells = append(cells, Line(Present(c, row.Namespace), MaxCell))
		}
		for _, i := range v.columns {
			cells = append(cells, Line(Present(c, row.Cells[i]), MaxCell))
		}
		write(cells)
	}
	_ = w.Flush()
	lines := strings.Split(strings.TrimSuffix(b.String(), "\n"), "\n")
	for i := range lines {
		lines[i] = strings.TrimRight(lines[i], " ")
	}
	return lines
}

// rowName is not searched for credentials by their shape: a name that only
// looks like one has to be usable in the next call.
func rowName(c *kube.Client, withNamespace bool, row kube.Row) string {
	shown := func(s string) string {
		return Line(bounded(s, MaxRawName, func(s string) string { return c.Scrub(Clean(s)) }), NameLimit)
	}
	if withNamespace && row.Namespace != "" {
		return shown(row.Namespace) + "/" + shown(row.Name)
	}
	return shown(row.Name)
}

// NameLimit is the length of the longest name that Kubernetes allows.
const NameLimit = 253
