package resources

import (
	"context"

	"github.com/google/jsonschema-go/jsonschema"
	"github.com/modelcontextprotocol/go-sdk/mcp"

	"kubernetes-mcp-edge/mcpbackend/answer"
	"kubernetes-mcp-edge/mcpbackend/kube"
	"kubernetes-mcp-edge/mcpbackend/tool"
)

// defaultLimit is how many objects a list shows that names no limit.
const defaultLimit = 100

type namespacesListIn struct {
	LabelSelector string `json:"labelSelector,omitempty" jsonschema:"such as environment=production,tier!=frontend"`
	FieldSelector string `json:"fieldSelector,omitempty" jsonschema:"such as metadata.name=team-a or status.phase=Active"`
	Limit         int    `json:"limit,omitempty" jsonschema:"at most this many; default 100"`
	Continue      string `json:"continue,omitempty" jsonschema:"from the answer before"`
}

type resourcesListIn struct {
	APIVersion    string `json:"apiVersion" jsonschema:"such as v1, apps/v1 or networking.k8s.io/v1"`
	Kind          string `json:"kind" jsonschema:"such as Pod, Deployment or Ingress"`
	Namespace     string `json:"namespace,omitempty" jsonschema:"one namespace; * for all; left out: the kubernetes-namespace header's, or all without one"`
	LabelSelector string `json:"labelSelector,omitempty" jsonschema:"such as app=web,tier!=cache"`
	FieldSelector string `json:"fieldSelector,omitempty" jsonschema:"such as status.phase=Running or spec.nodeName=node-1"`
	Limit         int    `json:"limit,omitempty" jsonschema:"at most this many; default 100"`
	Continue      string `json:"continue,omitempty" jsonschema:"from the answer before"`
}

func namespacesList() tool.Tool {
	return tool.New(mcp.Tool{
		Name: "namespaces_list", Title: "List namespaces",
		Description: "Lists the cluster's namespaces. A caller who may not list them can still work in the ones he knows.",
	}, tool.Options{Toolset: tool.Core, Adjust: limits}, func(ctx context.Context, c *kube.Client, in namespacesListIn) (string, answer.Listed, error) {
		return list(ctx, c, resourcesListIn{
			APIVersion: "v1", Kind: "Namespace", LabelSelector: in.LabelSelector, FieldSelector: in.FieldSelector,
			Limit: in.Limit, Continue: in.Continue,
		})
	})
}

func resourcesList() tool.Tool {
	return tool.New(mcp.Tool{
		Name: "resources_list", Title: "List resources",
		Description: "Lists objects of any kind as the table that the server prints, with their names. The answer states which namespaces it covers and whether there is more. Use resources_get for one object in full.",
	}, tool.Options{Toolset: tool.Core, Adjust: limits}, list)
}

// limits writes the bounds into the schema, which is enforced.
func limits(properties map[string]*jsonschema.Schema) {
	least, most := 1.0, float64(answer.MaxLimit)
	properties["limit"].Minimum, properties["limit"].Maximum = &least, &most
}

func list(ctx context.Context, c *kube.Client, in resourcesListIn) (string, answer.Listed, error) {
	if err := tool.CheckKind(in.APIVersion, in.Kind); err != nil {
		return "", answer.Listed{}, err
	}
	if err := tool.CheckSelectors(in.LabelSelector, in.FieldSelector, in.Continue); err != nil {
		return "", answer.Listed{}, err
	}
	kind, err := c.Resolve(ctx, in.APIVersion, in.Kind)
	if err != nil {
		return "", answer.Listed{}, err
	}
	if !kind.Can("list") {
		return "", answer.Listed{}, tool.Cannot(kind, "listed", "")
	}
	namespace, scope, err := tool.ListScope(c, kind, in.Namespace)
	if err != nil {
		return "", answer.Listed{}, err
	}
	if in.Limit == 0 {
		in.Limit = defaultLimit
	}
	in.Limit = min(in.Limit, answer.MaxLimit)
	table, err := c.List(ctx, kind, kube.ListOptions{
		Namespace: namespace, LabelSelector: in.LabelSelector, FieldSelector: in.FieldSelector,
		Limit: in.Limit, Continue: in.Continue,
	})
	if err != nil {
		return "", answer.Listed{}, err
	}
	text, out := answer.List(ctx, c, scope, answer.Listed{
		APIVersion: kind.APIVersion(), Kind: answer.Line(answer.Present(c, kind.Kind), answer.MaxCell), Namespace: namespace,
		AllNamespaces: kind.Namespaced && namespace == "",
	}, table, answer.Look(kind, table), in.Limit)
	if err := answer.Ended(ctx); err != nil {
		return "", answer.Listed{}, err
	}
	return text, out, nil
}
