package change

import (
	"context"
	"fmt"

	"github.com/google/jsonschema-go/jsonschema"
	"github.com/modelcontextprotocol/go-sdk/mcp"

	"kubernetes-mcp-edge/mcpbackend/answer"
	"kubernetes-mcp-edge/mcpbackend/kube"
	"kubernetes-mcp-edge/mcpbackend/tool"
)

type scaleIn struct {
	APIVersion string `json:"apiVersion,omitempty" jsonschema:"such as apps/v1; left out: found by kind"`
	Kind       string `json:"kind" jsonschema:"such as Deployment or StatefulSet"`
	Name       string `json:"name" jsonschema:"the object's name"`
	Namespace  string `json:"namespace,omitempty" jsonschema:"its namespace; left out: the kubernetes-namespace header's"`
	Scale      *int64 `json:"scale,omitempty" jsonschema:"replicas to set; left out: only show the scale"`
	DryRun     bool   `json:"dryRun,omitempty" jsonschema:"true: the server checks and sets nothing"`
}

// Scaled is the structured part of resources_scale.
type Scaled struct {
	APIVersion string `json:"apiVersion"`
	Kind       string `json:"kind"`
	Namespace  string `json:"namespace,omitempty"`
	Name       string `json:"name"`
	Replicas   int64  `json:"replicas" jsonschema:"wanted"`
	Current    int64  `json:"current" jsonschema:"there are"`
	Before     *int64 `json:"before,omitempty" jsonschema:"wanted before, where it was set and could be read"`
	DryRun     bool   `json:"dryRun,omitempty" jsonschema:"true if nothing was set"`
}

func resourcesScale() tool.Tool {
	return tool.New(mcp.Tool{
		Name: "resources_scale", Title: "Scale a resource",
		Description: "Sets how many replicas a Deployment, StatefulSet or other scalable object wants, or without scale shows it.",
	}, tool.Options{Toolset: tool.Write, Access: tool.Writes, Destructive: true, Idempotent: true, Adjust: func(p map[string]*jsonschema.Schema) {
		between(p["scale"], 0, 1<<31-1) // of spec.replicas, an int32
	}}, scale)
}

func scale(ctx context.Context, c *kube.Client, in scaleIn) (string, Scaled, error) {
	t, err := aim(ctx, c, in.APIVersion, in.Kind, in.Namespace, in.Name)
	if err != nil {
		return "", Scaled{}, err
	}
	out := Scaled{APIVersion: t.kind.APIVersion(), Kind: answer.Quoted(t.kind.Kind), Namespace: t.namespace, Name: t.name, DryRun: in.DryRun}
	before, err := c.Scale(ctx, t.kind, t.namespace, t.name)
	if in.Scale == nil {
		if err != nil {
			return "", Scaled{}, err
		}
		out.Replicas, out.Current, out.DryRun = before.Replicas, before.Status, false
		return fmt.Sprintf("%s wants %s; there are %d.\n", t, plural(before.Replicas, "replica"), before.Status), out, nil
	}
	if err == nil {
		out.Before = &before.Replicas
	} else if trouble(err) != kube.Forbidden { // who may set need not be allowed to look
		return "", Scaled{}, err
	}
	after, err := c.SetScale(ctx, t.kind, t.namespace, t.name, *in.Scale, in.DryRun)
	if err != nil {
		return "", Scaled{}, failure(fmt.Sprintf("%s was not scaled", t), err)
	}
	out.Replicas, out.Current = after.Replicas, after.Status
	from := ""
	if out.Before != nil {
		from = fmt.Sprintf(" from %d", before.Replicas)
	}
	if in.DryRun {
		return fmt.Sprintf("%s would be scaled%s to %s (dry run: nothing was set); there are %d.\n", t, from, plural(after.Replicas, "replica"), after.Status), out, nil
	}
	return fmt.Sprintf("%s is scaled%s to %s; there are %d now.\n", t, from, plural(after.Replicas, "replica"), after.Status), out, nil
}
