package inspect

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/modelcontextprotocol/go-sdk/mcp"

	"kubernetes-mcp-edge/mcpbackend/answer"
	"kubernetes-mcp-edge/mcpbackend/kube"
	"kubernetes-mcp-edge/mcpbackend/tool"
)

type canIIn struct {
	Verb        string `json:"verb" jsonschema:"get, list, watch, create, update, patch, delete, … or *"`
	Kind        string `json:"kind" jsonschema:"kind, plural or short name, or * for all"`
	APIVersion  string `json:"apiVersion,omitempty"`
	Name        string `json:"name,omitempty" jsonschema:"one object; left out: any"`
	Namespace   string `json:"namespace,omitempty" jsonschema:"* for all"`
	Subresource string `json:"subresource,omitempty" jsonschema:"such as log, exec or scale"`
}

// CanI is the structured part of can_i: the question as it was asked, and the
// answer.
type CanI struct {
	Allowed   bool   `json:"allowed"`
	Verb      string `json:"verb"`
	Resource  string `json:"resource"` // plural.group/subresource
	Namespace string `json:"namespace,omitempty"`
	Name      string `json:"name,omitempty"`
}

func canITool() tool.Tool {
	return tool.New(mcp.Tool{
		Name: "can_i", Title: "May I",
		Description:  "Asks the cluster whether the caller may do something. Use it before a change and when something is forbidden.",
		OutputSchema: tool.Output[CanI]("allowed", "resource"),
	}, tool.Options{Toolset: tool.Core}, canI)
}

// apiVerbs are those that discovery names; RBAC knows others, such as use and bind.
var apiVerbs = []string{"get", "list", "watch", "create", "update", "patch", "delete", "deletecollection"}

// every is all verbs, or all resources of all groups.
const every = "*"

func canI(ctx context.Context, c *kube.Client, in canIIn) (string, CanI, error) {
	in.Verb = strings.ToLower(in.Verb)
	if in.Verb != every && !kube.ValidKind(in.Verb) {
		return "", CanI{}, answer.Mistake("verb is one word: get, list, watch, create, update, patch, delete or * for all.")
	}
	if before, after, found := strings.Cut(in.Kind, "/"); found && in.Subresource == "" {
		in.Kind, in.Subresource = before, after // as kubectl spells it
	}
	if in.Subresource != "" && !kube.ValidKind(in.Subresource) {
		return "", CanI{}, answer.Mistake("subresource is one word, such as log, exec, scale or status.")
	}
	if in.Name != "" {
		if err := tool.CheckName(in.Name); err != nil {
			return "", CanI{}, err
		}
	}
	kind := kube.Kind{Group: every, Resource: every, Namespaced: true}
	if in.Kind != every {
		var err error
		if kind, err = resolve(ctx, c, in.APIVersion, in.Kind); err != nil {
			return "", CanI{}, err
		}
	}
	namespace, scope, err := tool.ListScope(c, kind, in.Namespace)
	if err != nil {
		return "", CanI{}, err
	}
	got, err := c.CanI(ctx, kube.Review{
		Verb: in.Verb, Group: kind.Group, Resource: kind.Resource, Subresource: in.Subresource, Namespace: namespace, Name: in.Name,
	})
	if err != nil {
		return "", CanI{}, err
	}
	out := CanI{Allowed: got.Allowed, Verb: in.Verb, Resource: resourceName(kind, in.Subresource), Namespace: namespace, Name: in.Name}
	return sentence(c, kind, out, scope, got.Reason), out, nil
}

// resourceName is how RBAC and kubectl spell a resource.
func resourceName(k kube.Kind, subresource string) string {
	name := k.Resource
	if k.Group != "" && k.Group != every {
		name += "." + k.Group
	}
	if subresource != "" {
		name += "/" + subresource
	}
	return name
}

func sentence(c *kube.Client, kind kube.Kind, out CanI, scope, reason string) string {
	yes := "No: the caller may not"
	if out.Allowed {
		yes = "Yes: the caller may"
	}
	verb := out.Verb
	if verb == every {
		verb = "do everything with"
	}
	what := out.Resource
	if what == every {
		what = "every resource"
	}
	if out.Name != "" {
		what += " " + out.Name
	}
	text := fmt.Sprintf("%s %s %s %s.", yes, verb, what, scope)
	if reason = word(c, reason); reason != "" {
		text += " The server says: " + strings.TrimSuffix(reason, ".") + "."
	}
	whole := kind.Kind != "" && !strings.Contains(out.Resource, "/")
	if whole && slices.Contains(apiVerbs, out.Verb) && len(kind.Verbs()) > 0 && !kind.Can(out.Verb) {
		text += fmt.Sprintf(" But this cluster's API offers only %s for %s.", strings.Join(kind.Verbs(), ", "), cmp.Or(word(c, kind.Kind), "it"))
	}
	return text + "\n"
}
