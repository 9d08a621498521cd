package change

import (
	"cmp"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"regexp"
	"strings"

	"github.com/google/jsonschema-go/jsonschema"
	"github.com/modelcontextprotocol/go-sdk/mcp"

	"kubernetes-mcp-edge/mcpbackend/answer"
	"kubernetes-mcp-edge/mcpbackend/kube"
	"kubernetes-mcp-edge/mcpbackend/tool"
)

type runIn struct {
	Image     string `json:"image" jsonschema:"container image, such as registry.example.com/web:1"`
	Name      string `json:"name,omitempty" jsonschema:"the Pod's name; left out: one is made up"`
	Namespace string `json:"namespace,omitempty" jsonschema:"left out: the kubernetes-namespace header's"`
	Port      int    `json:"port,omitempty" jsonschema:"port that the container listens on; makes a Service of the same name too"`
	DryRun    bool   `json:"dryRun,omitempty" jsonschema:"true: the server checks and creates nothing"`
}

// Ran is the structured part of pods_run.
type Ran struct {
	Namespace string `json:"namespace"`
	Pod       string `json:"pod"`
	Service   string `json:"service,omitempty"`
	DryRun    bool   `json:"dryRun,omitempty" jsonschema:"true if nothing was created"`
}

func podsRun() tool.Tool {
	return tool.New(mcp.Tool{
		Name: "pods_run", Title: "Run a pod",
		Description: "Creates a Pod of one container from an image, and a Service where port is given. For anything more use resources_create_or_update.",
	}, tool.Options{Toolset: tool.Write, Access: tool.Writes, Adjust: func(p map[string]*jsonschema.Schema) {
		between(p["port"], 0, 65535)
	}}, run)
}

// The well-known labels of what pods_run creates
// (https://kubernetes.io/docs/concepts/overview/working-with-objects/common-labels/).
const (
	labelName      = "app.kubernetes.io/name"
	labelComponent = "app.kubernetes.io/component"
	labelManagedBy = "app.kubernetes.io/managed-by"
	labelPartOf    = "app.kubernetes.io/part-of"
	manager        = "kubernetes-mcp-edge"
)

// imageReference is the characters of an image reference, and their rough order; the
// container runtime knows the rest.
var imageReference = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9._-]*(?::[0-9]{1,5})?(?:/[A-Za-z0-9._-]+)*(?::[A-Za-z0-9_][A-Za-z0-9._-]{0,127})?(?:@[A-Za-z0-9._+-]+:[A-Fa-f0-9]+)?$`)

// maxImage bounds an image reference, in bytes.
const maxImage = 512

// serviceName is RFC 1035's: a Service's name becomes that of a host.
var serviceName = regexp.MustCompile(`^[a-z](?:[a-z0-9-]*[a-z0-9])?$`)

var (
	podKind     = kube.Kind{Version: "v1", Kind: "Pod", Resource: "pods", Namespaced: true}
	serviceKind = kube.Kind{Version: "v1", Kind: "Service", Resource: "services", Namespaced: true}
)

func run(ctx context.Context, c *kube.Client, in runIn) (string, Ran, error) {
	switch {
	case len(in.Image) > maxImage || !imageReference.MatchString(in.Image):
		return "", Ran{}, answer.Mistake("image is no image reference: it reads [HOST[:PORT]/]PATH[:TAG][@DIGEST], without spaces or https://.")
	case in.Name != "" && !kube.ValidNamespace(in.Name): // the container has the Pod's name, and that is a DNS label
		return "", Ran{}, answer.Mistake("name is not a Pod's that this tool can make: use lower-case letters, digits and dashes, at most 63.")
	case in.Name != "" && in.Port != 0 && !serviceName.MatchString(in.Name):
		return "", Ran{}, answer.Mistake("name has to begin with a letter where port is given: the Service has the same name.")
	}
	namespace, scope, err := tool.GetScope(c, podKind, in.Namespace)
	if err != nil {
		return "", Ran{}, err
	}
	name := cmp.Or(in.Name, manager+"-run-"+strings.ToLower(rand.Text()[:5]))
	labels := map[string]any{labelName: name, labelComponent: name, labelManagedBy: manager, labelPartOf: manager + "-run-sandbox"}
	made, err := c.Create(ctx, podKind, namespace, pod(name, in.Image, in.Port, labels), in.DryRun)
	if err != nil {
		return "", Ran{}, failure(fmt.Sprintf("Pod %s %s was not created", name, scope), podAdvice(err))
	}
	out := Ran{Namespace: namespace, Pod: name, DryRun: in.DryRun}
	text := fmt.Sprintf("%s Pod %s %s from image %s. Its container has no securityContext, and the image is always pulled.\n", createdWord(in.DryRun), name, scope, in.Image)
	if in.Port != 0 {
		if _, err := c.Create(ctx, serviceKind, namespace, service(name, in.Port, labels, made.Object), in.DryRun); err != nil {
			return "", Ran{}, failure(text+fmt.Sprintf("But Service %s was not created", name), err)
		}
		out.Service = name
		text += fmt.Sprintf("%s Service %s, port %d, in front of it; it goes when the Pod is deleted.\n", createdWord(in.DryRun), name, in.Port)
	}
	if !in.DryRun {
		text += "Whether the Pod starts is not known yet: see pods_get, or events_list for why not.\n"
	}
	return text, out, nil
}

func createdWord(dryRun bool) string {
	if dryRun {
		return "Would be created (dry run: nothing was):"
	}
	return "Created:"
}

// pod has the shape that kubernetes-mcp-server's pods_run gives it.
func pod(name, image string, port int, labels map[string]any) map[string]any {
	container := map[string]any{fieldName: name, "image": image, "imagePullPolicy": "Always"}
	if port != 0 {
		container["ports"] = []any{map[string]any{"containerPort": port}}
	}
	return map[string]any{
		"metadata": map[string]any{fieldName: name, "labels": labels},
		"spec":     map[string]any{"containers": []any{container}},
	}
}

// service selects the Pod, and belongs to it: who deletes the Pod need not know.
// The server of a dry run has made up the uid, and does not look the owner up.
func service(name string, port int, labels, owner map[string]any) map[string]any {
	return map[string]any{
		"metadata": map[string]any{fieldName: name, "labels": labels, "ownerReferences": []any{map[string]any{
			fieldAPIVersion: "v1", fieldKind: "Pod", fieldName: name, "uid": inMetadata(owner, "uid"),
		}}},
		"spec": map[string]any{
			"type": "ClusterIP", "selector": labels,
			"ports": []any{map[string]any{"port": port, "targetPort": port}},
		},
	}
}

// podAdvice adds what to do where a namespace demands more of its Pods.
func podAdvice(err error) error {
	e, ok := errors.AsType[*kube.Error](err)
	if !ok || e.Trouble != kube.Forbidden || !strings.Contains(e.Detail, "PodSecurity") {
		return err
	}
	return answer.Advice(e.Trouble.String(), "The namespace's Pod Security level does not allow a Pod without a securityContext. "+
		"Write the Pod with one, and create it with resources_create_or_update. The server said: "+answer.Quoted(e.Detail))
}
