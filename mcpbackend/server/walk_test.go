package server

import (
	"encoding/json"
	"maps"
	"net/http"
	"testing"

	"github.com/google/jsonschema-go/jsonschema"
	"github.com/modelcontextprotocol/go-sdk/mcp"
	"github.com/stretchr/testify/require"
)

// canaryGiven is a secret that the caller sends: his manifest is no reason to
// say it again, and none to write it into the log.
const canaryGiven = "CANARY-given-55aa"

const givenSecret = "apiVersion: v1\nkind: Secret\nmetadata: {name: a, namespace: team-a}\nstringData:\n  password: " + canaryGiven + "\n"

type arguments = map[string]any

// walks are the calls of each tool: its main path and each way in which it may
// show what a cluster says. A tool without a row fails TestNoToolLeaks.
var walks = map[string][]arguments{
	"whoami":          {{}, {"namespace": "team-a"}},
	"namespaces_list": outputs(nil),
	"pods_list":       outputs(nil),
	"pods_list_in_namespace": outputs(arguments{
		"namespace": "team-a",
	}),
	"resources_list": append(append(append(outputs(arguments{"kind": "Secret"}), outputs(arguments{"kind": "Widget", "apiVersion": "example.com/v1"})...),
		outputs(arguments{"kind": "ConfigMap", "namespace": "team-a"})...), outputs(arguments{"kind": "Event"})...),
	"resources_get": {
		{"kind": "Secret", "name": "a", "namespace": "team-a"}, {"kind": "Secret", "names": []string{"a", "b"}, "namespace": "team-a"},
		{"kind": "Widget", "apiVersion": "example.com/v1", "name": "a", "namespace": "team-a"}, {"kind": "ConfigMap", "name": "a", "namespace": "team-a"},
		{"kind": "Deployment", "name": "a", "namespace": "team-a"}, {"kind": "Event", "name": "a", "namespace": "team-a"}, {"kind": "Zebra", "name": "a"},
		{"kind": "Secret", "name": "a", "namespace": "team-a", "fields": []string{"data", "data.password", "stringData", "metadata.annotations", "metadata"}},
		{"kind": "Widget", "apiVersion": "example.com/v1", "name": "a", "namespace": "team-a", "fields": []string{"spec.manifests[*].data.password", "spec.manifests.stringData", "spec"}},
	},
	"pods_get": {{"name": "a", "namespace": "team-a"}, {"name": "a", "namespace": "team-a", "fields": []string{"spec.containers.env", "spec.containers[*].env[*].value", "status"}}},
	"pods_log": {
		{"name": "a", "namespace": "team-a"}, {"name": "a", "namespace": "team-a", "container": "app", "previous": true}, {"labelSelector": "app=web", "namespace": "team-a"},
		{"name": "a", "namespace": "team-a", "grep": "password|token|join|PRIVATE"}, {"labelSelector": "app=web", "namespace": "team-a", "container": "none"},
	},
	"pods_top":            {{}, {"name": "a", "namespace": "team-a"}},
	"nodes_top":           {{}, {"name": "a"}},
	"nodes_log":           {{"name": "a", "query": "kubelet"}},
	"nodes_stats_summary": {{"name": "a"}},
	"events_list":         {{}, {"namespace": "team-a", "kind": "Pod", "name": "a", "type": "Warning"}},
	"resources_describe": {
		{"kind": "Secret", "name": "a", "namespace": "team-a"}, {"kind": "Pod", "name": "a", "namespace": "team-a"}, {"kind": "ConfigMap", "name": "a", "namespace": "team-a"},
		{"kind": "Deployment", "name": "a", "namespace": "team-a"}, {"kind": "Widget", "apiVersion": "example.com/v1", "name": "a", "namespace": "team-a"},
		{"kind": "Node", "name": "a"}, {"kind": "Event", "name": "a", "namespace": "team-a"}, {"kind": "Job", "name": "a", "namespace": "team-a"},
	},
	"diagnose": {
		{"namespace": "team-a"}, {"kind": "Pod", "name": "a", "namespace": "team-a"}, {"kind": "Deployment", "name": "a", "namespace": "team-a"}, {"kind": "Job", "name": "a", "namespace": "team-a"},
	},
	"api_resources": {{}, {"search": "widget"}},
	"explain":       {{"path": "Widget.spec", "apiVersion": "example.com/v1"}, {"path": "Pod"}, {"path": "Widget", "apiVersion": "example.com/v1", "recursive": true}},
	"can_i":         {{"verb": "get", "kind": "Secret", "namespace": "team-a"}, {"verb": "*", "kind": "*"}},
	"resources_create_or_update": {
		{"resource": givenSecret}, {"resource": givenSecret, "dryRun": true}, {"resource": givenSecret + "nonsense: " + canaryGiven + "\n"}, {"resource": "kind: Secret\nstringData: {p: " + canaryGiven},
		{"resource": `{"apiVersion":"example.com/v1","kind":"Widget","metadata":{"name":"a","namespace":"team-a"},"spec":{"text":"x"}}`},
		{"resource": `{"apiVersion":"v1","kind":"ConfigMap","metadata":{"name":"a","namespace":"team-a"},"data":{"join":"x"}}`},
	},
	"resources_delete": {{"kind": "Secret", "name": "a", "namespace": "team-a"}, {"kind": "Widget", "apiVersion": "example.com/v1", "name": "a", "namespace": "team-a", "dryRun": true}},
	"resources_scale":  {{"kind": "Deployment", "name": "a", "namespace": "team-a"}, {"kind": "Deployment", "name": "a", "namespace": "team-a", "scale": 3}},
	"pods_run":         {{"image": "registry.example.com/web:1", "name": "a", "namespace": "team-a", "port": 80}},
	"pods_delete":      {{"name": "a", "namespace": "team-a"}},
	"pods_exec":        {{"name": "a", "namespace": "team-a", "command": []string{"env"}}},
}

