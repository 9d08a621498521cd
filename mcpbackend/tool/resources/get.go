package resources

import (
	"cmp"
	"context"
	"fmt"
	"strings"

	"github.com/google/jsonschema-go/jsonschema"
	"github.com/modelcontextprotocol/go-sdk/mcp"

	"kubernetes-mcp-edge/mcpbackend/answer"
	"kubernetes-mcp-edge/mcpbackend/kube"
	"kubernetes-mcp-edge/mcpbackend/tool"
)

type resourcesGetIn struct {
	APIVersion string   `json:"apiVersion,omitempty" jsonschema:"found by kind if left out"`
	Kind       string   `json:"kind" jsonschema:"e.g. Deployment; plurals and short names too"`
	Name       string   `json:"name,omitempty"`
	Names      []string `json:"names,omitempty" jsonschema:"several at once instead of name"`
	Namespace  string   `json:"namespace,omitempty" jsonschema:"default: the kubernetes-namespace header's"`
	Fields     []string `json:"fields,omitempty" jsonschema:"show only these paths, e.g. spec.containers[*].image"`
}

// maxNames bounds how many objects one call reads.
const maxNames = 20

// Got is the structured part of an answer that shows objects: which ones these
// are. The objects are in the text.
type Got struct {
	APIVersion        string   `json:"apiVersion"`
	Kind              string   `json:"kind"`
	Namespace         string   `json:"namespace,omitempty"`
	Name              string   `json:"name,omitempty"`  // of the only one
	Names             []string `json:"names,omitempty"` // of several: those in the text
	Failed            []string `json:"failed,omitempty"`
	UID               string   `json:"uid,omitempty"`
	ResourceVersion   string   `json:"resourceVersion,omitempty"`
	CreationTimestamp string   `json:"creationTimestamp,omitempty"`
	DeletionTimestamp string   `json:"deletionTimestamp,omitempty"` // set while the object is being deleted
	Redacted          []string `json:"redacted,omitempty"`          // fields whose values are not shown; of several objects after the name
	Truncated         bool     `json:"truncated,omitempty"`         // the text ends before the objects do
}

func resourcesGet() tool.Tool {
	return tool.New(mcp.Tool{
		Name: "resources_get", Title: "Resource",
		Description:  "Shows objects of any kind as YAML. Credentials, as in Secrets, are redacted.",
		OutputSchema: Shown(),
	}, tool.Options{Toolset: tool.Core, Adjust: func(properties map[string]*jsonschema.Schema) {
		most := maxNames
		array(properties["names"])
		array(properties["fields"])
		properties["names"].MaxItems = &most
	}}, get)
}

func get(ctx context.Context, c *kube.Client, in resourcesGetIn) (string, Got, error) {
	return Get(ctx, c, Objects{APIVersion: in.APIVersion, Kind: in.Kind, Namespace: in.Namespace, Name: in.Name, Names: in.Names, Fields: in.Fields})
}

// Objects are what Get is asked for: one object by Name, or several by Names.
type Objects struct {
	APIVersion, Kind, Namespace, Name string
	Names, Fields                     []string
}

func (o Objects) check() (answer.Fields, error) {
	if err := tool.CheckKind(o.APIVersion, o.Kind); err != nil {
		return nil, err
	}
	switch {
	case o.Name != "" && len(o.Names) > 0:
		return nil, answer.Mistake("pass name for one object or names for several, not both.")
	case o.Name == "" && len(o.Names) == 0:
		return nil, answer.Mistake("name is missing: pass the object's name, or names for several (resources_list shows them).")
	case len(o.Names) > maxNames:
		return nil, answer.Mistake("names holds more than %d names: call again for the others.", maxNames)
	case strings.ContainsAny(o.Name, ", "):
		return nil, answer.Mistake("name is one name: pass several as the list names.")
	}
	for _, name := range o.names() {
		if err := tool.CheckName(name); err != nil {
			return nil, err
		}
	}
	if len(o.Fields) == 0 {
		return nil, nil
	}
	return answer.ParseFields(o.Fields)
}

func (o Objects) names() []string {
	if o.Name != "" {
		return []string{o.Name}
	}
	return o.Names
}

