package envoy_test

import (
	"encoding/json"
	"os"
	"slices"
	"strings"
	"testing"

	clusterv3 "github.com/envoyproxy/go-control-plane/envoy/config/cluster/v3"
	listenerv3 "github.com/envoyproxy/go-control-plane/envoy/config/listener/v3"
	routev3 "github.com/envoyproxy/go-control-plane/envoy/config/route/v3"
	procv3 "github.com/envoyproxy/go-control-plane/envoy/extensions/filters/http/ext_proc/v3"
	hcmv3 "github.com/envoyproxy/go-control-plane/envoy/extensions/filters/network/http_connection_manager/v3"
	"github.com/google/go-cmp/cmp"
	"github.com/stretchr/testify/require"
	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/testing/protocmp"
	"sigs.k8s.io/yaml"

	"kubernetes-mcp-edge/envoy"
)

// patch is one of an EnvoyFilter.
type patch struct {
	ApplyTo string `json:"applyTo"`
	Match   struct {
		Context string `json:"context"`
	} `json:"match"`
	Patch struct {
		Operation string          `json:"operation"`
		Value     json.RawMessage `json:"value"`
	} `json:"patch"`
}

// shippedManifest reads the objects of the Istio manifest.
func shippedManifest(t *testing.T) (patches []patch, kinds []string) {
	t.Helper()
	text, err := os.ReadFile("istio/guard.yaml")
	require.NoError(t, err)
	for document := range strings.SplitSeq(string(text), "\n---\n") {
		var object struct {
			Kind string `json:"kind"`
			Spec struct {
				Patches []patch `json:"configPatches"`
			} `json:"spec"`
		}
		require.NoError(t, yaml.Unmarshal([]byte(document), &object))
		patches, kinds = append(patches, object.Spec.Patches...), append(kinds, object.Kind)
	}
	return patches, kinds
}

// TestIstioManifestIsEnvoys reads every patch as the message that it stands for:
// what Istio would drop with a warning is an error here.
func TestIstioManifestIsEnvoys(t *testing.T) {
	patches, kinds := shippedManifest(t)
	require.Equal(t, []string{"EnvoyFilter", "Gateway", "VirtualService", "DestinationRule"}, kinds)
	var chain []string
	for _, p := range patches {
		require.Equal(t, "GATEWAY", p.Match.Context)
		m := map[string]proto.Message{
			"CLUSTER": &clusterv3.Cluster{}, "HTTP_FILTER": &hcmv3.HttpFilter{}, "NETWORK_FILTER": &listenerv3.Filter{},
			"LISTENER": &listenerv3.Listener{}, "HTTP_ROUTE": &routev3.Route{},
		}[p.ApplyTo]
		require.NotNil(t, m, p.ApplyTo)
		require.NoError(t, protojson.Unmarshal(p.Patch.Value, m), "%s", p.Patch.Value)
		if f, ok := m.(*hcmv3.HttpFilter); ok {
			chain = append(chain, p.Patch.Operation+" "+f.GetName())
		}
	}
	require.Equal(t, []string{
		"INSERT_BEFORE envoy.filters.http.ext_proc", "INSERT_BEFORE envoy.filters.http.rbac", "MERGE envoy.filters.http.router",
	}, chain)
}

// TestIstioHasTheSameGuard: what is told apart by nothing is one thing.
func TestIstioHasTheSameGuard(t *testing.T) {
	fromBootstrap := &procv3.ExternalProcessor{}
	var root map[string]any
	require.NoError(t, yaml.Unmarshal([]byte(render(t, nil)), &root))
	walk(root, func(m map[string]any) {
		if m["@type"] == "type.googleapis.com/envoy.extensions.filters.http.ext_proc.v3.ExternalProcessor" {
			delete(m, "@type")
			text, err := json.Marshal(m)
			require.NoError(t, err)
			require.NoError(t, protojson.Unmarshal(text, fromBootstrap))
		}
	})
	patches, _ := shippedManifest(t)
	at := slices.IndexFunc(patches, func(p patch) bool { return p.ApplyTo == "HTTP_FILTER" })
	filter, fromIstio := &hcmv3.HttpFilter{}, &procv3.ExternalProcessor{}
	require.NoError(t, protojson.Unmarshal(patches[at].Patch.Value, filter))
	require.NoError(t, filter.GetTypedConfig().UnmarshalTo(fromIstio))
	require.Empty(t, cmp.Diff(fromBootstrap, fromIstio, protocmp.Transform()))
	require.True(t, fromIstio.GetAllowModeOverride())
}

func walk(v any, look func(map[string]any)) {
	switch v := v.(type) {
	case []any:
		for _, item := range v {
			walk(item, look)
		}
	case map[string]any:
		look(v)
		for _, item := range v {
			walk(item, look)
		}
	}
}

// TestIstioBreaksAreFound breaks the manifest where only a manifest can be broken.
func TestIstioBreaksAreFound(t *testing.T) {
	text, err := envoy.RenderIstio()
	require.NoError(t, err)
	require.Empty(t, envoy.Lint(text))
	for rule, edits := range map[string][][2]string{
		"unknown-field":        {{"allow_mode_override:", "allow_mode_overide:"}},
		"guard-last":           {{"      operation: INSERT_BEFORE\n      value:\n        # Envoy lets", "      operation: INSERT_FIRST\n      value:\n        # Envoy lets"}},
		"no-retries":           {{"    retries: {attempts: 0}\n", ""}},
		"guard-on-every-route": {{"name: preflight\n    match", "name: other\n    match"}, {"- name: elsewhere\n    directResponse", "- directResponse"}, {"- name: mcp\n", "- name: elsewhere\n"}, {"vhost: {name: \"mcp.example.com:443\", route: {name: elsewhere}}", "vhost: {}"}, {"name: \"mcp.example.com:443\", route: {name: elsewhere}", "route: {name: elsewhere}"}, {"hosts: [\"mcp.example.com\"]\n  gateways", "hosts: [\"other.example.com\"]\n  gateways"}},
		"upstream-tls":         {{"                  match_typed_subject_alt_names:\n                  - {san_type: DNS, matcher: {exact: \"extproc.mcp-edge.svc\"}}\n", "                  {}\n"}},
	} {
		for _, edit := range edits {
			t.Run(rule+"/"+edit[1], func(t *testing.T) {
				require.Contains(t, string(text), edit[0])
				found := envoy.Lint([]byte(strings.Replace(string(text), edit[0], edit[1], 1)))
				require.True(t, slices.ContainsFunc(found, func(f envoy.Finding) bool { return f.Rule == rule }), "found only %v", found)
			})
		}
	}
}
