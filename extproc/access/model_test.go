package access

import (
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"
)

// The model says again what the package doc promises, in the plainest way: by
// regular expressions, one question after the other.

func glob(p, s string) bool {
	expression := `(?i)\A` + strings.ReplaceAll(regexp.QuoteMeta(p), `\*`, `(?s:.*)`) + `\z`
	return regexp.MustCompile(expression).MatchString(s)
}

func anyGlob(list []string, texts ...string) bool {
	return len(list) == 0 || slices.ContainsFunc(list, func(p string) bool {
		return slices.ContainsFunc(texts, func(s string) bool { return glob(p, s) })
	})
}

// modelPlurals are the plurals of a kind or pattern; deny asks for all.
func modelPlurals(p string, deny bool) []string {
	out := []string{p}
	if strings.HasSuffix(p, "*") {
		return out
	}
	y, vowel := regexp.MustCompile(`(?i)y$`), regexp.MustCompile(`(?i)[aeou]y$`)
	switch {
	case deny:
		out = append(out, p+"s", p+"es")
		if y.MatchString(p) {
			out = append(out, y.ReplaceAllString(p, "ies"))
		}
	case regexp.MustCompile(`(?i)endpoints$`).MatchString(p):
	case regexp.MustCompile(`(?i)s$`).MatchString(p):
		out = append(out, p+"es")
	case y.MatchString(p):
		out = append(out, y.ReplaceAllString(p, "ies"))
		if vowel.MatchString(p) {
			out = append(out, p+"s")
		}
	default:
		out = append(out, p+"s")
	}
	return out
}

func modelKind(item string, q Request, deny bool) bool {
	if item == "*" {
		return true
	}
	name, sub, slash := strings.Cut(item, "/")
	texts := []string{q.Resource}
	if deny && q.Kind != "" {
		texts = append(texts, modelPlurals(q.Kind, false)...)
	}
	return anyGlob(modelPlurals(name, deny), texts...) &&
		(slash && q.Subresource != "" && glob(sub, q.Subresource) || !slash && (deny || q.Subresource == ""))
}

func modelGroups(q Request, deny bool) []string {
	group := strings.ToLower(q.Group)
	if group == "core" {
		group = ""
	}
	out := []string{group}
	if group == "" {
		out = append(out, "core")
	}
	for _, pair := range []struct{ resources, a, b string }{
		{"events", "", "events.k8s.io"},
		{"deployments daemonsets replicasets", "apps", "extensions"},
		{"ingresses networkpolicies", "networking.k8s.io", "extensions"},
	} {
		served := slices.Contains(strings.Fields(pair.resources), strings.ToLower(q.Resource))
		if deny && served && group == pair.a {
			out = append(out, pair.b)
		} else if deny && served && group == pair.b {
			out = append(out, pair.a)
			if pair.a == "" {
				out = append(out, "core")
			}
		}
	}
	return out
}

func modelVerb(r Rule, q Request, deny bool) bool {
	verb := strings.ToLower(q.Verb)
	stream := slices.Contains([]string{"", "core"}, strings.ToLower(q.Group)) && strings.EqualFold(q.Resource, "pods") &&
		slices.Contains([]string{"exec", "attach", "portforward"}, strings.ToLower(q.Subresource))
	switch {
	case stream && deny:
		return anyGlob(r.Verbs, verb, "create", "get") || !slices.Contains(Verbs(), verb)
	case stream:
		return anyGlob(r.Verbs, "create")
	}
	return anyGlob(r.Verbs, verb) || deny && !slices.Contains(Verbs(), verb)
}

func modelNamespace(r Rule, q Request, deny bool) bool {
	if len(r.Namespaces) == 0 {
		return true
	}
	verb := strings.ToLower(q.Verb)
	single := q.Name != "" && slices.Contains([]string{"get", "update", "patch", "delete"}, verb)
	isNamespace := slices.Contains([]string{"", "core"}, strings.ToLower(q.Group)) && strings.EqualFold(q.Resource, "namespaces")
	star := slices.Contains(r.Namespaces, "*")
	switch {
	case isNamespace && single:
		return anyGlob(r.Namespaces, q.Name)
	case isNamespace && (verb == "list" || verb == "watch"):
		return deny && len(r.Kinds) > 0 && !slices.Contains(r.Kinds, "*")
	case q.Namespace != "":
		return anyGlob(r.Namespaces, q.Namespace)
	case !isNamespace && (single || q.ClusterScoped):
		return false
	}
	return deny || star
}

func modelMatch(r Rule, q Request, deny bool) bool {
	return modelVerb(r, q, deny) && modelNamespace(r, q, deny) && anyGlob(r.Versions, q.Version) &&
		anyGlob(r.Groups, modelGroups(q, deny)...) &&
		(len(r.Kinds) == 0 || slices.ContainsFunc(r.Kinds, func(item string) bool { return modelKind(item, q, deny) }))
}

func modelAllows(c Config, q Request) bool {
	return !slices.ContainsFunc(c.Deny, func(r Rule) bool { return modelMatch(r, q, true) }) &&
		(len(c.Allow) == 0 || slices.ContainsFunc(c.Allow, func(r Rule) bool { return modelMatch(r, q, false) }))
}

