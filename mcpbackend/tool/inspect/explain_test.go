package inspect

import (
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"kubernetes-mcp-edge/mcpbackend/brokenapi"
	"kubernetes-mcp-edge/mcpbackend/kube"
)

const appsSchema = `{"components":{"schemas":{
	"other":7, "io.k8s.Options":{"x-kubernetes-group-version-kind":[{"group":"apps","version":"v1","kind":"DeleteOptions"}]},
	"io.k8s.Deployment":{"description":"Deployment enables updates.","type":"object","required":["spec"],"x-kubernetes-group-version-kind":[{"group":"apps","version":"v1","kind":"Deployment"}],
		"properties":{"kind":{"type":"string"},"spec":{"description":"What is wanted. And more.","default":{},"allOf":[{"$ref":"#/components/schemas/io.k8s.Spec"}]},"status":true}},
	"io.k8s.Spec":{"description":"of the spec","type":"object","properties":{
		"replicas":{"type":"integer","format":"int32","description":"How \u001b[31mmany CANARY-token.","default":1},
		"strategy":{"type":"string","enum":["Recreate","RollingUpdate"]},
		"port":{"x-kubernetes-int-or-string":true},
		"since":{"type":"string","format":"date-time"},
		"labels":{"type":"object","additionalProperties":{"type":"string"}},
		"containers":{"type":"array","items":{"allOf":[{"$ref":"#/components/schemas/io.k8s.Container"}]}},
		"any":{"type":"object","x-kubernetes-preserve-unknown-fields":true},
		"missing":{"$ref":"#/components/schemas/none"},
		"self":{"$ref":"#/components/schemas/io.k8s.Spec"},
		"circle":{"$ref":"#/components/schemas/io.k8s.Circle"}}},
	"io.k8s.Container":{"type":"object","required":["name"],"properties":{"name":{"type":"string"},"again":{"type":"array","items":{"$ref":"#/components/schemas/io.k8s.Container"}}}},
	"io.k8s.Circle":{"$ref":"#/components/schemas/io.k8s.Circle"}}}}`

// TestExplain: a type, its meaning, and the fields below, by any path.
func TestExplain(t *testing.T) {
	h, c := visit(t, map[string]string{"/openapi/v3/apis/apps/v1": appsSchema})
	for _, test := range []struct {
		in   explainIn
		want string
		kind string
	}{
		{explainIn{Path: "deployment"}, "Deployment (apps/v1) <Deployment>\nDeployment enables updates.\nFields:\n  kind <string>\n  spec <Spec> required\n    What is wanted.\n  status <Object>\n", "Deployment"},
		{explainIn{Path: "deploy.spec.replicas"}, "Deployment.spec.replicas (apps/v1) <integer>\nHow many [redacted].\nDefault: 1\n", "integer"},
		{explainIn{Path: "Deployment.spec.strategy", APIVersion: "apps/v1"}, "Deployment.spec.strategy (apps/v1) <string>\nOne of: Recreate, RollingUpdate\n", "string"},
		{explainIn{Path: "deployments.spec.containers[].name"}, "Deployment.spec.containers.name (apps/v1) <string> required\n", "string"},
		{explainIn{Path: "deployments.spec.containers."}, "<[]Container>\nFields:\n  again <[]Container>\n  name <string> required\n", "[]Container"},
		{explainIn{Path: "deployments.spec.labels"}, "<map[string]string>\n", "map[string]string"},
		{explainIn{Path: "deployments.spec.port"}, "<int or string>\n", "int or string"},
		{explainIn{Path: "deployments.spec.since"}, "<date-time>\n", "date-time"},
		{explainIn{Path: "deployments.spec.any"}, "<Object>\nAny fields may stand below it.\n", "Object"},
		{explainIn{Path: "deployments.spec.missing"}, "<Object>\n", "Object"},
		{explainIn{Path: "deployments.spec.circle"}, "<Circle>\n", "Circle"},
		{explainIn{Path: "deployments.spec.self.self.replicas"}, "<integer>", "integer"},
		{explainIn{Path: "deployments.spec", Recursive: true}, "Deployment.spec (apps/v1) <Spec> required\nWhat is wanted. And more.\nFields:\n  any <Object>\n  circle <Circle>\n  containers <[]Container>\n    again <[]Container>\n      (again, as above)\n    name <string> required\n  labels <map[string]string>\n", "Spec"},
		{explainIn{Path: "deployments", Recursive: true, Depth: 2}, "    containers <[]Container>\n      …\n", "Deployment"},
		{explainIn{Path: "deployments.spec", Recursive: true}, "  self <Spec>\n    (again, as above)\n", "Spec"},
	} {
		text, out, err := explain(brokenapi.Soon(t), c, test.in)
		require.NoError(t, err, test.in.Path)
		require.Contains(t, text, test.want)
		require.Equal(t, test.kind, out.Type, test.in.Path)
		require.False(t, out.Truncated)
	}
	before := len(h.Asked())
	_, _, err := explain(brokenapi.Soon(t), c, explainIn{Path: "deployments.spec"})
	require.NoError(t, err)
	require.Len(t, h.Asked(), before+1, "a schema is asked for each time, and nothing else")
}

