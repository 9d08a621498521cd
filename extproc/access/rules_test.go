package access

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// parse reads a request as the tables write it: verb, then group/version/kind
// of resource, with what follows as key=value.
func parse(t *testing.T, line string) Request {
	t.Helper()
	words := strings.Fields(line)
	q := Request{Verb: words[0]}
	resource, sub, _ := strings.Cut(words[1], "/")
	q.Resource, q.Group, _ = strings.Cut(resource, ".")
	q.Subresource, q.Version = sub, "v1"
	for _, word := range words[2:] {
		name, value, _ := strings.Cut(word, "=")
		switch name {
		case "ns":
			q.Namespace = value
		case "name":
			q.Name = value
		case "kind":
			q.Kind = value
		case "version":
			q.Version = value
		case "cluster":
			q.ClusterScoped = true
		default:
			t.Fatalf("%q: %s", line, name)
		}
	}
	return q
}

func TestRules(t *testing.T) {
	for _, c := range []struct {
		name            string
		rule            Rule
		matches, passes []string // requests, each with verb, resource.group/subresource
		deny, allow     bool     // which list the rule is tried in
	}{
		{
			"a kind", Rule{Kinds: []string{"Secret"}},
			[]string{"get secrets ns=a name=x", "list secrets", "watch SECRETS ns=a", "deletecollection secrets ns=a", "get secrets ns=a version=v2", "get secrets.example.com ns=a name=x"},
			[]string{"get secretstores ns=a", "get pods ns=a", "list configmaps kind=ConfigMap"},
			true, true,
		},
		{
			"a kind, denied with all that hangs on it", Rule{Kinds: []string{"Secret"}},
			[]string{"get secrets/status ns=a name=x", "get secrets/anything/deeper ns=a", "get sekrets ns=a kind=Secret", "get secret ns=a name=x"},
			nil, true, false,
		},
		{
			"a kind, allowed alone", Rule{Kinds: []string{"pod"}},
			[]string{"get pods ns=a"},
			[]string{"create pods/exec ns=a", "get pods/log ns=a", "get secrets ns=a kind=Pod", "get podses"},
			false, true,
		},
		{
			"a plural", Rule{Kinds: []string{"SECRETS"}},
			[]string{"get secrets ns=a name=x"}, []string{"get pods ns=a"}, true, true,
		},
		{"a plural, denied", Rule{Kinds: []string{"secrets"}}, []string{"get sekrets kind=Secret ns=a", "get sekrets kind=secrets"}, nil, true, false},
		{
			"guessed plurals", Rule{Kinds: []string{"NetworkPolicy", "Ingress", "Endpoints", "EndpointSlice", "Gateway", "Proxy"}},
			[]string{"list networkpolicies", "list ingresses", "list endpoints", "list endpointslices", "list gateways", "list proxies", "list gatewaies"},
			[]string{"list networkpolicys.x", "list endpointses.x", "list gatewayes.x"},
			false, true,
		},
		{
			"plurals that a deny guesses", Rule{Kinds: []string{"Box", "Gateway", "Status"}},
			[]string{"list boxes", "list boxs", "list gateways", "list gatewaies", "list statuses"},
			[]string{"list boxxes"}, true, false,
		},
		{"an irregular plural needs itself", Rule{Kinds: []string{"Index"}}, []string{"list indices kind=Index"}, []string{"list indices"}, true, false},
		{"a deny by the kind alone", Rule{Kinds: []string{"*Policy"}}, []string{"list networkpolicies", "list things kind=LimitPolicy"}, []string{"list policyreports"}, true, false},
		{
			"a subresource", Rule{Kinds: []string{"pods/exec"}},
			[]string{"create pods/exec ns=a name=x", "get pods/exec ns=a name=x", "create PODS/EXEC ns=a"},
			[]string{"get pods ns=a", "get pods/log ns=a", "create pods/execs ns=a", "create jobs/exec ns=a"},
			true, true,
		},
		{
			"all subresources", Rule{Kinds: []string{"Node/*"}},
			[]string{"get nodes/proxy name=n", "get nodes/status name=n"}, []string{"get nodes name=n", "list nodes cluster", "get pods/status ns=a"}, true, true,
		},
		{"a subresource of all", Rule{Kinds: []string{"*/scale"}}, []string{"get deployments.apps/scale ns=a", "update things/scale ns=a"}, []string{"get deployments.apps ns=a", "get scales"}, true, true},
		{"everything", Rule{Kinds: []string{"*"}}, []string{"get pods ns=a", "create pods/exec ns=a", "list nodes cluster", "list pods"}, nil, true, true},
		{"a prefix", Rule{Kinds: []string{"secret*"}}, []string{"list secrets", "list secretstores.x"}, []string{"list mysecrets"}, true, true},
		{"a prefix is no subresource", Rule{Kinds: []string{"pod*"}}, []string{"list pods"}, []string{"create pods/exec"}, false, true},
		{"a star in the middle", Rule{Kinds: []string{"s*t"}}, []string{"list secrets"}, []string{"list secretstores"}, true, true},
		{"two stars overlap", Rule{Groups: []string{"a*aba*a"}}, []string{"list x.aabaa", "list x.aababaa", "list x.aabaabaa"}, []string{"list x.aba", "list x.aab", "list x.aabaab"}, true, true},
		{"groups", Rule{Groups: []string{"apps"}}, []string{"list deployments.apps", "list deployments.APPS"}, []string{"list pods", "list deployments.apps2", "list deployments.extensions2"}, true, true},
		{"the core group", Rule{Groups: []string{""}}, []string{"list pods", "list pods.core"}, []string{"list deployments.apps"}, true, true},
		{"the core group by name", Rule{Groups: []string{"core"}}, []string{"list pods"}, []string{"list deployments.apps"}, true, true},
		{"groups below", Rule{Groups: []string{"*.example.com"}}, []string{"list x.a.example.com"}, []string{"list x.example.com", "list pods"}, true, true},
		{"any group", Rule{Groups: []string{"*"}}, []string{"list pods", "list deployments.apps"}, nil, true, true},
		{"events are in two groups", Rule{Groups: []string{""}, Kinds: []string{"Event"}}, []string{"list events", "list events.events.k8s.io"}, []string{"list events.x"}, true, false},
		{"events the other way", Rule{Groups: []string{"events.k8s.io"}}, []string{"list events", "list events.events.k8s.io"}, []string{"list pods"}, true, false},
		{"an allow takes the group as it is", Rule{Groups: []string{""}}, []string{"list events"}, []string{"list events.events.k8s.io"}, false, true},
		{"what left extensions", Rule{Groups: []string{"apps", "networking.k8s.io"}}, []string{"list deployments.extensions", "list ingresses.extensions"}, []string{"list ingresses.x", "list podsecuritypolicies.extensions"}, true, false},
		{"what left extensions for policy", Rule{Groups: []string{"policy"}}, []string{"list podsecuritypolicies.extensions"}, nil, true, false},
		{"a second view of RBAC", Rule{Groups: []string{"rbac.authorization.k8s.io"}}, []string{"list rolebindings.authorization.openshift.io"}, nil, true, false},
		{"versions", Rule{Versions: []string{"v1beta*"}}, []string{"list x version=v1beta1", "list x version=V1BETA2"}, []string{"list x version=v1"}, true, true},
		{"verbs", Rule{Verbs: []string{"get", "delete*"}}, []string{"get pods ns=a", "delete pods ns=a", "deletecollection pods ns=a"}, []string{"list pods ns=a", "patch pods ns=a"}, true, true},
		{"a stream into a pod is made", Rule{Verbs: []string{"create"}}, []string{"get pods/exec ns=a", "create pods/attach ns=a", "get pods/portforward ns=a"}, []string{"get pods/log ns=a", "get nodes/exec name=n", "get pods.x/exec ns=a"}, true, true},
		{"a deny of reading stops a stream that is read", Rule{Verbs: []string{"get"}}, []string{"get pods/exec ns=a", "create pods/exec ns=a"}, []string{"create pods ns=a"}, true, false},
		{"an allow of reading opens no stream", Rule{Verbs: []string{"get", "list", "watch"}}, []string{"get pods/log ns=a"}, []string{"get pods/exec ns=a", "get pods/attach ns=a"}, false, true},
		{"a deny with verbs stops what is no verb", Rule{Verbs: []string{"get"}}, []string{"frob pods ns=a"}, nil, true, false},
		{"an allow with verbs does not", Rule{Verbs: []string{"get"}}, nil, []string{"frob pods ns=a"}, false, true},
		{
			"namespaces", Rule{Namespaces: []string{"kube-*", "b"}},
			[]string{"get pods ns=kube-system name=x", "list pods ns=B"},
			[]string{"get pods ns=a name=kube-system", "get nodes name=kube-system", "list nodes cluster", "get namespaces name=a", "list namespaces", "watch namespaces"},
			true, true,
		},
		{"the object of a namespace", Rule{Namespaces: []string{"b"}}, []string{"get namespaces name=b", "delete namespaces name=b ns=b", "update namespaces/finalize name=b ns=b cluster"}, []string{"get namespaces.x name=b", "get namespaces name=a ns=b"}, true, true},
		{
			"a deny over all namespaces", Rule{Namespaces: []string{"b"}},
			[]string{"list pods", "watch pods", "list pods name=x", "deletecollection pods", "create pods", "create namespaces cluster", "frob pods name=x"},
			[]string{"list pods cluster", "list pods ns=a"}, true, false,
		},
		{"an allow over all namespaces", Rule{Namespaces: []string{"b"}}, nil, []string{"list pods", "watch pods name=x", "create namespaces cluster", "create namespaces", "list pods cluster"}, false, true},
		{"every namespace", Rule{Namespaces: []string{"*"}}, []string{"list pods", "list pods ns=a", "get namespaces name=a"}, []string{"list nodes cluster", "get nodes name=n", "list namespaces"}, true, true},
		{"a pattern is not every namespace", Rule{Namespaces: []string{"*a"}}, []string{"list pods ns=aa"}, []string{"list pods"}, false, true},
		{"the list of namespaces", Rule{Kinds: []string{"Namespace"}, Namespaces: []string{"b"}}, []string{"list namespaces", "watch namespaces cluster"}, []string{"list namespaces.x cluster", "get namespaces name=a"}, true, false},
		{"the list of namespaces by a star", Rule{Kinds: []string{"*"}, Namespaces: []string{"b"}}, nil, []string{"list namespaces"}, true, false},
		{"an allow never lists namespaces by a namespace", Rule{Kinds: []string{"Namespace"}, Namespaces: []string{"*"}}, []string{"get namespaces name=b"}, []string{"list namespaces"}, false, true},
		{"all lists together", Rule{Groups: []string{"apps"}, Versions: []string{"v1"}, Kinds: []string{"Deployment"}, Namespaces: []string{"a"}, Verbs: []string{"get"}},
			[]string{"get deployments.apps ns=a"},
			[]string{"get deployments.x ns=a", "get deployments.apps ns=a version=v2", "get daemonsets.apps ns=a", "get deployments.apps ns=b", "list deployments.apps ns=a"}, true, true},
	} {
		t.Run(c.name, func(t *testing.T) {
			if c.deny {
				rules, err := New(Config{Deny: []Rule{c.rule}})
				require.NoError(t, err)
				judge(t, rules, c.passes, c.matches)
			}
			if c.allow {
				rules, err := New(Config{Allow: []Rule{c.rule}})
				require.NoError(t, err)
				judge(t, rules, c.matches, c.passes)
			}
		})
	}
}

