// Package change holds the tools that change a cluster and that run commands in it; none of them is offered unless the operator says so.
package change

import "kubernetes-mcp-edge/mcpbackend/tool"

// Tools are the tools of the package.
func Tools() []tool.Tool { return nil }
