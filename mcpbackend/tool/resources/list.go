package resources

import (
	"context"
	"fmt"

	"github.com/modelcontextprotocol/go-sdk/mcp"

	"kubernetes-mcp-edge/mcpbackend/answer"
	"kubernetes-mcp-edge/mcpbackend/kube"
	"kubernetes-mcp-edge/mcpbackend/tool"
)

type resourcesListIn struct {
	Selection

	APIVersion string `json:"apiVersion,omitempty" jsonschema:"found by kind if left out"`
	Kind       string `json:"kind" jsonschema:"e.g. Deployment; plurals and short names too"`
	Namespace  string `json:"namespace,omitempty" jsonschema:"* for all; default: the kubernetes-namespace header's, else all"`
}

func namespacesList() tool.Tool {
	return tool.New(mcp.Tool{
		Name: "namespaces_list", Title: "Namespaces",
		Description:  "Lists the cluster's namespaces.",
		OutputSchema: Listed(),
	}, tool.Options{Toolset: tool.Core, Adjust: Again}, func(ctx context.Context, c *kube.Client, in Selection) (string, answer.Listed, error) {
		return List(ctx, c, "v1", "Namespace", "", in)
	})
}

func resourcesList() tool.Tool {
	return tool.New(mcp.Tool{
		Name: "resources_list", Title: "Resources",
		Description:  "Lists objects of any kind: the server's table, or yaml, names or a count. Its first and last lines say what it covers and what is left out.",
		OutputSchema: Listed(),
	}, tool.Options{Toolset: tool.Core, Adjust: Bounds}, list)
}

func list(ctx context.Context, c *kube.Client, in resourcesListIn) (string, answer.Listed, error) {
	return List(ctx, c, in.APIVersion, in.Kind, in.Namespace, in.Selection)
}

// List lists objects of a kind. It is what every tool that lists answers.
func List(ctx context.Context, c *kube.Client, apiVersion, kindName, asked string, s Selection) (string, answer.Listed, error) {
	if err := tool.CheckKind(apiVersion, kindName); err != nil {
		return "", answer.Listed{}, err
	}
	fields, err := s.check()
	if err != nil {
		return "", answer.Listed{}, err
	}
	kind, err := c.Resolve(ctx, apiVersion, kindName)
	if err != nil {
		return "", answer.Listed{}, err
	}
	if !kind.Can("list") {
		return "", answer.Listed{}, tool.Cannot(kind, "listed", "")
	}
	namespace, scope, err := tool.ListScope(c, kind, asked)
	if err != nil {
		return "", answer.Listed{}, err
	}
	l := listing{
		c: c, kind: kind, fields: fields, scope: scope + chosen(c, apiVersion, kind), output: s.Output,
		options: kube.ListOptions{
			Namespace: namespace, LabelSelector: s.LabelSelector, FieldSelector: s.FieldSelector,
			Limit: s.Limit, Continue: s.Continue,
		},
		out: answer.Listed{
			APIVersion: kind.APIVersion(), Kind: answer.Line(answer.Present(c, kind.Kind), answer.MaxCell), Namespace: namespace,
			AllNamespaces: kind.Namespaced && namespace == "",
		},
	}
	text, out, err := l.render(ctx)
	if err != nil {
		return "", answer.Listed{}, err
	}
	if err := answer.Ended(ctx); err != nil {
		return "", answer.Listed{}, err
	}
	return text, out, nil
}

// maxOthers bounds how many other groups with the same kind are named.
const maxOthers = 5

// chosen says which other groups have a kind of this name, if the caller left
// the choice to the server.
func chosen(c *kube.Client, apiVersion string, kind kube.Kind) string {
	if apiVersion != "" || len(kind.Others) == 0 {
		return ""
	}
	others := kind.Others[:min(len(kind.Others), maxOthers)]
	return fmt.Sprintf(" (a kind of this name is also in: %s; pass apiVersion for it)", words(c, others))
}

// listing is one list on its way.
type listing struct {
	c       *kube.Client
	kind    kube.Kind
	fields  answer.Fields
	scope   string
	output  string
	options kube.ListOptions
	out     answer.Listed
}

func (l *listing) render(ctx context.Context) (string, answer.Listed, error) {
	switch {
	case l.output == outputCount:
		return l.count(ctx)
	case l.output == outputYAML || l.fields != nil:
		objects, err := l.c.Objects(ctx, l.kind, l.options)
		if err != nil {
			return "", l.out, err
		}
		if l.output == outputYAML {
			return answer.Documents(ctx, l.c, l.scope, l.out, l.kind, objects, l.fields, l.options.Limit)
		}
		table, view, short := answer.FieldTable(ctx, l.c, l.kind, objects, l.fields)
		text, out := answer.List(ctx, l.c, l.scope, l.out, table, view, l.options.Limit)
		if short {
			text += "-- Some values are longer than what is looked at, and were cut. Use resources_get for one object. --\n"
		}
		return text, out, nil
	}
	table, err := l.c.List(ctx, l.kind, l.options)
	if err != nil {
		return "", l.out, err
	}
	if l.output == outputNames {
		text, out := answer.Names(l.c, l.scope, l.out, table, l.options.Limit)
		return text, out, nil
	}
	text, out := answer.List(ctx, l.c, l.scope, l.out, table, answer.Look(l.kind, table), l.options.Limit)
	return text, out, nil
}

func (l *listing) count(ctx context.Context) (string, answer.Listed, error) {
	n, exact, err := l.c.Count(ctx, l.kind, l.options)
	if err != nil {
		return "", l.out, err
	}
	l.out.Count = int(n)
	if exact {
		return fmt.Sprintf("%d %s (%s) %s\n", n, l.out.Kind, l.out.APIVersion, l.scope), l.out, nil
	}
	l.out.Truncated = true
	return fmt.Sprintf("More than %d %s (%s) %s: counting stopped there.\n", n, l.out.Kind, l.out.APIVersion, l.scope), l.out, nil
}
