package change

import (
	"context"
	"fmt"

	"github.com/modelcontextprotocol/go-sdk/mcp"

	"kubernetes-mcp-edge/mcpbackend/answer"
	"kubernetes-mcp-edge/mcpbackend/kube"
	"kubernetes-mcp-edge/mcpbackend/tool"
)

type podsDeleteIn struct {
	Name      string `json:"name" jsonschema:"the Pod's name"`
	Namespace string `json:"namespace,omitempty" jsonschema:"its namespace; left out: the kubernetes-namespace header's"`
	DryRun    bool   `json:"dryRun,omitempty" jsonschema:"true: the server checks and deletes nothing"`
}

func podsDelete() tool.Tool {
	return tool.New(mcp.Tool{
		Name: "pods_delete", Title: "Delete a pod",
		Description: "Deletes one Pod, and says whether a controller will replace it.",
	}, tool.Options{Toolset: tool.Write, Access: tool.Writes, Destructive: true, Idempotent: true}, removePod)
}

// removePod looks at the Pod first: it says who will replace it, and deletes
// that very Pod and not its successor of the same name.
func removePod(ctx context.Context, c *kube.Client, in podsDeleteIn) (string, Deleted, error) {
	if err := tool.CheckName(in.Name); err != nil {
		return "", Deleted{}, err
	}
	t := target{kind: podKind, name: in.Name}
	var err error
	if t.namespace, t.scope, err = tool.GetScope(c, podKind, in.Namespace); err != nil {
		return "", Deleted{}, err
	}
	o, also := kube.DeleteOptions{DryRun: in.DryRun}, ""
	found, err := c.Get(ctx, podKind, t.namespace, t.name)
	switch {
	case err == nil:
		o.UID, also = inMetadata(found, "uid"), replaced(c, found)
	case trouble(err) != kube.Forbidden: // who may delete need not be allowed to look
		return "", Deleted{}, err
	}
	return t.remove(ctx, c, o, also)
}

// replaced says who will make another Pod, or what goes with this one.
func replaced(c *kube.Client, pod map[string]any) string {
	metadata, _ := pod["metadata"].(map[string]any)
	owners, _ := metadata["ownerReferences"].([]any)
	for _, o := range owners {
		owner, _ := o.(map[string]any)
		if owner["controller"] != true {
			continue
		}
		kind, _ := owner["kind"].(string)
		name, _ := owner["name"].(string)
		who := answer.Line(answer.Present(c, kind+" "+name), answer.MaxCell)
		return fmt.Sprintf("Its controller, %s, replaces it: to have fewer Pods, scale or delete what owns that.", who)
	}
	labels, _ := metadata["labels"].(map[string]any)
	if labels[labelManagedBy] == manager {
		return "A Service that pods_run made for it goes with it."
	}
	return "No controller owns it: nothing replaces it."
}
