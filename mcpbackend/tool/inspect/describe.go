package inspect

import (
	"context"
	"fmt"
	"strings"

	"github.com/modelcontextprotocol/go-sdk/mcp"

	"kubernetes-mcp-edge/mcpbackend/answer"
	"kubernetes-mcp-edge/mcpbackend/describe"
	"kubernetes-mcp-edge/mcpbackend/kube"
	"kubernetes-mcp-edge/mcpbackend/tool"
)

type resourcesDescribeIn struct {
	APIVersion string `json:"apiVersion,omitempty" jsonschema:"found by the kind if left out"`
	Kind       string `json:"kind" jsonschema:"kind, plural or short name"`
	Name       string `json:"name"`
	Namespace  string `json:"namespace,omitempty"`
}

// Described is the structured part of resources_describe: which object this is,
// and what is not in the text.
type Described struct {
	APIVersion string   `json:"apiVersion"`
	Kind       string   `json:"kind"`
	Namespace  string   `json:"namespace,omitempty"`
	Name       string   `json:"name"`
	Unread     []string `json:"unread,omitempty"`
	Truncated  bool     `json:"truncated,omitempty"`
}

func resourcesDescribe() tool.Tool {
	return tool.New(mcp.Tool{
		Name: "resources_describe", Title: "Describe a resource",
		Description:  "Describes one object of any kind as kubectl describe does: status, related objects and events. Secrets show sizes only.",
		OutputSchema: tool.Output[Described]("apiVersion", "kind", "name", "unread"),
	}, tool.Options{Toolset: tool.Core}, describeOne)
}

// eventsBudget is how much of the end stays when a description is cut, in bytes:
// the events are there.
const eventsBudget = 16 << 10

func describeOne(ctx context.Context, c *kube.Client, in resourcesDescribeIn) (string, Described, error) {
	kind, namespace, scope, err := object(ctx, c, in.APIVersion, in.Kind, in.Namespace, in.Name)
	if err != nil {
		return "", Described{}, err
	}
	if !kind.Can("get") {
		return "", Described{}, tool.Cannot(kind, "read by name", "")
	}
	tool.Step(ctx, "reading the object and its events")
	d, err := describe.Object(ctx, c, kind, namespace, in.Name)
	if err != nil {
		return "", Described{}, err
	}
	out := Described{
		APIVersion: kind.APIVersion(), Kind: word(c, kind.Kind), Namespace: namespace, Name: in.Name, Unread: d.Unread,
	}
	var b strings.Builder
	fmt.Fprintf(&b, "# %s %s (%s) %s\n", out.Kind, out.Name, out.APIVersion, scope)
	body, cut := ends(trimmed(d.Text), answer.ObjectBudget, eventsBudget)
	b.WriteString(body)
	out.Truncated = cut || d.Shortened
	if d.Shortened {
		b.WriteString("# -- long texts or lists were shortened; resources_get shows more --\n")
	}
	writeUnread(&b, d.Unread)
	return b.String(), out, nil
}

// object checks the arguments that name one object, and finds its kind and where
// it is.
func object(ctx context.Context, c *kube.Client, apiVersion, kindName, asked, name string) (kind kube.Kind, namespace, scope string, err error) {
	if kind, err = resolve(ctx, c, apiVersion, kindName); err != nil {
		return kind, "", "", err
	}
	if err = tool.CheckName(name); err != nil {
		return kind, "", "", err
	}
	namespace, scope, err = tool.GetScope(c, kind, asked)
	return kind, namespace, scope, err
}

// resolve finds a kind; apiVersion "" means by discovery.
func resolve(ctx context.Context, c *kube.Client, apiVersion, kindName string) (kube.Kind, error) {
	checked := apiVersion
	if checked == "" {
		checked = "v1"
	}
	if err := tool.CheckKind(checked, kindName); err != nil {
		return kube.Kind{}, err
	}
	return c.Resolve(ctx, apiVersion, kindName)
}

// word is a short text of the server, fit to show.
func word(c *kube.Client, s string) string {
	return answer.Line(answer.Present(c, s), answer.MaxCell)
}

// writeUnread says what an answer lacks because it was not to be had.
func writeUnread(b *strings.Builder, unread []string) {
	if len(unread) > 0 {
		fmt.Fprintf(b, "# -- incomplete, because this could not be read: %s --\n", strings.Join(unread, ", "))
	}
}

// trimmed takes the spaces from the ends of lines.
func trimmed(text string) string {
	var b strings.Builder
	for line := range strings.Lines(text) {
		b.WriteString(strings.TrimRight(line, " \n"))
		b.WriteByte('\n')
	}
	return b.String()
}

// ends cuts the middle out of a text that is over budget, and keeps so much of
// its end.
func ends(text string, budget, end int) (kept string, cut bool) {
	head, cut := answer.Within(text, budget-end)
	if !cut || len(text) <= budget {
		return text, false
	}
	tail := text[len(text)-end:]
	if at := strings.IndexByte(tail, '\n'); at >= 0 {
		tail = tail[at+1:]
	}
	tail = strings.ToValidUTF8(tail, "")
	return head + fmt.Sprintf("# -- %d bytes left out here --\n", len(text)-len(head)-len(tail)) + tail, true
}
