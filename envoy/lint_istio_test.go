package envoy_test

import (
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"sigs.k8s.io/yaml"

	"kubernetes-mcp-edge/envoy"
)

// where are findings as "rule path", notes apart.
func where(found []envoy.Finding, notes bool) []string {
	var out []string
	for _, f := range found {
		if f.Note == notes {
			out = append(out, f.Rule+" "+f.Path)
		}
	}
	return out
}

// TestIstioDump reads what no Envoy of ours would load: filters of Istio's own,
// TypedStruct, routes by RDS.
func TestIstioDump(t *testing.T) {
	text, err := os.ReadFile("testdata/istio_dump.yaml")
	require.NoError(t, err)
	dump, err := yaml.YAMLToJSON(text)
	require.NoError(t, err)
	found, err := envoy.Check(dump, "")
	require.NoError(t, err)

	const manager = "configs[3].dynamic_listeners[0].active_state.listener.filter_chains[0].filters[1].typed_config"
	require.Equal(t, []string{
		"unknown-type configs[3].dynamic_listeners[0].active_state.listener.filter_chains[0].filters[0].typed_config",
		"unknown-type " + manager + ".http_filters[0].typed_config",
		"unknown-type " + manager + ".http_filters[1].typed_config",
		"unknown-type " + manager + ".http_filters[5].typed_config",
		"unknown-type configs[0].bootstrap.stats_sinks[0].typed_config",
	}, where(found, true), "what is not known is told, and breaks nothing by itself")

	broken := where(found, false)
	for _, want := range []string{
		"fail-closed " + manager + ".http_filters[3].typed_config.value.failureModeAllow",
		"guard-last " + manager + ".http_filters[5]", // nobody knows what it does
		"rbac-verdict " + manager + ".http_filters[4].typed_config.rules",
		"no-retries configs[4].dynamic_route_configs[0].route_config.virtual_hosts[0].routes[0].route.retry_policy",
		"tls-beyond-loopback configs[3].dynamic_listeners[0].active_state.listener.filter_chains[0].transport_socket",
		"admin-paths configs[0].bootstrap.admin.allow_paths",
	} {
		require.Contains(t, broken, want)
	}
	for _, never := range []string{"static-only", "routes-known", "every-listener-guarded", "upstream-tls", "backend-cluster", "parse", "unknown-field", "guard-cluster"} {
		require.NotContains(t, strings.Join(broken, "\n"), never+" ", "that is as it should be")
	}
}

// TestIstioEndpointsCount: where a cluster leads may be known by EDS alone.
func TestIstioEndpointsCount(t *testing.T) {
	text, err := os.ReadFile("testdata/istio_dump.yaml")
	require.NoError(t, err)
	for name, edit := range map[string][2]string{
		"far":     {"{pipe: {path: /run/backend.sock}}", "{socket_address: {address: 192.0.2.1, port_value: 9003}}"},
		"unknown": {"      cluster_name: outbound|9003||", "      cluster_name: outbound|9004||"},
	} {
		t.Run(name, func(t *testing.T) {
			require.Contains(t, where(envoy.Lint([]byte(broken(t, string(text), edit))), false), "upstream-tls configs[1].dynamic_active_clusters[1].cluster.transport_socket")
		})
	}
	twin := broken(t, string(text), [2]string{"address: 127.0.0.1, port_value: 15020}", "address: 192.0.2.1, port_value: 9003}\x00{pipe: {path: /run/backend.sock}}\x00{socket_address: {address: 192.0.2.1, port_value: 9003}}"})
	require.Contains(t, strings.Join(where(envoy.Lint([]byte(twin)), false), "\n"), "every-listener-guarded configs[3].dynamic_listeners[1]", "another name for the same endpoint")
}

