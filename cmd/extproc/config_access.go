package main

import (
	"errors"
	"strings"

	"kubernetes-mcp-edge/extproc/access"
	"kubernetes-mcp-edge/extproc/policy"
)

// accessCommand asks the rules of access as the backend does. Its arguments are
// those of kubectl auth can-i.
type accessCommand struct {
	File      string `arg:"" help:"The policy file."`
	Verb      string `arg:"" help:"A verb of RBAC, such as get, list or patch."`
	Resource  string `arg:"" help:"A plural with group and subresource, such as pods, deployments.apps or pods/log."`
	Name      string `arg:"" optional:"" help:"One object; for a list or a create leave it out."`
	Namespace string `short:"n" help:"Left out: all namespaces, or what is in none."`
	Version   string `help:"The version in the path of the request, such as v1; left out: one that no rule names."`
	Kind      string `help:"The kind, if it is not what the plural says."`
	Cluster   bool   `help:"The resource is in no namespace, as nodes are."`
}

// Run prints what decides, and fails if the request would be refused.
func (c *accessCommand) Run(env *environment) error {
	p, err := load(env, c.File)
	if err != nil {
		return err
	}
	resource, sub, _ := strings.Cut(c.Resource, "/")
	resource, group, _ := strings.Cut(resource, ".")
	q := access.Request{
		Verb: c.Verb, Group: group, Version: c.Version, Resource: resource, Subresource: sub,
		Namespace: c.Namespace, Name: c.Name, Kind: c.Kind, ClusterScoped: c.Cluster,
	}
	if err := access.CheckVerb(c.Verb); err != nil {
		return err
	}
	step := p.ExplainAccess(q)
	if err := printSteps(env.stdout, c.File, []policy.Step{step}); err != nil {
		return err
	}
	if step.Outcome == policy.Rejects {
		return errors.New("the request would be refused: " + p.Access.Check(q).Error())
	}
	return nil
}
