package envoy_test

import (
	"encoding/json"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/stretchr/testify/require"
	"sigs.k8s.io/yaml"

	"kubernetes-mcp-edge/envoy"
)

// dumped starts Envoy with a bootstrap and returns its /config_dump once done
// says that it shows what it should.
func dumped(t *testing.T, bootstrap string, done func(dump string) bool) string {
	t.Helper()
	return shows(t, bootstrap, "/config_dump", done)
}

// onFreePorts makes a rendered bootstrap one that can run beside others.
func onFreePorts(config string) string {
	for _, port := range []string{"8080", "9901"} {
		config = strings.ReplaceAll(config, "port_value: "+port, "port_value: 0")
	}
	return strings.ReplaceAll(config, "path: \"/dev/stdout\"", "path: \"/dev/null\"")
}

// TestDumpIsWhatEnvoyShows holds dumpOf, by which all breaks are made, against
// the real Envoy, and lints what that shows.
func TestDumpIsWhatEnvoyShows(t *testing.T) {
	certificate, key := pair(t)
	for name, config := range map[string]string{
		"plain": render(t, nil),
		"TLS":   render(t, func(c *envoy.Config) { c.TLS = &envoy.TLS{CertificateFile: certificate, KeyFile: key} }),
	} {
		t.Run(name, func(t *testing.T) {
			config = onFreePorts(config)
			dump := dumped(t, config, func(dump string) bool { return strings.Contains(dump, "static_listeners") })
			require.Empty(t, envoy.Lint([]byte(dump)))
			require.Empty(t, cmp.Diff(resources(t, dumpOf(t, config)), resources(t, dump)))
		})
	}
}

// resources are the listeners and clusters of a dump.
func resources(t *testing.T, dump string) object {
	t.Helper()
	var root struct {
		Configs []object `json:"configs"`
	}
	require.NoError(t, json.Unmarshal([]byte(dump), &root))
	out := object{}
	for _, config := range root.Configs {
		for _, name := range []string{"static_listeners", "static_clusters"} {
			for _, item := range list(config[name]) {
				entry, ok := item.(object)
				require.True(t, ok)
				delete(entry, "last_updated")
				out[name] = append(list(out[name]), entry)
			}
		}
	}
	require.Len(t, out, 2)
	slices.SortFunc(list(out["static_clusters"]), func(a, b any) int { // Envoy shows them in any order
		return strings.Compare(at(t, a, "cluster")["name"].(string), at(t, b, "cluster")["name"].(string))
	})
	return out
}

// dynamic is a bootstrap whose listener, clusters, routes and first filter come
// by LDS, CDS, RDS and ECDS from files: what a control plane makes of it.
func dynamic(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	var root object
	require.NoError(t, yaml.Unmarshal([]byte(onFreePorts(render(t, nil))), &root))
	static, ok := root["static_resources"].(object)
	require.True(t, ok)
	source := func(name, kind string, resources ...any) object {
		for _, r := range resources {
			r.(object)["@type"] = "type.googleapis.com/" + kind
		}
		text, err := json.Marshal(object{"version_info": "1", "resources": resources})
		require.NoError(t, err)
		file := filepath.Join(dir, name)
		require.NoError(t, os.WriteFile(file, text, 0o600))
		return object{"path_config_source": object{"path": file}, "resource_api_version": "V3"}
	}
	manager := at(t, static, "listeners", 0, "filter_chains", 0, "filters", 0, "typed_config")
	routes := manager["route_config"]
	delete(manager, "route_config")
	manager["rds"] = object{"route_config_name": "mcp", "config_source": source("rds.json", "envoy.config.route.v3.RouteConfiguration", routes)}
	first := at(t, manager, "http_filters", 0)
	moved := maps.Clone(first)
	delete(first, "typed_config")
	first["config_discovery"] = object{
		"config_source": source("ecds.json", "envoy.config.core.v3.TypedExtensionConfig", moved),
		"type_urls":     []any{"type.googleapis.com/envoy.extensions.filters.http.health_check.v3.HealthCheck"},
	}
	root["dynamic_resources"] = object{
		"lds_config": source("lds.json", "envoy.config.listener.v3.Listener", list(static["listeners"])...),
		"cds_config": source("cds.json", "envoy.config.cluster.v3.Cluster", list(static["clusters"])...),
	}
	delete(root, "static_resources")
	root["node"] = object{"id": "edge", "cluster": "edge"}
	text, err := json.Marshal(root)
	require.NoError(t, err)
	return string(text)
}

// at goes down by names and indices.
func at(t *testing.T, v any, steps ...any) object {
	t.Helper()
	for _, s := range steps {
		switch s := s.(type) {
		case string:
			m, ok := v.(object)
			require.True(t, ok, "no object above %s", s)
			v = m[s]
		case int:
			require.Less(t, s, len(list(v)))
			v = list(v)[s]
		}
	}
	m, ok := v.(object)
	require.True(t, ok, "no object at %v", steps)
	return m
}