// TestIstioManifest judges an EnvoyFilter and the VirtualService beside it.
func TestIstioManifest(t *testing.T) {
	text, err := os.ReadFile("testdata/istio_manifest.yaml")
	require.NoError(t, err)
	found, err := envoy.Check(text, "")
	require.NoError(t, err)
	broken := where(found, false)
	const filter = "[0].spec.configPatches[0].patch.value.typed_config"
	for _, want := range []string{
		"unknown-field " + filter + ".allow_mode_overide",
		"guard-override " + filter + ".allow_mode_override",
		"fail-closed " + filter + ".failure_mode_allow",
		"own-request-id [0].spec.configPatches[1].patch.value.typed_config.preserve_external_request_id",
		"header-limits [0].spec.configPatches[1].patch.value.typed_config.max_request_headers_kb",
		"no-retries [1].spec.http[0].retries.attempts",
		"no-rewrites [1].spec.http[0].rewrite",
		"nothing-after-the-guard [1].spec.http[0].route[0].headers.request.set.kubernetes-server",
	} {
		require.Contains(t, broken, want)
	}
	require.True(t, slices.ContainsFunc(broken, func(s string) bool { return strings.HasPrefix(s, "rbac-verdict ") }), "the verdict is not asked for")
	for _, f := range found {
		if f.Rule == "fail-closed" {
			before, _, _ := strings.Cut(string(text), "failure_mode_allow")
			require.Equal(t, 1+strings.Count(before, "\n"), f.Line)
		}
	}
}

// manifest is our own bootstrap in the form of an EnvoyFilter.
func manifest(t *testing.T, edit func(manager object)) string {
	t.Helper()
	var root object
	require.NoError(t, yaml.Unmarshal([]byte(render(t, nil)), &root))
	manager := at(t, root, "static_resources", "listeners", 0, "filter_chains", 0, "filters", 0, "typed_config")
	delete(manager, "route_config")
	filters := list(manager["http_filters"])
	delete(manager, "http_filters")
	router := filters[len(filters)-1]
	before := object{"context": "GATEWAY", "listener": object{"filterChain": object{"filter": object{"subFilter": object{"name": "envoy.filters.http.router"}}}}}
	if edit != nil {
		edit(object{"filters": filters, "manager": manager, "router": router})
	}
	patch := func(to, operation string, match, value any) object {
		return object{"applyTo": to, "match": match, "patch": object{"operation": operation, "value": value}}
	}
	patches := []any{ //nolint:prealloc // few
		patch("NETWORK_FILTER", "MERGE", object{}, object{"typed_config": manager}),
		patch("HTTP_FILTER", "MERGE", before, router),
		patch("LISTENER", "MERGE", object{}, object{"per_connection_buffer_limit_bytes": 1048576}),
	}
	for _, f := range filters[:len(filters)-1] {
		patches = append(patches, patch("HTTP_FILTER", "INSERT_BEFORE", before, f))
	}
	for _, c := range list(at(t, root, "static_resources")["clusters"]) {
		patches = append(patches, patch("CLUSTER", "ADD", object{}, c))
	}
	text, err := yaml.Marshal(object{"apiVersion": "networking.istio.io/v1alpha3", "kind": "EnvoyFilter", "spec": object{"configPatches": patches}})
	require.NoError(t, err)
	return string(text)
}

func TestManifestKeepsEveryRule(t *testing.T) {
	require.Empty(t, envoy.Lint([]byte(manifest(t, nil))))
	cameled := strings.ReplaceAll(manifest(t, nil), "typed_config:", "typedConfig:")
	require.Empty(t, envoy.Lint([]byte(cameled)), "Istio reads both spellings")
	for rule, edit := range map[string]func(object){
		"one-guard":    func(o object) { list(o["filters"])[1] = list(o["filters"])[0] },
		"guard-last":   func(o object) { f := list(o["filters"]); f[0], f[1] = f[1], f[0] },
		"plain-router": func(o object) { delete(o["router"].(object)["typed_config"].(object), "suppress_envoy_headers") },
		"stream-limit": func(o object) { delete(o["manager"].(object), "http2_protocol_options") },
		"validate":     func(o object) { list(o["filters"])[1].(object)["typed_config"].(object)["message_timeout"] = "7200s" },
		"no-header-printed": func(o object) {
			o["manager"].(object)["access_log"] = []any{object{"name": "x", "typed_config": object{"@type": "type.googleapis.com/envoy.extensions.access_loggers.file.v3.FileAccessLog", "path": "/x", "log_format": object{"text_format_source": object{"inline_string": "%REQ(authorization)%"}}}}}
		},
	} {
		t.Run(rule, func(t *testing.T) {
			found := envoy.Lint([]byte(manifest(t, edit)))
			require.True(t, slices.ContainsFunc(found, func(f envoy.Finding) bool { return f.Rule == rule && f.Line > 0 }), fmt.Sprint(found))
		})
	}
}