// TestMistakesOfAPath name the fields that there are, those that are meant first.
func TestMistakesOfAPath(t *testing.T) {
	_, c := visit(t, map[string]string{"/openapi/v3/apis/apps/v1": appsSchema})
	for path, want := range map[string]string{
		"":                               "path is a kind and then fields",
		"deployment..spec":               "path is a kind and then fields",
		strings.Repeat("a.", 40) + "a":   "path is a kind and then fields",
		strings.Repeat("a", 600):         "path is a kind and then fields",
		"deployment.spec.Replica":        `Deployment.spec has no field "Replica". It has: replicas, any, circle, containers`,
		"deployment.spec.replicas.x":     `Deployment.spec.replicas has no fields below it`,
		"deployment.spec.\u202econtaine": `has no field "containe"`,
	} {
		_, _, err := explain(brokenapi.Soon(t), c, explainIn{Path: path})
		require.ErrorContains(t, err, want, path)
	}
	_, _, err := explain(brokenapi.Soon(t), c, explainIn{Path: "sts"})
	require.ErrorContains(t, err, "The cluster publishes no schema for StatefulSet (apps/v1).")
	_, _, err = explain(brokenapi.Soon(t), c, explainIn{Path: "pod"})
	var e *kube.Error
	require.ErrorAs(t, err, &e)
}

// TestHostileSchemasAreBounded: what a server writes into a document ends
// somewhere, whatever refers to what.
func TestHostileSchemasAreBounded(t *testing.T) {
	const head = `{"components":{"schemas":{"io.k8s.D":{"x-kubernetes-group-version-kind":[{"group":"apps","version":"v1","kind":"Deployment"}],`
	many := func(n int, value string) string {
		var b strings.Builder
		for i := range n {
			fmt.Fprintf(&b, `"f%d":%s,`, i, value)
		}
		return strings.TrimSuffix(b.String(), ",")
	}
	// Ten types, each with ten fields of each: ten to the tenth fields.
	var tree strings.Builder
	for i := range 10 {
		fmt.Fprintf(&tree, `,"t%d":{"properties":{`, i)
		for j := range 10 {
			fmt.Fprintf(&tree, `"f%d":{"$ref":"#/components/schemas/t%d"}%s`, j, j, map[bool]string{true: ",", false: ""}[j < 9])
		}
		tree.WriteString("}}")
	}
	for name, test := range map[string]struct {
		schema string
		cut    bool
	}{
		"many fields":           {head + `"properties":{` + many(50_000, `{"type":"string"}`) + `}}}}}`, true},
		"a long description":    {head + `"description":"` + strings.Repeat("d ", 3<<20) + `"}}}}`, false},
		"long names":            {head + `"properties":{"` + strings.Repeat("n", 1<<20) + `":{"type":"` + strings.Repeat("t", 1<<20) + `"}}}}}}`, false},
		"a tree of all to all":  {head + `"properties":{"a":{"$ref":"#/components/schemas/t0"}}}` + tree.String() + `}}}`, true},
		"arrays in arrays":      {head + `"items":` + strings.Repeat(`{"items":`, 100) + `{}` + strings.Repeat(`}`, 100) + `}}}}`, false},
		"maps of what they are": {head + `"additionalProperties":{"$ref":"#/components/schemas/io.k8s.D"}}}}}`, false},
		"all of themselves":     {head + `"allOf":[{"$ref":"#/components/schemas/io.k8s.D"}]}}}}`, false},
		"odd types":             {head + `"type":[],"required":{},"enum":"x","allOf":7,"items":[],"description":{},"properties":{"a":[],"b":null,"c":"x"}}}}}`, false},
	} {
		_, c := visit(t, map[string]string{"/openapi/v3/apis/apps/v1": test.schema})
		text, out, err := explain(brokenapi.Soon(t), c, explainIn{Path: "deployment", Recursive: true, Depth: 16})
		require.NoError(t, err, name)
		require.Less(t, len(text), 34<<10, name)
		require.Equal(t, test.cut, out.Truncated, name)
	}
	for name, test := range map[string]struct {
		schema  string
		trouble kube.Trouble
	}{
		"ten megabytes":   {`{"components":"` + strings.Repeat("x", 10<<20) + `"}`, kube.TooLarge},
		"a million types": {`{"components":{"schemas":{` + many(500_000, `{}`) + `}}}`, kube.TooLarge},
		"no document":     {`{"components":[]}`, kube.Garbled},
		"no JSON":         {`{"components":`, kube.Garbled},
	} {
		_, c := visit(t, map[string]string{"/openapi/v3/apis/apps/v1": test.schema})
		_, _, err := explain(brokenapi.Soon(t), c, explainIn{Path: "deployment"})
		var e *kube.Error
		require.ErrorAs(t, err, &e, name)
		require.Equal(t, test.trouble, e.Trouble, name)
	}
}
