package envoy_test

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"kubernetes-mcp-edge/envoy"
)

// TestFindingsSayWhere: the path leads to the line, however a field is spelt.
func TestFindingsSayWhere(t *testing.T) {
	const (
		manager = "static_resources.listeners[0].filter_chains[0].filters[0].typed_config"
		guard   = manager + ".http_filters[1].typed_config"
		route   = manager + ".route_config.virtual_hosts[0].routes[1]"
	)
	good := render(t, nil)
	for name, c := range map[string]struct {
		edit                 [2]string
		rule, path, lineHold string // a part of the line that is named
	}{
		"a field":          {[2]string{"failure_mode_allow: false", "failure_mode_allow: true"}, "fail-closed", guard + ".failure_mode_allow", "failure_mode_allow: true"},
		"in camelCase":     {[2]string{"failure_mode_allow: false", "failureModeAllow: true"}, "fail-closed", guard + ".failureModeAllow", "failureModeAllow: true"},
		"one mode of six":  {[2]string{"request_body_mode: BUFFERED_PARTIAL", "request_body_mode: BUFFERED"}, "guard-override", guard + ".allowed_override_modes[0].request_body_mode", "request_body_mode: BUFFERED"},
		"what is missing":  {[2]string{"              message_timeout: 2s\n", ""}, "guard-timeout", guard + ".message_timeout", "typed_config:"},
		"a key with dots":  {[2]string{"                match: {path: /mcp}\n", "                match: {path: /mcp}\n                typed_per_filter_config:\n                  envoy.filters.http.ext_proc: {\"@type\": type.googleapis.com/envoy.config.route.v3.FilterConfig, disabled: true}\n"}, "guard-on-every-route", route + `.typed_per_filter_config["envoy.filters.http.ext_proc"]`, "envoy.filters.http.ext_proc: {"},
		"a cluster":        {[2]string{"    connect_timeout: 1s\n", ""}, "connect-timeout", "static_resources.clusters[0].connect_timeout", "- name: guard"},
		"a wrong value":    {[2]string{"message_timeout: 2s", "message_timeout: soon"}, "parse", guard + ".message_timeout", "message_timeout: soon"},
		"a misspelt field": {[2]string{"allow_mode_override: true", "allow_mode_overide: true"}, "unknown-field", guard + ".allow_mode_overide", "allow_mode_overide: true"},
		"out of range":     {[2]string{"message_timeout: 2s", "message_timeout: 7200s"}, "validate", guard + ".message_timeout", "message_timeout: 7200s"},
		"through an alias": {[2]string{"            mappers:\n", "            mappers: &mappers\n"}, "", "", ""},
		"a TypedStruct": {[2]string{"\"@type\": type.googleapis.com/envoy.extensions.filters.http.router.v3.Router\n              suppress_envoy_headers: true", "\"@type\": type.googleapis.com/xds.type.v3.TypedStruct\n              type_url: type.googleapis.com/envoy.extensions.filters.http.router.v3.Router\n              value: {suppress_envoy_headers: false}"},
			"plain-router", manager + ".http_filters[3].typed_config.value.suppress_envoy_headers", "value: {suppress"},
	} {
		t.Run(name, func(t *testing.T) {
			config := broken(t, good, c.edit)
			found := envoy.Lint([]byte(config))
			if c.rule == "" {
				require.Empty(t, found)
				return
			}
			for _, f := range found {
				if f.Rule == c.rule && f.Path == c.path {
					require.Contains(t, strings.Split(config, "\n")[f.Line-1], c.lineHold)
					require.Contains(t, f.String(), f.Path)
					return
				}
			}
			require.Fail(t, "not found", "%v", found)
		})
	}
}

// TestUnreadable: what is no configuration is told apart from what is a bad one,
// and nothing of it is repeated.
func TestUnreadable(t *testing.T) {
	for _, config := range []string{
		"", "null", "[]", "x", "{}", "{\"configs\": 1}", "s3cret: [", "kind: Pod\n", "s3cret: 1\ns3cret: 1\n", `{"admin": {}, "admin": {}}`,
		"kind: EnvoyFilter\nspec: {s3cret: 1, s3cret: 2}\n", "kind: EnvoyFilter\nspec: [s3cret", "a: {s3cret}\n  b: s3cret: c\n",
	} {
		found, err := envoy.Check([]byte(config), "")
		require.ErrorIs(t, err, envoy.ErrUnreadable, config)
		require.Empty(t, found)
		require.NotContains(t, err.Error(), "s3cret")
		require.Len(t, envoy.Lint([]byte(config)), 1)
	}
	_, err := envoy.Check([]byte("admin: {}\nnode:\n  a: 1\n  b: [\n"), "")
	require.ErrorContains(t, err, "line ")
}

// TestFindingsHoldNoValue: a value in the wrong place may be a key.
func TestFindingsHoldNoValue(t *testing.T) {
	const secret = "c2VjcmV0LWtleQ"
	for _, edit := range [][2]string{
		{"message_timeout: 2s", "message_timeout: " + secret},
		{"failure_mode_allow: false", "failure_mode_allow: {inline_string: " + secret + "}"},
		{"codec_type: AUTO", "codec_type: " + secret},
		{"cluster: backend\n", "cluster: {a: " + secret + "}\n"},
		{"    connect_timeout: 1s\n", "    connect_timeout: 1s\n    key: " + secret + "\n"},
		{"stat_prefix: mcp", "stat_prefix: \"\"\n          server_name: " + secret},
		{"health_checks:\n", "health_checks: " + secret + "\n    x:\n"},
	} {
		config := broken(t, render(t, nil), edit)
		found := envoy.Lint([]byte(config))
		require.NotEmpty(t, found)
		for _, f := range found {
			require.NotContains(t, f.String(), secret)
		}
	}
}

// TestFindingsKeepTheirOrder: two runs over one configuration can be compared.
func TestFindingsKeepTheirOrder(t *testing.T) {
	bootstrap := render(t, nil)
	for _, edit := range [][2]string{
		{"    connect_timeout: 1s\n", "    connect_timeuot: 1s\n"}, {"codec_type: AUTO", "codec_tpye: AUTO"},
		{"admin:\n", "admin:\n  pots: 1\n"}, {"overload_manager:\n", "overload_manager:\n  refersh_interval: 1s\n"},
	} {
		bootstrap = broken(t, bootstrap, edit)
	}
	virtual := manifest(t, nil) + `---
kind: VirtualService
spec:
  http:
  - retries: {attempts: 0}
    headers: {request: {set: {signature: a, signature-input: b, kubernetes-server: c, x-request-id: d}}}
`
	for name, config := range map[string]string{"bootstrap": bootstrap, "VirtualService": virtual} {
		t.Run(name, func(t *testing.T) {
			first := envoy.Lint([]byte(config))
			require.Greater(t, len(first), 2)
			for range 20 {
				require.Equal(t, first, envoy.Lint([]byte(config)))
			}
		})
	}
}
