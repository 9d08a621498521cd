package resources

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/modelcontextprotocol/go-sdk/mcp"

	"kubernetes-mcp-edge/mcpbackend/answer"
	"kubernetes-mcp-edge/mcpbackend/kube"
	"kubernetes-mcp-edge/mcpbackend/tool"
)

type whoAmIIn struct {
	Namespace string `json:"namespace,omitempty" jsonschema:"also what the caller may do there"`
}

// WhoAmI is the structured part of whoami.
type WhoAmI struct {
	Username         string   `json:"username"`
	UID              string   `json:"uid,omitempty"`
	Groups           []string `json:"groups"`
	Server           string   `json:"server"`
	ServerVersion    string   `json:"serverVersion,omitempty"`
	DefaultNamespace string   `json:"defaultNamespace,omitempty"` // used where a call names no namespace
	Rules            int      `json:"rules,omitempty"`            // shown of the namespace that was asked for
}

func whoAmITool() tool.Tool {
	return tool.New(mcp.Tool{
		Name: "whoami", Title: "Who am I",
		Description:  "Shows whom the cluster takes the caller for, and which API server answers. Use it first, and whenever something is forbidden.",
		OutputSchema: tool.Output[WhoAmI]("username", "groups", "server"),
	}, tool.Options{Toolset: tool.Core}, whoAmI)
}

// maxGroups bounds how many groups are shown: a hostile server names as many as
// it likes.
const maxGroups = 100

func whoAmI(ctx context.Context, c *kube.Client, in whoAmIIn) (string, WhoAmI, error) {
	if in.Namespace != "" && !kube.ValidNamespace(in.Namespace) {
		return "", WhoAmI{}, answer.Mistake("namespace is the name of one namespace here: rules are kept for each by itself.")
	}
	id, err := c.WhoAmI(ctx)
	if e, ok := errors.AsType[*kube.Error](err); ok && e.Trouble == kube.NoSuchAPI {
		return "", WhoAmI{}, answer.Advice(e.Trouble.String(), "This cluster cannot say who the caller is: SelfSubjectReview came with Kubernetes 1.28, and this API server does not offer it. That says nothing about the credential. Go on with namespaces_list or resources_list.")
	}
	if err != nil {
		return "", WhoAmI{}, err
	}
	shown := func(s string) string { return answer.Line(answer.Present(c, s), answer.MaxCell) }
	out := WhoAmI{
		Username: shown(id.Username), UID: shown(id.UID), Groups: []string{},
		Server: c.Server(), DefaultNamespace: c.Namespace(),
	}
	for _, g := range id.Groups[:min(len(id.Groups), maxGroups)] {
		out.Groups = append(out.Groups, shown(g))
	}
	version := "version unknown" // not everybody may ask, and who he is stays true
	if v, err := c.ServerVersion(ctx); err == nil {
		out.ServerVersion = shown(v)
		version = "Kubernetes " + out.ServerVersion
	}
	var b strings.Builder
	fmt.Fprintf(&b, "User: %s\nGroups: %s\n", out.Username, strings.Join(out.Groups, ", "))
	if more := len(id.Groups) - len(out.Groups); more > 0 {
		fmt.Fprintf(&b, "-- %d more groups were left out --\n", more)
	}
	fmt.Fprintf(&b, "Server: %s (%s)\n", out.Server, version)
	if out.DefaultNamespace != "" {
		fmt.Fprintf(&b, "Default namespace: %s (from the kubernetes-namespace header)\n", out.DefaultNamespace)
	}
	if in.Namespace != "" {
		text, shown := allowed(ctx, c, in.Namespace)
		b.WriteString(text)
		out.Rules = shown
	}
	return b.String(), out, nil
}
