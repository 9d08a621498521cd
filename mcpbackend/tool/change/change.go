// Package change holds the tools that change objects, of the toolset write, and
// the one that runs commands in containers, of the toolset exec. None of them is
// offered unless the operator says so, and the transport holds the rest of the
// program to that too.
//
// What a tool writes it reports in full, also where it ends half-way: a write
// whose report is lost may be done twice. No report holds a value.
package change

import "kubernetes-mcp-edge/mcpbackend/tool"

// Tools are the tools of the package.
func Tools() []tool.Tool {
	return []tool.Tool{
		createOrUpdate(), resourcesDelete(), resourcesScale(), podsRun(), podsDelete(), podsExec(),
	}
}
