package pods

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/google/jsonschema-go/jsonschema"
	"github.com/modelcontextprotocol/go-sdk/mcp"

	"kubernetes-mcp-edge/mcpbackend/answer"
	"kubernetes-mcp-edge/mcpbackend/kube"
	"kubernetes-mcp-edge/mcpbackend/tool"
)

type nodesLogIn struct {
	Name      string `json:"name"`
	Query     string `json:"query" jsonschema:"a service, e.g. kubelet, or a file in /var/log"`
	TailLines int    `json:"tailLines,omitempty" jsonschema:"newest lines; default 100"`
}

// NodeLogged is the structured part of nodes_log.
type NodeLogged struct {
	Node      string `json:"node"`
	Lines     int    `json:"lines"`
	Truncated bool   `json:"truncated,omitempty"`
}

func nodesLog() tool.Tool {
	return tool.New(mcp.Tool{
		Name: "nodes_log", Title: "Node logs",
		Description:  "Shows a log of a node through its kubelet (needs get on nodes/proxy).",
		OutputSchema: tool.Output[NodeLogged]("lines", "truncated"),
	}, tool.Options{Toolset: tool.Core, Adjust: func(properties map[string]*jsonschema.Schema) {
		span(properties["tailLines"], 0, maxTail)
	}}, nodeLog)
}

func nodeLog(ctx context.Context, c *kube.Client, in nodesLogIn) (string, NodeLogged, error) {
	if err := checkNode(in.Name); err != nil {
		return "", NodeLogged{}, err
	}
	query := strings.TrimPrefix(in.Query, "/var/log")
	if !kube.ValidLogQuery(query) {
		return "", NodeLogged{}, answer.Mistake("query is the name of one service, such as kubelet, or of a file below /var/log, such as /syslog: letters, digits and . _ - / : @.")
	}
	if in.TailLines == 0 {
		in.TailLines = defaultTail
	}
	text, cut, err := c.NodeLog(ctx, in.Name, query, min(in.TailLines, maxTail))
	if err != nil {
		return "", NodeLogged{}, kubelet(err, "The node, or a service or file of that name, does not exist there, or its kubelet takes no log queries (feature NodeLogQuery with enableSystemLogQuery).")
	}
	all := answer.LogLines(c, text)
	tailed := all[max(0, len(all)-in.TailLines):]
	lines, left := answer.Newest(tailed, answer.LogBudget)
	out := NodeLogged{Node: in.Name, Lines: len(lines), Truncated: left > 0 || cut}
	var b strings.Builder
	fmt.Fprintf(&b, "# %d log lines of %s on node %s\n", len(lines), query, in.Name)
	for _, l := range lines {
		b.WriteString(l + "\n")
	}
	switch {
	case cut: // the kubelet sends the oldest first
		b.WriteString("-- The log is longer than what is read: newer lines are missing. Pass a smaller tailLines. --\n")
	case left > 0:
		b.WriteString("-- Older lines were left out to keep the answer short. --\n")
	case len(all) >= in.TailLines:
		b.WriteString("-- There may be older lines: pass a greater tailLines. --\n")
	}
	return b.String(), out, answer.Ended(ctx)
}

// checkNode refuses what can be no node before a path is built from it.
func checkNode(name string) error {
	if !kube.ValidName(name) || strings.ToLower(name) != name || strings.ContainsAny(name, ":_@") {
		return answer.Mistake("name is not the name of a node: use lower-case letters, digits, dashes and dots (resources_list of kind Node shows them).")
	}
	return nil
}

// kubelet puts into words what a call through a node's kubelet fails with.
func kubelet(err error, absent string) error {
	e, ok := errors.AsType[*kube.Error](err)
	if ok && (e.Trouble == kube.NotFound || e.Trouble == kube.NoSuchAPI) {
		text := absent
		if e.Detail != "" {
			text += " The server said: " + answer.Quoted(e.Detail)
		}
		return answer.Advice(e.Trouble.String(), text)
	}
	return err
}
