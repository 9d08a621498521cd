package change

import (
	"context"
	"fmt"
	"strings"

	"github.com/google/jsonschema-go/jsonschema"
	"github.com/modelcontextprotocol/go-sdk/mcp"

	"kubernetes-mcp-edge/mcpbackend/answer"
	"kubernetes-mcp-edge/mcpbackend/kube"
	"kubernetes-mcp-edge/mcpbackend/tool"
)

type deleteIn struct {
	APIVersion         string `json:"apiVersion,omitempty" jsonschema:"such as v1 or apps/v1; left out: found by kind"`
	Kind               string `json:"kind" jsonschema:"such as Pod or Deployment"`
	Name               string `json:"name" jsonschema:"the object's name"`
	Namespace          string `json:"namespace,omitempty" jsonschema:"its namespace; left out: the kubernetes-namespace header's"`
	GracePeriodSeconds *int64 `json:"gracePeriodSeconds,omitempty" jsonschema:"seconds its containers have to end; left out: what the object says"`
	DryRun             bool   `json:"dryRun,omitempty" jsonschema:"true: the server checks and deletes nothing"`
}

// Deleted is the structured part of resources_delete and pods_delete.
type Deleted struct {
	APIVersion string `json:"apiVersion"`
	Kind       string `json:"kind"`
	Namespace  string `json:"namespace,omitempty"`
	Name       string `json:"name"`
	DryRun     bool   `json:"dryRun,omitempty" jsonschema:"true if nothing was deleted"`
	Pending    bool   `json:"pending,omitempty" jsonschema:"true while it is still there: containers end, or finalizers run"`
}

func resourcesDelete() tool.Tool {
	return tool.New(mcp.Tool{
		Name: "resources_delete", Title: "Delete a resource",
		Description: "Deletes one object of any kind, and with it what it owns. It cannot be undone: try dryRun first.",
	}, tool.Options{Toolset: tool.Write, Access: tool.Writes, Destructive: true, Idempotent: true, Adjust: graces}, remove)
}

// maxGrace is more than any Pod waits, in seconds: a day.
const maxGrace = 24 * 60 * 60

func graces(properties map[string]*jsonschema.Schema) {
	between(properties["gracePeriodSeconds"], 0, maxGrace)
}

// between writes the bounds of an integer into the schema, which is enforced.
func between(s *jsonschema.Schema, least, most float64) { s.Minimum, s.Maximum = &least, &most }

func remove(ctx context.Context, c *kube.Client, in deleteIn) (string, Deleted, error) {
	t, err := aim(ctx, c, in.APIVersion, in.Kind, in.Namespace, in.Name)
	if err != nil {
		return "", Deleted{}, err
	}
	if !t.kind.Can("delete") {
		return "", Deleted{}, tool.Cannot(t.kind, "deleted", "")
	}
	return t.remove(ctx, c, kube.DeleteOptions{Grace: in.GracePeriodSeconds, DryRun: in.DryRun}, consequence(t.kind))
}

// consequence is what else goes, and is not to be guessed.
func consequence(k kube.Kind) string {
	switch {
	case k.Group == "" && k.Resource == "namespaces":
		return "Every object in the namespace goes with it."
	case k.Group == "apiextensions.k8s.io" && k.Resource == "customresourcedefinitions":
		return "Every object of the kind that it defines goes with it."
	}
	return ""
}

// remove deletes the object and says what becomes of it; also is what else
// there is to say.
func (t target) remove(ctx context.Context, c *kube.Client, o kube.DeleteOptions, also string) (string, Deleted, error) {
	done, err := c.Delete(ctx, t.kind, t.namespace, t.name, o)
	if err != nil {
		return "", Deleted{}, failure(fmt.Sprintf("%s was not deleted", t), err)
	}
	out := Deleted{
		APIVersion: t.kind.APIVersion(), Kind: answer.Quoted(t.kind.Kind), Namespace: t.namespace, Name: t.name,
		DryRun: o.DryRun, Pending: done.Pending && !o.DryRun,
	}
	text := fmt.Sprintf("Deleted: %s\n", t)
	switch {
	case o.DryRun:
		text = fmt.Sprintf("Would be deleted (dry run: nothing was): %s\n", t)
	case done.Pending:
		text = fmt.Sprintf("Being deleted: %s\n%s\n", t, waiting(c, done.Finalizers))
	}
	if also != "" {
		text += also + "\n"
	}
	return text, out, nil
}

// waiting is why an object that was deleted is still there.
func waiting(c *kube.Client, finalizers []string) string {
	if len(finalizers) == 0 {
		return "It is there until its containers have ended."
	}
	const most = 10
	var shown []string
	for _, f := range finalizers[:min(len(finalizers), most)] {
		shown = append(shown, answer.Line(answer.Present(c, f), answer.MaxCell))
	}
	return "It is there until these finalizers are done: " + strings.Join(shown, ", ") + ". Do not remove them: their controllers do that."
}