// promptWalks are the same for prompts.
var promptWalks = map[string][]map[string]string{
	"cluster-health-check": {{}, {"namespace": "team-a", "check_events": "true"}},
}

// outputs are these arguments with each form that a list has.
func outputs(base arguments) []arguments {
	forms := []arguments{{}, {"output": "yaml"}, {"output": "names"}, {"output": "count"}, {"fields": []string{"data", "stringData", "spec", "metadata.annotations", "message"}}, {"output": "yaml", "fields": []string{"data.password"}}}
	out := make([]arguments, 0, len(forms))
	for _, more := range forms {
		one := arguments{}
		for _, part := range []arguments{base, more} {
			maps.Copy(one, part)
		}
		out = append(out, one)
	}
	return out
}

// leaks are all that must not be found.
func leaks() []string {
	return []string{canaryToken, canarySecret, canaryGiven, bootstrapToken, lettersToken, serviceToken, "Q0FOQVJZ", "ghijklmnopqrstuv"}
}

// TestNoToolLeaks walks every tool and prompt that there is, against a server
// whose objects, tables, logs, events and schemas hold Secrets and tokens
// wherever text can be, and then against one that refuses everything and says
// them in its messages. No text, no structured part, no error and no line of the
// log at its lowest level may hold any of it.
func TestNoToolLeaks(t *testing.T) {
	l, api := newLeaky(t)
	w := newWorld(t, api, func(s *setup) { s.Toolsets = []string{"core", "write", "exec"} })
	all, err := catalog()
	require.NoError(t, err)
	s := w.session(t, api.headers(canaryToken))
	for _, name := range all.Names() {
		_, tool := walks[name]
		_, prompt := promptWalks[name]
		require.True(t, tool || prompt, "%s has no row here: add the calls that show what a cluster says", name)
	}
	require.Len(t, all.Names(), len(walks)+len(promptWalks), "a row is about a tool that is gone")
	promised := promises(t, s)
	for _, refusing := range []int64{0, 400, 401, 403, 404, 409, 500, 503} {
		l.refusing.Store(refusing)
		for name, calls := range walks {
			for _, in := range calls {
				walk(t, s, promised[name], name, in, refusing)
			}
		}
		for name, calls := range promptWalks {
			for _, in := range calls {
				result, err := s.GetPrompt(t.Context(), &mcp.GetPromptParams{Name: name, Arguments: in})
				requireNoLeak(t, name, result, err)
			}
		}
	}
	requireNoCanary(t, "the log", w.logs.String(), leaks()...)
	require.NotEmpty(t, w.logs.lines(t, "tool call"))
}

// fails0 are calls that fail against a server that serves, as they are meant to.
var fails0 = map[string]bool{"Zebra": true}

// promises are the schemas of the tools' structured parts, as clients get them.
// The backend does not hold its own answers to them at run time.
func promises(t *testing.T, s *mcp.ClientSession) map[string]*jsonschema.Resolved {
	t.Helper()
	list, err := s.ListTools(t.Context(), nil)
	require.NoError(t, err)
	out := map[string]*jsonschema.Resolved{}
	for _, tool := range list.Tools {
		text, err := json.Marshal(tool.OutputSchema)
		require.NoError(t, err)
		var schema jsonschema.Schema
		require.NoError(t, json.Unmarshal(text, &schema))
		out[tool.Name], err = schema.Resolve(nil)
		require.NoError(t, err)
	}
	return out
}

func walk(t *testing.T, s *mcp.ClientSession, promised *jsonschema.Resolved, name string, in arguments, refusing int64) {
	t.Helper()
	result, err := s.CallTool(t.Context(), &mcp.CallToolParams{Name: name, Arguments: in})
	requireNoLeak(t, name, result, err)
	if refusing == http.StatusUnauthorized {
		return // the credential's fault is an error of the protocol
	}
	require.NoError(t, err)
	if !result.IsError {
		require.NoError(t, promised.Validate(result.StructuredContent), "%s %v breaks its own schema", name, in)
	}
	if kind, _ := in["kind"].(string); refusing == 0 && !fails0[kind] && in["container"] != "none" && name != "resources_create_or_update" {
		require.False(t, result.IsError, "%s %v: %s", name, in, whole(t, result))
	}
}

func requireNoLeak(t *testing.T, name string, result any, err error) {
	t.Helper()
	text, failed := json.Marshal(result)
	require.NoError(t, failed)
	if err != nil {
		text = append(text, err.Error()...)
	}
	requireNoCanary(t, name, string(text), leaks()...)
}
