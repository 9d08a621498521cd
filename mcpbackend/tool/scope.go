package tool

import (
	"fmt"
	"strings"

	"kubernetes-mcp-edge/mcpbackend/answer"
	"kubernetes-mcp-edge/mcpbackend/kube"
)

// EveryNamespace is how a caller with a default namespace asks for all.
const EveryNamespace = "*"

// ListScope decides where to look and says so. It never looks at less than the
// caller asked for: the default namespace counts only where he named none.
func ListScope(c *kube.Client, kind kube.Kind, asked string) (namespace, scope string, err error) {
	if asked != "" && asked != EveryNamespace && !kube.ValidNamespace(asked) {
		return "", "", badNamespace()
	}
	switch {
	case !kind.Namespaced && asked != "":
		return "", "in the cluster (this kind has no namespaces: the argument was not used)", nil
	case !kind.Namespaced:
		return "", "in the cluster", nil
	case asked == EveryNamespace:
		return "", "in all namespaces", nil
	case asked != "":
		return asked, "in namespace " + asked, nil
	case c.Namespace() != "":
		return c.Namespace(), "in namespace " + c.Namespace() + " (from the kubernetes-namespace header; pass namespace * for all)", nil
	}
	return "", "in all namespaces", nil
}

func badNamespace() error {
	return answer.Mistake("namespace is not the name of a namespace: use lower-case letters, digits and dashes, at most 63.")
}

// CheckKind refuses what can be no kind before anything is asked. An apiVersion
// of "" leaves it to the server.
func CheckKind(apiVersion, kind string) error {
	if apiVersion != "" && !kube.ValidAPIVersion(apiVersion) {
		return answer.Mistake("apiVersion must read version or group/version, such as v1 or apps/v1.")
	}
	if !kube.ValidKind(kind) {
		return answer.Mistake("kind must be one word of letters and digits, such as Pod or Deployment.")
	}
	return nil
}

// Cannot says that a kind does not offer a verb at all, to nobody.
func Cannot(kind kube.Kind, done, instead string) error {
	return answer.Advice(kube.Unsupported.String(), fmt.Sprintf("%s (%s) cannot be %s: this cluster's API does not offer that for this kind, whoever asks. Do not retry.%s", kind.Kind, kind.APIVersion(), done, instead))
}

// CheckSelectors refuses selectors and continue tokens that no server could take.
func CheckSelectors(values ...string) error {
	for _, v := range values {
		if len(v) > answer.MaxSelector || strings.ContainsFunc(v, kube.Hidden) {
			return answer.Mistake("a selector or continue token is longer than %d bytes or holds control characters.", answer.MaxSelector)
		}
	}
	return nil
}

// GetScope decides in which namespace one object is, and says so.
func GetScope(c *kube.Client, kind kube.Kind, asked string) (namespace, scope string, err error) {
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
	return "", "", answer.Mistake("this kind lives in namespaces: call again with namespace (resources_list shows where the object is).")
}

// CheckName refuses what can be no object's name.
func CheckName(name string) error {
	if !kube.ValidName(name) {
		return answer.Mistake("name is not the name of an object: use letters, digits and - . : _ @, at most 253.")
	}
	return nil
}
