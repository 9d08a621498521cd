// Package resources holds the tools that read objects of any kind, and whoami.
package resources

import "kubernetes-mcp-edge/mcpbackend/tool"

// Tools are the tools of the package.
func Tools() []tool.Tool {
	return []tool.Tool{whoAmITool(), namespacesList(), resourcesList(), resourcesGet()}
}
