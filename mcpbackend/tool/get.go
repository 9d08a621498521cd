package tool

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/modelcontextprotocol/go-sdk/mcp"
	"sigs.k8s.io/yaml"

	"kubernetes-mcp-edge/mcpbackend/kube"
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

func addResourcesGet(s *mcp.Server, clients Clients) error {
	return add(s, clients, mcp.Tool{
		Name: "resources_get", Title: "Get a resource",
		Description: "Shows one object of any kind as YAML. Values of Secrets and other credentials are redacted, managedFields are left out.",
	}, nil, get)
}

func get(ctx context.Context, c *kube.Client, in resourcesGetIn) (string, Got, error) {
	if err := checkKind(in.APIVersion, in.Kind); err != nil {
		return "", Got{}, err
	}
	if !kube.ValidName(in.Name) {
		return "", Got{}, mistake("name is not the name of an object: use letters, digits and - . : _ @, at most 253.")
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
		return "", Got{}, cannot(kind, "read by name", instead)
	}
	namespace, scope, err := getScope(c, kind, in.Namespace)
	if err != nil {
		return "", Got{}, err
	}
	whole, err := c.Get(ctx, kind, namespace, in.Name)
	if err != nil {
		return "", Got{}, err
	}
	secret := kind.Group == "" && kind.Resource == "secrets"
	shown, changed, cut := object(ctx, whole, c.Scrub, secret)
	if err := ended(ctx); err != nil {
		return "", Got{}, err
	}
	text, err := yaml.Marshal(shown)
	if err != nil {
		return "", Got{}, fmt.Errorf("writing YAML: %w", err)
	}
	out := identify(c, whole, kind, namespace, in.Name)
	out.Redacted = changed[:min(len(changed), maxRedacted)]
	head := fmt.Sprintf("# %s %s (%s) %s\n", out.Kind, out.Name, out.APIVersion, scope)
	body, short := within(string(text), objectBudget)
	if cut || short {
		out.Truncated = true
		body += fmt.Sprintf("# -- cut: the first %d bytes are shown, and there are more. Use resources_list for an overview. --\n", len(body))
	}
	return head + body, out, nil
}

// ended is an error once the call's time is over: what was made until then is
// a part that does not know it.
func ended(ctx context.Context) error {
	switch err := ctx.Err(); {
	case err == nil:
		return nil
	case errors.Is(err, context.DeadlineExceeded):
		return &kube.Error{Trouble: kube.Deadline}
	}
	return &kube.Error{Trouble: kube.Canceled}
}

// maxRedacted bounds how many redacted fields are named.
const maxRedacted = 100

func getScope(c *kube.Client, kind kube.Kind, asked string) (namespace, scope string, err error) {
	switch {
	case asked != "" && !kube.ValidNamespace(asked):
		return "", "", badNamespace()
	case !kind.Namespaced && asked != "":
		return "", "in the cluster (this kind has no namespaces: the argument was not used)", nil
	case !kind.Namespaced:
		return "", "in the cluster", nil
	case asked != "":
		return asked, "in namespace " + asked, nil
	case c.Namespace() != "":
		return c.Namespace(), "in namespace " + c.Namespace() + " (from the kubernetes-namespace header)", nil
	}
	return "", "", mistake("this kind lives in namespaces: call again with namespace (resources_list shows where the object is).")
}

// identify takes the identity from the object, and from the question what the
// object does not say.
func identify(c *kube.Client, whole map[string]any, kind kube.Kind, namespace, name string) Got {
	metadata, _ := whole["metadata"].(map[string]any)
	field := func(key string) string {
		s, _ := metadata[key].(string)
		return line(present(c, s), maxCell)
	}
	return Got{
		APIVersion: kind.APIVersion(), Kind: kind.Kind, Namespace: namespace, Name: name,
		UID: field("uid"), ResourceVersion: field("resourceVersion"),
		CreationTimestamp: field("creationTimestamp"), DeletionTimestamp: field("deletionTimestamp"),
	}
}

// within cuts text after the last line that fits.
func within(text string, budget int) (kept string, cut bool) {
	if len(text) <= budget {
		return text, false
	}
	kept = text[:budget]
	if end := strings.LastIndexByte(kept, '\n'); end >= 0 {
		return kept[:end+1], true
	}
	return strings.ToValidUTF8(kept, "") + "\n", true
}
