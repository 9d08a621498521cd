package tool

import (
	"context"
	"fmt"
	"strings"

	"github.com/google/jsonschema-go/jsonschema"
	"github.com/modelcontextprotocol/go-sdk/mcp"

	"kubernetes-mcp-edge/mcpbackend/kube"
)

// Limits of one list.
const (
	defaultLimit = 100
	maxLimit     = 500
)

// everyNamespace is how a caller with a default namespace asks for all.
const everyNamespace = "*"

type namespacesListIn struct {
	LabelSelector string `json:"labelSelector,omitempty" jsonschema:"such as environment=production,tier!=frontend"`
	FieldSelector string `json:"fieldSelector,omitempty" jsonschema:"such as metadata.name=team-a or status.phase=Active"`
	Limit         int    `json:"limit,omitempty" jsonschema:"at most this many; default 100"`
	Continue      string `json:"continue,omitempty" jsonschema:"from the answer before"`
}

type resourcesListIn struct {
	APIVersion    string `json:"apiVersion" jsonschema:"such as v1, apps/v1 or networking.k8s.io/v1"`
	Kind          string `json:"kind" jsonschema:"such as Pod, Deployment or Ingress"`
	Namespace     string `json:"namespace,omitempty" jsonschema:"one namespace; * for all; left out: the kubernetes-namespace header's, or all without one"`
	LabelSelector string `json:"labelSelector,omitempty" jsonschema:"such as app=web,tier!=cache"`
	FieldSelector string `json:"fieldSelector,omitempty" jsonschema:"such as status.phase=Running or spec.nodeName=node-1"`
	Limit         int    `json:"limit,omitempty" jsonschema:"at most this many; default 100"`
	Continue      string `json:"continue,omitempty" jsonschema:"from the answer before"`
}

func addNamespacesList(s *mcp.Server, clients Clients) error {
	return add(s, clients, mcp.Tool{
		Name: "namespaces_list", Title: "List namespaces",
		Description: "Lists the cluster's namespaces. A caller who may not list them can still work in the ones he knows.",
	}, limits, func(ctx context.Context, c *kube.Client, in namespacesListIn) (string, Listed, error) {
		return list(ctx, c, resourcesListIn{
			APIVersion: "v1", Kind: "Namespace", LabelSelector: in.LabelSelector, FieldSelector: in.FieldSelector,
			Limit: in.Limit, Continue: in.Continue,
		})
	})
}

func addResourcesList(s *mcp.Server, clients Clients) error {
	return add(s, clients, mcp.Tool{
		Name: "resources_list", Title: "List resources",
		Description: "Lists objects of any kind as the table that the server prints, with their names. The answer states which namespaces it covers and whether there is more. Use resources_get for one object in full.",
	}, limits, list)
}

// limits writes the bounds into the schema, which is enforced.
func limits(properties map[string]*jsonschema.Schema) {
	least, most := 1.0, float64(maxLimit)
	properties["limit"].Minimum, properties["limit"].Maximum = &least, &most
}

func list(ctx context.Context, c *kube.Client, in resourcesListIn) (string, Listed, error) {
	if err := checkKind(in.APIVersion, in.Kind); err != nil {
		return "", Listed{}, err
	}
	if err := checkSelectors(in.LabelSelector, in.FieldSelector, in.Continue); err != nil {
		return "", Listed{}, err
	}
	kind, err := c.Resolve(ctx, in.APIVersion, in.Kind)
	if err != nil {
		return "", Listed{}, err
	}
	if !kind.Can("list") {
		return "", Listed{}, cannot(kind, "listed", "")
	}
	namespace, scope, err := listScope(c, kind, in.Namespace)
	if err != nil {
		return "", Listed{}, err
	}
	if in.Limit == 0 {
		in.Limit = defaultLimit
	}
	in.Limit = min(in.Limit, maxLimit)
	table, err := c.List(ctx, kind, kube.ListOptions{
		Namespace: namespace, LabelSelector: in.LabelSelector, FieldSelector: in.FieldSelector,
		Limit: in.Limit, Continue: in.Continue,
	})
	if err != nil {
		return "", Listed{}, err
	}
	text, out := listed(ctx, c, scope, Listed{
		APIVersion: kind.APIVersion(), Kind: line(present(c, kind.Kind), maxCell), Namespace: namespace,
		AllNamespaces: kind.Namespaced && namespace == "",
	}, table, look(kind, table), in.Limit)
	if err := ended(ctx); err != nil {
		return "", Listed{}, err
	}
	return text, out, nil
}

// listScope decides where to look and says so. It never looks at less than the
// caller asked for: the default namespace counts only where he named none.
func listScope(c *kube.Client, kind kube.Kind, asked string) (namespace, scope string, err error) {
	if asked != "" && asked != everyNamespace && !kube.ValidNamespace(asked) {
		return "", "", badNamespace()
	}
	switch {
	case !kind.Namespaced && asked != "":
		return "", "in the cluster (this kind has no namespaces: the argument was not used)", nil
	case !kind.Namespaced:
		return "", "in the cluster", nil
	case asked == everyNamespace:
		return "", "in all namespaces", nil
	case asked != "":
		return asked, "in namespace " + asked, nil
	case c.Namespace() != "":
		return c.Namespace(), "in namespace " + c.Namespace() + " (from the kubernetes-namespace header; pass namespace * for all)", nil
	}
	return "", "in all namespaces", nil
}

func badNamespace() error {
	return mistake("namespace is not the name of a namespace: use lower-case letters, digits and dashes, at most 63.")
}

// checkKind refuses what can be no kind before anything is asked.
func checkKind(apiVersion, kind string) error {
	if !kube.ValidAPIVersion(apiVersion) {
		return mistake("apiVersion must read version or group/version, such as v1 or apps/v1.")
	}
	if !kube.ValidKind(kind) {
		return mistake("kind must be one word of letters and digits, such as Pod or Deployment.")
	}
	return nil
}

// cannot says that a kind does not offer a verb at all, to nobody.
func cannot(kind kube.Kind, done, instead string) error {
	return &advice{
		text: fmt.Sprintf("%s (%s) cannot be %s: this cluster's API does not offer that for this kind, whoever asks. Do not retry.%s", kind.Kind, kind.APIVersion(), done, instead),
		word: kube.Unsupported.String(),
	}
}

// maxSelector bounds a selector or a continue token, in bytes.
const maxSelector = 4 << 10

func checkSelectors(values ...string) error {
	for _, v := range values {
		if len(v) > maxSelector || strings.ContainsFunc(v, kube.Hidden) {
			return mistake("a selector or continue token is longer than %d bytes or holds control characters.", maxSelector)
		}
	}
	return nil
}
