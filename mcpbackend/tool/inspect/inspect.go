// Package inspect holds the tools that look into one thing: describe, diagnose, explain, what there is and what may be done.
package inspect

import "kubernetes-mcp-edge/mcpbackend/tool"

// Tools are the tools of the package.
func Tools() []tool.Tool { return nil }
