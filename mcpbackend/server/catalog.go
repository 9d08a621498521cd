package server

import (
	"slices"

	"kubernetes-mcp-edge/mcpbackend/tool"
	"kubernetes-mcp-edge/mcpbackend/tool/change"
	"kubernetes-mcp-edge/mcpbackend/tool/inspect"
	"kubernetes-mcp-edge/mcpbackend/tool/pods"
	"kubernetes-mcp-edge/mcpbackend/tool/resources"
)

// catalog is every tool and prompt that the backend has, whether or not it is offered.
func catalog() (*tool.Catalog, error) {
	return tool.NewCatalog(slices.Concat(
		resources.Tools(), pods.Tools(), inspect.Tools(), change.Tools(),
	), inspect.Prompts())
}