// TestWhatComesFromElsewhereIsJudged breaks what a real Envoy got by xDS.
func TestWhatComesFromElsewhereIsJudged(t *testing.T) {
	bootstrap := dynamic(t)
	dump := dumped(t, bootstrap, func(dump string) bool {
		return strings.Contains(dump, "\"active_state\"") && strings.Contains(dump, "dynamic_route_configs") && strings.Contains(dump, "ecds_filters")
	})
	require.Empty(t, envoy.Lint([]byte(dump)))
	require.NotEmpty(t, envoy.Lint([]byte(bootstrap)), "the bootstrap alone says nothing")

	const listener = "envoy.admin.v3.ListenersConfigDump"
	for name, c := range map[string]struct {
		rule, path string
		edit       func(t *testing.T, of func(kind string) object)
	}{
		"a retry by RDS": {"no-retries", `dynamic_route_configs\[0\].route_config.virtual_hosts\[0\].routes\[1\].route.retry_policy`, func(t *testing.T, of func(string) object) {
			t.Helper()
			at(t, of("envoy.admin.v3.RoutesConfigDump"), "dynamic_route_configs", 0, "route_config", "virtual_hosts", 0, "routes", 1, "route")["retry_policy"] = object{"retry_on": "5xx"}
		}},
		"routes that are not there": {"routes-known", `dynamic_listeners\[0\].active_state.listener.filter_chains\[0\].filters\[0\].typed_config.rds`, func(_ *testing.T, of func(string) object) {
			delete(of("envoy.admin.v3.RoutesConfigDump"), "dynamic_route_configs")
		}},
		"scoped routes": {"routes-known", `typed_config.scoped_routes`, func(t *testing.T, of func(string) object) {
			t.Helper()
			manager := at(t, of(listener), "dynamic_listeners", 0, "active_state", "listener", "filter_chains", 0, "filters", 0, "typed_config")
			manager["scoped_routes"] = object{"name": "s", "scope_key_builder": object{"fragments": []any{object{"header_value_extractor": object{"name": "x", "index": 0}}}}, "scoped_rds": object{"scoped_rds_config_source": object{"ads": object{}}}}
			delete(manager, "rds")
		}},
		"a filter that is not there": {"filters-known", `http_filters\[0\].config_discovery`, func(_ *testing.T, of func(string) object) {
			delete(of("envoy.admin.v3.EcdsConfigDump"), "ecds_filters")
		}},
		"a filter with a default": {"filters-known", `http_filters\[0\].config_discovery.default_config`, func(t *testing.T, of func(string) object) {
			t.Helper()
			manager := at(t, of(listener), "dynamic_listeners", 0, "active_state", "listener", "filter_chains", 0, "filters", 0, "typed_config")
			at(t, manager, "http_filters", 0, "config_discovery")["default_config"] = object{"@type": "type.googleapis.com/google.protobuf.Empty"}
		}},
		"a filter by ECDS that passes through": {"health-before-guard", `ecds_filters\[0\].ecds_filter.typed_config.pass_through_mode`, func(t *testing.T, of func(string) object) {
			t.Helper()
			at(t, of("envoy.admin.v3.EcdsConfigDump"), "ecds_filters", 0, "ecds_filter", "typed_config")["pass_through_mode"] = true
		}},
		"a warming listener that fails open": {"fail-closed", `warming_state.listener.*failure_mode_allow`, func(t *testing.T, of func(string) object) {
			t.Helper()
			l := at(t, of(listener), "dynamic_listeners", 0)
			l["warming_state"] = l["active_state"]
			delete(l, "active_state")
			at(t, l, "warming_state", "listener", "filter_chains", 0, "filters", 0, "typed_config", "http_filters", 1, "typed_config")["failure_mode_allow"] = true
		}},
		"an update that Envoy refused": {"update-refused", `dynamic_listeners\[0\].error_state`, func(t *testing.T, of func(string) object) {
			t.Helper()
			at(t, of(listener), "dynamic_listeners", 0)["error_state"] = object{"details": "no"}
		}},
		"a warming listener that fails open, in camelCase": {"fail-closed", `warmingState.listener.*failure_mode_allow`, func(t *testing.T, of func(string) object) {
			t.Helper()
			l := at(t, of(listener), "dynamic_listeners", 0)
			l["warmingState"] = l["active_state"]
			delete(l, "active_state")
			at(t, l, "warmingState", "listener", "filter_chains", 0, "filters", 0, "typed_config", "http_filters", 1, "typed_config")["failure_mode_allow"] = true
		}},
		"an update that Envoy refused, in camelCase": {"update-refused", `dynamic_listeners\[0\].errorState`, func(t *testing.T, of func(string) object) {
			t.Helper()
			at(t, of(listener), "dynamic_listeners", 0)["errorState"] = object{"details": "no"}
		}},
		"a cluster by CDS without a limit": {"circuit-breakers", `dynamic_active_clusters\[\d\].cluster.circuit_breakers`, func(t *testing.T, of func(string) object) {
			t.Helper()
			for i := range 2 {
				delete(at(t, of("envoy.admin.v3.ClustersConfigDump"), "dynamic_active_clusters", i, "cluster"), "circuit_breakers")
			}
		}},
	} {
		t.Run(name, func(t *testing.T) {
			var root object
			require.NoError(t, json.Unmarshal([]byte(dump), &root))
			c.edit(t, func(kind string) object {
				i := slices.IndexFunc(list(root["configs"]), func(v any) bool { return v.(object)["@type"] == "type.googleapis.com/"+kind })
				return at(t, root, "configs", i)
			})
			text, err := json.Marshal(root)
			require.NoError(t, err)
			found := envoy.Lint(text)
			require.True(t, slices.ContainsFunc(found, func(f envoy.Finding) bool {
				return f.Rule == c.rule && regexpMatch(t, c.path, f.Path)
			}), "found only %v", found)
		})
	}
}
