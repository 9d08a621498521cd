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
		Name: "pods_list", Title: "Pods",
		Description:  "Lists the pods of all namespaces.",
		OutputSchema: resources.Listed(),
	}, tool.Options{Toolset: tool.Core, Adjust: resources.Again}, func(ctx context.Context, c *kube.Client, in resources.Selection) (string, answer.Listed, error) {
		return resources.List(ctx, c, "v1", pod, tool.EveryNamespace, in)
	})
}

type inNamespaceIn struct {
	resources.Selection

	Namespace string `json:"namespace"`
}

func podsListInNamespace() tool.Tool {
	return tool.New(mcp.Tool{
		Name: "pods_list_in_namespace", Title: "Pods in a namespace",
		Description:  "Lists the pods of one namespace.",
		OutputSchema: resources.Listed(),
	}, tool.Options{Toolset: tool.Core, Adjust: resources.Again}, func(ctx context.Context, c *kube.Client, in inNamespaceIn) (string, answer.Listed, error) {
		return resources.List(ctx, c, "v1", pod, in.Namespace, in.Selection)
	})
}

type podsGetIn struct {
	Name      string   `json:"name"`
	Namespace string   `json:"namespace,omitempty"`
	Fields    []string `json:"fields,omitempty" jsonschema:"paths, e.g. status.phase"`
}

func podsGet() tool.Tool {
	return tool.New(mcp.Tool{
		Name: "pods_get", Title: "Pod",
		Description:  "Shows one pod as YAML.",
		OutputSchema: resources.Shown(),
	}, tool.Options{Toolset: tool.Core, Adjust: func(properties map[string]*jsonschema.Schema) {
		properties["fields"].Type, properties["fields"].Types = "array", nil
	}}, func(ctx context.Context, c *kube.Client, in podsGetIn) (string, resources.Got, error) {
		return resources.Get(ctx, c, resources.Objects{APIVersion: "v1", Kind: pod, Namespace: in.Namespace, Name: in.Name, Fields: in.Fields})
	})
}
