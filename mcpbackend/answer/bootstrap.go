package answer

import (
	"regexp"
	"strings"
)

// bootstrap is the shape of a bootstrap token
// (https://kubernetes.io/docs/reference/access-authn-authz/bootstrap-tokens/),
// with what may announce it. Two words of the right lengths have that shape too.
var bootstrap = regexp.MustCompile(`((?i:token)["'\\]*[ \t]*[:=]?[ \t]*["'\\]*)?\b[a-z0-9]{6}\.([a-z0-9]{16})\b`)

// bootstrapText is text that deals with bootstrap tokens: the command that a
// node joins with, the type of the Secret, and what its parts are called.
var bootstrapText = regexp.MustCompile(`(?i)kubeadm[ \t]+(?:join|init|token)|bootstrap\.kubernetes\.io|bootstrap[-_ ]?token|--(?:discovery-)?token\b|discovery-token-ca-cert-hash`)

// bootstrapName is a name under which such a token stands.
var bootstrapName = regexp.MustCompile(`(?i)token|bootstrap`)

// tellsOfToken reports whether a field or a variable is called so. What is
// longer than any name is none.
func tellsOfToken(name string) bool {
	const longest = 1 << 10
	return bootstrapName.MatchString(name[:min(len(name), longest)])
}

// redactBootstrap takes bootstrap tokens out. It leaves what only looks like
// one, such as the names of two parts of a program: in 16 random characters
// there is a digit, but for one time in two hundred. That one is found where it
// is announced as a token, where the text deals with bootstrap tokens, and
// where the object does, which is what sure says.
func redactBootstrap(s string, sure bool) string {
	if !bootstrap.MatchString(s) {
		return s
	}
	sure = sure || bootstrapText.MatchString(s)
	return bootstrap.ReplaceAllStringFunc(s, func(match string) string {
		m := bootstrap.FindStringSubmatch(match)
		if !sure && m[1] == "" && !strings.ContainsAny(m[2], "0123456789") {
			return match
		}
		return m[1] + Redacted
	})
}

// bootstrapObject reports whether an object is one of those that hold bootstrap
// tokens: the Secrets of a type of their own, the ConfigMap from which nodes
// learn of a cluster, and the files of kubeadm.
func bootstrapObject(m map[string]any) bool {
	if m["type"] == "bootstrap.kubernetes.io/token" || m["kind"] == "InitConfiguration" || m["kind"] == "JoinConfiguration" {
		return true
	}
	metadata, _ := m["metadata"].(map[string]any)
	name, _ := metadata["name"].(string)
	return strings.HasPrefix(name, "bootstrap-token-") || name == "cluster-info" && metadata["namespace"] == "kube-public"
}

// announces reports whether a map is a named value, as environment variables
// are, and the name tells of a token.
func announces(m map[string]any) bool {
	name, _ := m["name"].(string)
	_, valued := m["value"]
	return valued && tellsOfToken(name)
}