// Get shows objects. It is what every tool that shows an object answers.
func Get(ctx context.Context, c *kube.Client, o Objects) (string, Got, error) {
	fields, err := o.check()
	if err != nil {
		return "", Got{}, err
	}
	kind, err := c.Resolve(ctx, o.APIVersion, o.Kind)
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
	namespace, scope, err := tool.GetScope(c, kind, o.Namespace)
	if err != nil {
		return "", Got{}, err
	}
	g := getting{c: c, kind: kind, namespace: namespace, scope: scope + chosen(c, o.APIVersion, kind), fields: fields}
	var text string
	var out Got
	if o.Name != "" {
		text, out, err = g.one(ctx, o.Name)
	} else {
		text, out, err = g.several(ctx, o.Names)
	}
	if err != nil {
		return "", Got{}, err
	}
	if err := answer.Ended(ctx); err != nil {
		return "", Got{}, err
	}
	return text, out, nil
}

// getting are objects on their way.
type getting struct {
	c                *kube.Client
	kind             kube.Kind
	namespace, scope string
	fields           answer.Fields
}

// maxRedacted bounds how many redacted fields are named.
const maxRedacted = 100

func (g *getting) one(ctx context.Context, name string) (string, Got, error) {
	whole, err := g.c.Get(ctx, g.kind, g.namespace, name)
	if err != nil {
		return "", Got{}, err
	}
	body, changed, cut, err := answer.Document(ctx, g.c, whole, g.kind, g.fields, answer.ObjectBudget)
	if err != nil {
		return "", Got{}, err
	}
	out := identify(g.c, whole, g.kind, g.namespace, name)
	out.Redacted = changed[:min(len(changed), maxRedacted)]
	if cut {
		out.Truncated = true
		body += fmt.Sprintf("# -- cut: the first %d bytes are shown, and there are more. Ask for parts of it with fields. --\n", len(body))
	}
	return fmt.Sprintf("# %s %s (%s) %s\n", out.Kind, out.Name, out.APIVersion, g.scope) + body, out, nil
}

// several reads each object by itself: one that fails is no reason to withhold
// the others. All failing for one reason is a failure of the call.
func (g *getting) several(ctx context.Context, names []string) (string, Got, error) {
	objects, failures := make([]map[string]any, len(names)), make([]error, len(names))
	if err := tool.Each(len(names), func(i int) {
		objects[i], failures[i] = g.c.Get(ctx, g.kind, g.namespace, names[i])
	}); err != nil {
		return "", Got{}, err
	}
	out := Got{APIVersion: g.kind.APIVersion(), Kind: answer.Line(answer.Present(g.c, g.kind.Kind), answer.MaxCell), Namespace: g.namespace}
	var body, failed strings.Builder
	var first error
	for i, name := range names {
		if failures[i] != nil {
			first = cmp.Or(first, failures[i])
			out.Failed = append(out.Failed, name)
			fmt.Fprintf(&failed, "# %s: %s\n", name, answer.Advise(failures[i]))
			continue
		}
		left := answer.ObjectBudget - body.Len()
		text, changed, cut, err := answer.Document(ctx, g.c, objects[i], g.kind, g.fields, left)
		if err != nil {
			return "", Got{}, err
		}
		if left <= 0 || cut && len(out.Names) > 0 {
			out.Truncated = true
			out.Failed = append(out.Failed, name)
			fmt.Fprintf(&failed, "# %s: left out to keep the answer short. Call again for it, or ask for parts with fields.\n", name)
			continue
		}
		out.Truncated = out.Truncated || cut
		if cut {
			fmt.Fprintf(&failed, "# %s: cut, there is more of it. Ask for parts of it with fields.\n", name)
		}
		out.Names = append(out.Names, name)
		for _, path := range changed[:min(len(changed), maxRedacted-len(out.Redacted))] {
			out.Redacted = append(out.Redacted, name+": "+path)
		}
		fmt.Fprintf(&body, "---\n# %s\n%s", name, text)
	}
	if len(out.Names) == 0 && first != nil {
		return "", Got{}, answer.Advice(answer.Word(first), "Nothing could be read.\n"+failed.String())
	}
	return fmt.Sprintf("# %d of %d %s (%s) %s\n", len(out.Names), len(names), out.Kind, out.APIVersion, g.scope) + failed.String() + body.String(), out, nil
}

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