// Small alphabets, so that rules and requests meet.
func genRule() *rapid.Generator[Rule] {
	list := func(words ...string) *rapid.Generator[[]string] {
		return rapid.SliceOfN(rapid.SampledFrom(words), 0, 2)
	}
	return rapid.Custom(func(t *rapid.T) Rule {
		r := Rule{
			Groups:   list("", "core", "apps", "extensions", "events.k8s.io", "*.k8s.io", "*").Draw(t, "groups"),
			Versions: list("v1", "v*", "*beta*").Draw(t, "versions"),
			Kinds: list("Secret", "secrets", "Event", "Deployment", "Ingress", "Pod", "pods/exec", "pods/*", "*/exec", "*/*", "*", "pod*", "Namespace",
				"Gateway", "*Policy", "Endpoints", "*s", "Box", "e*t").Draw(t, "kinds"),
			Namespaces: list("a", "kube-*", "*", "*a").Draw(t, "namespaces"),
			Verbs:      list("get", "list", "create", "delete*", "*").Draw(t, "verbs"),
		}
		if r.check("") != nil {
			r.Verbs = []string{"watch"}
		}
		return r
	})
}

func genRequest() *rapid.Generator[Request] {
	return rapid.Custom(func(t *rapid.T) Request {
		one := func(name string, words ...string) string { return rapid.SampledFrom(words).Draw(t, name) }
		return Request{
			Verb:        one("verb", append(Verbs(), "frob", "")...),
			Group:       one("group", "", "core", "apps", "extensions", "events.k8s.io", "networking.k8s.io", "x.k8s.io"),
			Version:     one("version", "v1", "v1beta1", "v2", ""),
			Resource:    one("resource", "secrets", "events", "deployments", "ingresses", "pods", "namespaces", "gateways", "gatewaies", "networkpolicies", "endpoints", "boxes", "boxs", "sekrets", ""),
			Subresource: one("subresource", "", "", "exec", "log", "status", "attach"),
			Namespace:   one("namespace", "", "", "a", "kube-system", "b"),
			Name:        one("name", "", "", "x", "a", "kube-system"),
			Kind:        one("kind", "", "", "Secret", "Pod", "NetworkPolicy", "Gateway"),

			ClusterScoped: rapid.Bool().Draw(t, "cluster"),
		}
	})
}

func genConfig() *rapid.Generator[Config] {
	return rapid.Custom(func(t *rapid.T) Config {
		return Config{Allow: rapid.SliceOfN(genRule(), 0, 3).Draw(t, "allow"), Deny: rapid.SliceOfN(genRule(), 0, 2).Draw(t, "deny")}
	})
}

func allows(t require.TestingT, c Config, q Request) bool {
	rules, err := New(c)
	require.NoError(t, err)
	return rules.Check(q) == nil
}

func TestRulesAreTheModel(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		c, q := genConfig().Draw(t, "config"), genRequest().Draw(t, "request")
		require.Equal(t, modelAllows(c, q), allows(t, c, q))
	})
}

func TestDenyNeverAllowsMore(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		c, q := genConfig().Draw(t, "config"), genRequest().Draw(t, "request")
		before := allows(t, c, q)
		at := rapid.IntRange(0, len(c.Deny)).Draw(t, "at")
		c.Deny = slices.Insert(c.Deny, at, genRule().Draw(t, "more"))
		require.False(t, !before && allows(t, c, q))
	})
}

func TestAllowNeverDeniesMore(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		c, q := genConfig().Draw(t, "config"), genRequest().Draw(t, "request")
		c.Allow = append(c.Allow, genRule().Draw(t, "one"))
		before := allows(t, c, q)
		at := rapid.IntRange(0, len(c.Allow)).Draw(t, "at")
		c.Allow = slices.Insert(c.Allow, at, genRule().Draw(t, "more"))
		require.False(t, before && !allows(t, c, q))
	})
}

func TestCaseDoesNotCount(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		c, q := genConfig().Draw(t, "config"), genRequest().Draw(t, "request")
		before := allows(t, c, q)
		mixed := func(s string) string {
			if rapid.Bool().Draw(t, "upper") {
				return strings.ToUpper(s)
			}
			return s
		}
		q = Request{
			Verb: mixed(q.Verb), Group: mixed(q.Group), Version: mixed(q.Version), Resource: mixed(q.Resource), Subresource: mixed(q.Subresource),
			Namespace: mixed(q.Namespace), Name: mixed(q.Name), Kind: mixed(q.Kind), ClusterScoped: q.ClusterScoped,
		}
		for _, rules := range [][]Rule{c.Allow, c.Deny} {
			for i := range rules {
				for j := range rules[i].Kinds {
					rules[i].Kinds[j] = mixed(rules[i].Kinds[j])
				}
			}
		}
		require.Equal(t, before, allows(t, c, q))
	})
}

// What a deny of a kind stops it stops for each of its subresources, and in
// every version, group and namespace that it does not name.
func TestDenyHasNoOtherDoor(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		kind := rapid.SampledFrom([]string{"Secret", "secrets", "secret", "SECRETS", "secre*"}).Draw(t, "kind")
		q := genRequest().Draw(t, "request")
		q.Resource = rapid.SampledFrom([]string{"secrets", "Secrets", "SECRETS"}).Draw(t, "resource")
		q.Subresource = rapid.String().Draw(t, "subresource")
		q.Group, q.Version = rapid.String().Draw(t, "group"), rapid.String().Draw(t, "version")
		require.False(t, allows(t, Config{Deny: []Rule{{Kinds: []string{kind}}}}, q))
	})
}
