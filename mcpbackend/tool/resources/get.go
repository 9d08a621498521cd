package resources

import (
	"context"
	"fmt"

	"github.com/modelcontextprotocol/go-sdk/mcp"
	"sigs.k8s.io/yaml"

	"kubernetes-mcp-edge/mcpbackend/answer"
	"kubernetes-mcp-edge/mcpbackend/kube"
	"kubernetes-mcp-edge/mcpbackend/tool"
)

type resourcesGetIn struct {
	APIVersion string `json:"apiVersion" jsonschema:"such as v1, apps/v1 or networking.k8s.io/v1"`
	Kind       string `json:"kind" jsonschema:"such as Pod, Deployment or Ingress"`
	Name       string `json:"name" jsonschema:"the object's name"`
	Namespace  string `json:"namespace,omitempty" jsonschema:"its namespace; left out: the kubernetes-namespace header's"`
}

// Got is the structured part of resources_get: which object this is. The object
// itself is in the text.
type Got struct {
	APIVersion        string   `json:"apiVersion"`
	Kind              string   `json:"kind"`
	Namespace         string   `json:"namespace,omitempty"`
	Name              string   `json:"name"`
	UID               string   `json:"uid,omitempty"`
	ResourceVersion   string   `json:"resourceVersion,omitempty"`
	CreationTimestamp string   `json:"creationTimestamp,omitempty"`
	DeletionTimestamp string   `json:"deletionTimestamp,omitempty" jsonschema:"set while the object is being deleted"`
	Redacted          []string `json:"redacted,omitempty" jsonschema:"fields whose values are not shown"`
	Truncated         bool     `json:"truncated,omitempty" jsonschema:"true if the text ends before the object does"`
}

func resourcesGet() tool.Tool {
	return tool.New(mcp.Tool{
		Name: "resources_get", Title: "Get a resource",
		Description: "Shows one object of any kind as YAML. Values of Secrets and other credentials are redacted, managedFields are left out.",
	}, tool.Options{Toolset: tool.Core}, get)
}

func get(ctx context.Context, c *kube.Client, in resourcesGetIn) (string, Got, error) {
	if err := tool.CheckKind(in.APIVersion, in.Kind); err != nil {
		return "", Got{}, err
	}
	if err := tool.CheckName(in.Name); err != nil {
		return "", Got{}, err
	}
	kind, err := c.Resolve(ctx, in.APIVersion, in.Kind)
	if err != nil {
		return "", Got{}, err
	}
	if !kind.Can("get") {
		instead := ""
		if kind.Can("list") {
			instead = " resources_list can show it."
		}
		return "", Got{}, tool.Cannot(kind, "read by name", instead)
	}
	namespace, scope, err := tool.GetScope(c, kind, in.Namespace)
	if err != nil {
		return "", Got{}, err
	}
	whole, err := c.Get(ctx, kind, namespace, in.Name)
	if err != nil {
		return "", Got{}, err
	}
	secret := kind.Group == "" && kind.Resource == "secrets"
	shown, changed, cut := answer.Object(ctx, whole, c.Scrub, secret)
	if err := answer.Ended(ctx); err != nil {
		return "", Got{}, err
	}
	text, err := yaml.Marshal(shown)
	if err != nil {
		return "", Got{}, fmt.Errorf("writing YAML: %w", err)
	}
	out := identify(c, whole, kind, namespace, in.Name)
	out.Redacted = changed[:min(len(changed), maxRedacted)]
	head := fmt.Sprintf("# %s %s (%s) %s\n", out.Kind, out.Name, out.APIVersion, scope)
	body, short := answer.Within(string(text), answer.ObjectBudget)
	if cut || short {
		out.Truncated = true
		body += fmt.Sprintf("# -- cut: the first %d bytes are shown, and there are more. Use resources_list for an overview. --\n", len(body))
	}
	return head + body, out, nil
}

// maxRedacted bounds how many redacted fields are named.
const maxRedacted = 100

// identify takes the identity from the object, and from the question what the
// object does not say.
func identify(c *kube.Client, whole map[string]any, kind kube.Kind, namespace, name string) Got {
	metadata, _ := whole["metadata"].(map[string]any)
	field := func(key string) string {
		s, _ := metadata[key].(string)
		return answer.Line(answer.Present(c, s), answer.MaxCell)
	}
	return Got{
		APIVersion: kind.APIVersion(), Kind: kind.Kind, Namespace: namespace, Name: name,
		UID: field("uid"), ResourceVersion: field("resourceVersion"),
		CreationTimestamp: field("creationTimestamp"), DeletionTimestamp: field("deletionTimestamp"),
	}
}