func judge(t *testing.T, r Rules, pass, denied []string) {
	t.Helper()
	for _, line := range pass {
		require.NoError(t, r.Check(parse(t, line)), line)
	}
	for _, line := range denied {
		var d *Denied
		require.ErrorAs(t, r.Check(parse(t, line)), &d, line)
	}
}

func TestDenyWins(t *testing.T) {
	rules, err := New(Config{
		Allow: []Rule{{Kinds: []string{"*"}}, {Kinds: []string{"Secret"}}},
		Deny:  []Rule{{Kinds: []string{"ConfigMap"}}, {Kinds: []string{"Secret"}, Namespaces: []string{"kube-*"}}},
	})
	require.NoError(t, err)
	require.False(t, rules.Empty())
	judge(t, rules,
		[]string{"get secrets ns=a name=x", "list pods", "create pods/exec ns=a"},
		[]string{"get secrets ns=kube-system name=x", "list secrets", "list configmaps ns=a"})
}

func TestOneRuleOfSeveralIsEnough(t *testing.T) {
	rules, err := New(Config{Allow: []Rule{{Kinds: []string{"Pod"}, Verbs: []string{"get"}}, {Kinds: []string{"Secret"}, Verbs: []string{"list"}}}})
	require.NoError(t, err)
	judge(t, rules, []string{"get pods ns=a", "list secrets ns=a"}, []string{"list pods ns=a", "get secrets ns=a"})
}

