// Package pods holds the tools for pods, events and nodes.
package pods

import "kubernetes-mcp-edge/mcpbackend/tool"

// Tools are the tools of the package.
func Tools() []tool.Tool { return nil }