// TestPatchesOfRoutes: guard and RBAC may be off only where it is known that
// nothing stands behind.
func TestPatchesOfRoutes(t *testing.T) {
	patch := func(name string) string {
		return `
---
apiVersion: networking.istio.io/v1alpha3
kind: EnvoyFilter
spec:
  configPatches:
  - applyTo: HTTP_ROUTE
    match: {routeConfiguration: {vhost: {` + name + `}}}
    patch:
      operation: MERGE
      value: {typed_per_filter_config: {envoy.filters.http.ext_proc: {"@type": type.googleapis.com/envoy.config.route.v3.FilterConfig, disabled: true}}}
---
apiVersion: networking.istio.io/v1
kind: VirtualService
spec: {hosts: [mcp.example.com], http: [`
	}
	const (
		direct  = "{name: NAME, directResponse: {status: 404}}"
		unnamed = "{directResponse: {status: 404}}"
		leads   = "{name: NAME, retries: {attempts: 0}, route: [{destination: {host: backend}}]}"
		here    = "name: \"mcp.example.com:443\", route: {name: NAME}"

		virtualService = "\n---\napiVersion: networking.istio.io/v1\nkind: VirtualService\nspec: "
	)
	service := func(host string) string { return "]}" + virtualService + "{hosts: [" + host + "], http: [" }
	for name, c := range map[string]struct {
		patched, routes string
		fine            bool
	}{
		"nothing behind":              {here, direct, true},
		"a backend behind":            {here, leads, false},
		"both, the one way round":     {here, direct + ", " + leads, false},
		"both, the other way round":   {here, leads + ", " + direct, false},
		"another route":               {"name: \"mcp.example.com:443\", route: {name: OTHER}", direct, false},
		"every route":                 {"name: \"mcp.example.com:443\", route: {action: ANY}", unnamed, false},
		"every host":                  {"route: {name: NAME}", direct, false},
		"another host":                {"name: \"other.example.com:443\", route: {name: NAME}", direct, false},
		"no port":                     {"name: mcp.example.com, route: {name: NAME}", direct, false},
		"the host in capitals":        {"name: \"MCP.example.com:443\", route: {name: NAME}", direct, true},
		"another host has a backend":  {here, direct + service("other.example.com") + leads, true},
		"a wider host has a backend":  {here, direct + service("\"*.example.com\"") + leads, false},
		"any host has a backend":      {here, direct + service("\"*\"") + leads, false},
		"no host has a backend":       {here, direct + "]}" + virtualService + "{http: [" + leads, false},
		"a wider host answers":        {here, service("\"*.example.com\"") + direct, true},
		"the patch is of wider hosts": {"name: \"*.example.com:443\", route: {name: NAME}", leads + service("\"*.example.com\"") + direct, false},
		"every host, and any answers": {"route: {name: NAME}", service("\"*\"") + direct, false},
		"its backend in capitals":     {here, direct + service("MCP.example.com") + leads, false},
		"a match has its own name":    {"name: \"mcp.example.com:443\", route: {name: NAME.SUB}", "{name: NAME, match: [{name: SUB}], directResponse: {status: 404}}", true},
		"a match leads on by its own": {"name: \"mcp.example.com:443\", route: {name: NAME.SUB}", "{name: NAME.SUB, directResponse: {status: 404}}, {name: NAME, match: [{name: SUB}], retries: {attempts: 0}, route: [{destination: {host: backend}}]}", false},
	} {
		t.Run(name, func(t *testing.T) {
			broken := where(envoy.Lint([]byte(manifest(t, nil)+patch(c.patched)+c.routes+"]}\n")), false)
			if c.fine {
				require.Empty(t, broken)
				return
			}
			require.Equal(t, []string{`guard-on-every-route [1].spec.configPatches[0].patch.value.typed_per_filter_config["envoy.filters.http.ext_proc"]`}, broken)
		})
	}
}
