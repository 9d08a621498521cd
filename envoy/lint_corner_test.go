package envoy_test

import (
	"slices"
	"testing"

	"github.com/stretchr/testify/require"
	"sigs.k8s.io/yaml"

	"kubernetes-mcp-edge/envoy"
)

// cornerBreaks are edits of what few people know to be there.
func cornerBreaks() map[string][][2]string {
	const (
		backend   = "    lb_policy: MAGLEV\n"
		manager   = "          stat_prefix: mcp\n"
		listeners = "  listeners:\n"
		empty     = "{name: x, typed_config: {\"@type\": type.googleapis.com/google.protobuf.Empty}}"
		matcher   = "{on_no_match: {action: " + empty + "}}"
		early     = "          early_header_mutation_extensions:\n"
		health    = "          - name: envoy.filters.http.health_check\n"
		policies  = "                policies:\n"
		buffer    = "    per_connection_buffer_limit_bytes"
		vhost     = "              domains: [\"*\"]\n"
	)
	return map[string][][2]string{
		"plain-router":           {{backend, backend + "    filters: [" + empty + "]\n"}},
		"no-client-certificate":  {{manager, manager + "          forward_client_cert_matcher: " + matcher + "\n"}},
		"one-spelling-of-a-path": {{manager, manager + "          path_normalization_options: {}\n"}},
		"early-strip":            {{early, early + "          - " + empty + "\n"}},
		"rbac-verdict": {
			{"              rules_stat_prefix: kube_guard\n", "              rules_stat_prefix: kube_guard\n              matcher: " + matcher + "\n"},
			{policies, policies + "                  everybody: {permissions: [{any: true}], principals: [{any: true}]}\n"},
			{policies, policies + "                  again: {permissions: [{sourced_metadata: {metadata_source: DYNAMIC, metadata_matcher: {filter: kube_guard, path: [{key: verdict}], value: {string_match: {exact: allow}}}}}], principals: [{any: true}]}\n"},
		},
		"health-before-guard": {{health, health + "            disabled: true\n"}},
		"upstream-tls":        {{backend, backend + "    transport_socket_matcher: " + matcher + "\n"}},
		"guard-mutations":     {{"disallow_all: true\n", "disallow_all: true\n                disallow_expression: {regex: x}\n"}},
		"guard-sees":          {{"              forward_rules:\n", "              forward_rules:\n                disallowed_headers: {patterns: [{exact: origin}]}\n"}},
		"routes-known":        {{vhost, vhost + "              route_specifiers: [" + empty + "]\n"}},
		"every-listener-guarded": {
			{listeners, listeners + "  - {name: api, api_listener: {api_listener: {\"@type\": type.googleapis.com/google.protobuf.Empty}}}\n"},
			{buffer, "    fcds_config: {name: x, config_source: {ads: {}}}\n" + buffer},
		},
	}
}

// TestWhatIsMissing breaks by what is not there.
func TestWhatIsMissing(t *testing.T) {
	for name, c := range map[string]struct {
		rule, path string // below the connection manager
		edit       func(manager object)
	}{
		"no routes at all": {"routes-known", "route_config", func(m object) { delete(m, "route_config") }},
		"no virtual host":  {"elsewhere-not-found", "route_config.virtual_hosts", func(m object) { delete(m["route_config"].(object), "virtual_hosts") }},
		"nothing leads on": {"only-mcp-is-routed", "route_config.virtual_hosts", func(m object) { delete(m["route_config"].(object), "virtual_hosts") }},
		"no mode": {"guard-modes", "http_filters[1].typed_config.processing_mode", func(m object) {
			delete(list(m["http_filters"])[1].(object)["typed_config"].(object), "processing_mode")
		}},
		"no override": {"guard-override", "http_filters[1].typed_config.allowed_override_modes", func(m object) {
			delete(list(m["http_filters"])[1].(object)["typed_config"].(object), "allowed_override_modes")
		}},
		"a reply less": {"local-replies", "local_reply_config.mappers", func(m object) {
			replies := m["local_reply_config"].(object)
			replies["mappers"] = list(replies["mappers"])[1:]
		}},
		"no router": {"guard-last", "http_filters", func(m object) { m["http_filters"] = list(m["http_filters"])[:3] }},
		"no health": {"health-before-guard", "http_filters", func(m object) { m["http_filters"] = list(m["http_filters"])[1:] }},
		"a virtual host is bare": {"elsewhere-not-found", "route_config.virtual_hosts[1].routes", func(m object) {
			routes := m["route_config"].(object)
			routes["virtual_hosts"] = append(list(routes["virtual_hosts"]), object{"name": "bare", "domains": []any{"bare.example.com"}})
		}},
	} {
		t.Run(name, func(t *testing.T) {
			var root object
			require.NoError(t, yaml.Unmarshal([]byte(render(t, nil)), &root))
			c.edit(at(t, root, "static_resources", "listeners", 0, "filter_chains", 0, "filters", 0, "typed_config"))
			text, err := yaml.Marshal(root)
			require.NoError(t, err)
			found := envoy.Lint(text)
			require.True(t, slices.ContainsFunc(found, func(f envoy.Finding) bool {
				return f.Rule == c.rule && f.Path == "static_resources.listeners[0].filter_chains[0].filters[0].typed_config."+c.path
			}), "%v", found)
		})
	}
}
