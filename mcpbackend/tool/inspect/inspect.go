// Package inspect holds the tools that look into one thing: describe, diagnose,
// explain, what kinds there are and what the caller may do; and the prompt that
// begins with a look at the whole.
package inspect

import "kubernetes-mcp-edge/mcpbackend/tool"

// Tools are the tools of the package.
func Tools() []tool.Tool {
	return []tool.Tool{resourcesDescribe(), diagnoseTool(), apiResources(), explainTool(), canITool()}
}

// Prompts are the prompts of the package.
func Prompts() []tool.Prompt { return []tool.Prompt{clusterHealthCheck()} }
