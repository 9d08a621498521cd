package answer

import (
	"fmt"
	"strings"

	"kubernetes-mcp-edge/mcpbackend/kube"
)

// Listed is the structured part of a list: what a program needs to go on. The
// objects are in the text.
type Listed struct {
	APIVersion    string   `json:"apiVersion"`
	Kind          string   `json:"kind"`
	Namespace     string   `json:"namespace,omitempty"`
	AllNamespaces bool     `json:"allNamespaces,omitempty"`
	Count         int      `json:"count"`              // of the objects shown, or of all for output count
	Names         []string `json:"names,omitzero"`     // as namespace/name where all namespaces were listed; nil where the text is the names
	Continue      string   `json:"continue,omitempty"` // to be passed back for the next objects
	Remaining     *int64   `json:"remaining,omitempty"`
	Truncated     bool     `json:"truncated,omitempty"` // objects were left out to keep the answer short
}

// Page is how much of a list the server sent, and how to go on.
type Page struct {
	Sent      int    // objects
	Beyond    int    // objects that the server sent although they are over the limit
	Limit     int    // what was asked for
	Continue  string // the server's
	Remaining *int64 // how many more, where the server knows
}

// ending are the lines that say what of a page is missing, and how to go on;
// "" if nothing is. out.Count objects are shown; what is what they are called.
func (p Page) ending(c *kube.Client, out *Listed, what string) string {
	missing := p.Sent - out.Count
	out.Truncated = missing > 0 || p.Beyond > 0
	switch {
	// In both cases the token continues after objects that were not shown: it
	// would skip them.
	case p.Beyond > 0:
		return fmt.Sprintf("-- %d more %s were left out: the server sent more than the limit of %d, so it does not page. Call again with a namespace, a selector or a limit up to %d. --\n", missing+p.Beyond, what, p.Limit, MaxLimit)
	case missing > 0:
		return fmt.Sprintf("-- %d more %s were left out to keep the answer short. To go on after the last %s, call again with the same arguments but limit %d: that answer ends here too, and with a continue token. Or narrow the list with a namespace or a selector. --\n", missing, what, strings.TrimSuffix(what, "s"), max(1, out.Count))
	case p.Continue != "":
		out.Remaining = p.Remaining
		return p.more(out, Present(c, p.Continue))
	}
	return ""
}

// more is the line that says how to go on. A token that is not fit to show (a
// hostile server may write anything there) is not passed on.
func (p Page) more(out *Listed, token string) string {
	what := "There are more"
	if p.Remaining != nil {
		what = fmt.Sprintf("There are %d more", *p.Remaining)
	}
	if token != p.Continue || len(token) > MaxSelector {
		return "-- " + what + ", but the server's continue token cannot be used. Narrow the list with a namespace or a selector. --\n"
	}
	out.Continue = token
	return fmt.Sprintf("-- %s. Call again with the same arguments and continue %q. --\n", what, token)
}

// scoped is a list's first line.
func (l Listed) scoped(scope string) string {
	return fmt.Sprintf("%d %s (%s) %s\n", l.Count, l.Kind, l.APIVersion, scope)
}

// Names renders a table as its names alone, one a line. They are not repeated
// in the structured part.
func Names(c *kube.Client, scope string, out Listed, table kube.Table, limit int) (string, Listed) {
	var body strings.Builder
	for _, row := range table.Rows {
		name := rowName(c, out.AllNamespaces, row)
		if body.Len()+len(name)+1 > ListBudget {
			break
		}
		body.WriteString(name + "\n")
		out.Count++
	}
	body.WriteString(Page{
		Sent: len(table.Rows), Beyond: table.MoreRows, Limit: limit, Continue: table.Continue, Remaining: table.Remaining,
	}.ending(c, &out, "names"))
	return out.scoped(scope) + body.String(), out
}
