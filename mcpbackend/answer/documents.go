package answer

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"sigs.k8s.io/yaml"

	"kubernetes-mcp-edge/mcpbackend/kube"
)

// Documents renders objects as YAML, one document each, within the budget of
// one object. Of each only these fields are shown, if there are any, and the
// name.
func Documents(ctx context.Context, c *kube.Client, scope string, out Listed, kind kube.Kind, objects kube.Objects, fields Fields, limit int) (string, Listed, error) {
	out.Names = []string{}
	if fields != nil {
		fields = fields.identified(out.AllNamespaces)
	}
	var body strings.Builder
	halved := false
	for _, o := range objects.Items {
		text, _, cut, err := Document(ctx, c, o, kind, fields, ObjectBudget-body.Len())
		if err != nil {
			return "", out, err
		}
		if cut && out.Count > 0 {
			break
		}
		halved = cut
		body.WriteString("---\n" + text)
		out.Count++
		out.Names = append(out.Names, objectName(c, out.AllNamespaces, o))
		if cut {
			break
		}
	}
	if halved {
		body.WriteString("# -- cut: this object is longer than what one answer shows. Ask for its parts with fields. --\n")
	}
	body.WriteString(Page{
		Sent: len(objects.Items), Beyond: objects.More, Limit: limit, Continue: objects.Continue, Remaining: objects.Remaining,
	}.ending(c, &out, "objects"))
	return out.scoped(scope) + body.String(), out, nil
}

// identity tells objects apart.
var identity = Fields{
	{"metadata.namespace", []step{{"metadata", each}, {"namespace", each}}},
	{"metadata.name", []step{{"metadata", each}, {"name", each}}},
}

// identified are the fields after those that tell objects apart.
func (f Fields) identified(withNamespace bool) Fields {
	out := slices.Clone(identity)
	if !withNamespace {
		out = out[1:]
	}
	for _, one := range f {
		if !slices.ContainsFunc(out, func(o field) bool { return o.text == one.text }) {
			out = append(out, one)
		}
	}
	return out
}

// Document is one object as YAML, or the chosen fields of it, of at most about
// so many bytes; cut says that there is more. changed are the paths of what is
// redacted.
func Document(ctx context.Context, c *kube.Client, o map[string]any, kind kube.Kind, fields Fields, budget int) (text string, changed []string, cut bool, err error) {
	if fields != nil {
		picked := fields.Pick(ctx, o, c.Scrub, IsSecret(kind), budget)
		text, err = picked.YAML()
		changed, cut = picked.Changed, picked.Cut
	} else {
		var shown map[string]any
		shown, changed, cut = objectWithin(ctx, o, c.Scrub, IsSecret(kind), max(1, budget))
		var b []byte
		b, err = yaml.Marshal(shown)
		text = string(b)
	}
	if err != nil {
		return "", nil, false, fmt.Errorf("writing YAML: %w", err)
	}
	text, short := Within(text, max(1, budget))
	return text, changed, cut || short, nil
}

// IsSecret reports whether objects of a kind are Secrets.
func IsSecret(k kube.Kind) bool { return k.Group == "" && k.Resource == "secrets" }

// FieldTable is a table with a column for the name and one for each field.
// short says that a row's values were longer than what is looked at of it.
func FieldTable(ctx context.Context, c *kube.Client, kind kube.Kind, objects kube.Objects, fields Fields) (table kube.Table, v View, short bool) {
	table = kube.Table{
		Columns: []kube.Column{{Name: "Name"}}, MoreRows: objects.More, Continue: objects.Continue, Remaining: objects.Remaining,
	}
	fields = slices.DeleteFunc(slices.Clone(fields), func(f field) bool { return f.text == "metadata.name" }) // the first column
	for _, f := range fields {
		table.Columns = append(table.Columns, kube.Column{Name: f.text})
	}
	for i := range table.Columns {
		v.columns = append(v.columns, i)
	}
	for _, o := range objects.Items {
		row := kube.Row{Namespace: metaText(o, "namespace"), Name: metaText(o, "name")}
		picked := fields.Pick(ctx, o, c.Scrub, IsSecret(kind), pickedBudget)
		row.Cells = append([]string{row.Name}, picked.Cells()...)
		short = short || picked.Cut
		table.Rows = append(table.Rows, row)
	}
	return table, v, short
}

func metaText(o map[string]any, key string) string {
	metadata, _ := o["metadata"].(map[string]any)
	s, _ := metadata[key].(string)
	return s
}

func objectName(c *kube.Client, withNamespace bool, o map[string]any) string {
	return rowName(c, withNamespace, kube.Row{Namespace: metaText(o, "namespace"), Name: metaText(o, "name")})
}