func TestDecideNamesTheRule(t *testing.T) {
	rules, err := New(Config{Allow: []Rule{{Kinds: []string{"Pod"}}, {Kinds: []string{"Secret", "Pod"}}}, Deny: []Rule{{Verbs: []string{"watch"}}, {Namespaces: []string{"b"}}}})
	require.NoError(t, err)
	for line, want := range map[string]string{
		"get pods ns=a": "access.allow[0]", "get secrets ns=a": "access.allow[1]", "get nodes name=n": "access.allow", "get pods ns=b": "access.deny[1]", "watch nodes": "access.deny[0]",
	} {
		rule, err := rules.Decide(parse(t, line))
		require.Equal(t, want, rule, line)
		require.Equal(t, rules.Check(parse(t, line)), err)
	}
	rule, err := Rules{}.Decide(parse(t, "get pods"))
	require.NoError(t, err)
	require.Equal(t, "access.allow", rule)
	denies, err := New(Config{Deny: []Rule{{Kinds: []string{"Secret"}}}})
	require.NoError(t, err)
	rule, err = denies.Decide(parse(t, "get pods"))
	require.NoError(t, err)
	require.Equal(t, "access.allow", rule)
}

func TestZeroRulesAllowEverything(t *testing.T) {
	var rules Rules
	require.True(t, rules.Empty())
	require.NoError(t, rules.Check(Request{}))
	none, err := New(Config{Allow: []Rule{}, Deny: []Rule{}})
	require.NoError(t, err)
	require.Equal(t, rules, none)
	require.NoError(t, none.Check(parse(t, "deletecollection secrets")))
}
