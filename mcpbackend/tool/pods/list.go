package pods

import (
	"context"

	"github.com/google/jsonschema-go/jsonschema"
	"github.com/modelcontextprotocol/go-sdk/mcp"

	"kubernetes-mcp-edge/mcpbackend/answer"
	"kubernetes-mcp-edge/mcpbackend/kube"
	"kubernetes-mcp-edge/mcpbackend/tool"
	"kubernetes-mcp-edge/mcpbackend/tool/resources"
)

func podsList() tool.Tool {
	return tool.New(mcp.Tool{
		Name: "pods_list", Title: "List pods of all namespaces",
		Description: "Lists the pods of all namespaces. Who may not do that uses pods_list_in_namespace.",
	}, tool.Options{Toolset: tool.Core, Adjust: resources.Bounds}, func(ctx context.Context, c *kube.Client, in resources.Selection) (string, answer.Listed, error) {
		return resources.List(ctx, c, "v1", "Pod", tool.EveryNamespace, in)
	})
}

type inNamespaceIn struct {
	Namespace string `json:"namespace"`
	resources.Selection
}

func podsListInNamespace() tool.Tool {
	return tool.New(mcp.Tool{
		Name: "pods_list_in_namespace", Title: "List pods of a namespace",
		Description: "Lists the pods of one namespace.",
	}, tool.Options{Toolset: tool.Core, Adjust: resources.Bounds}, func(ctx context.Context, c *kube.Client, in inNamespaceIn) (string, answer.Listed, error) {
		return resources.List(ctx, c, "v1", "Pod", in.Namespace, in.Selection)
	})
}

type podsGetIn struct {
	Name      string   `json:"name"`
	Namespace string   `json:"namespace,omitempty" jsonschema:"default: the kubernetes-namespace header's"`
	Fields    []string `json:"fields,omitempty" jsonschema:"show only these paths, e.g. status.phase"`
}

func podsGet() tool.Tool {
	return tool.New(mcp.Tool{
		Name: "pods_get", Title: "Get a pod",
		Description: "Shows one pod as YAML.",
	}, tool.Options{Toolset: tool.Core, Adjust: func(properties map[string]*jsonschema.Schema) {
		properties["fields"].Type, properties["fields"].Types = "array", nil
	}}, func(ctx context.Context, c *kube.Client, in podsGetIn) (string, resources.Got, error) {
		return resources.Get(ctx, c, resources.Objects{APIVersion: "v1", Kind: "Pod", Namespace: in.Namespace, Name: in.Name, Fields: in.Fields})
	})
}
