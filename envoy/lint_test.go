package envoy_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"kubernetes-mcp-edge/envoy"
)

// breaks lists, for every rule, one-line edits that break it.
func breaks() map[string][][2]string {
	const (
		override = "              allowed_override_modes:\n              - request_header_mode: SEND\n                response_header_mode: SKIP\n                request_body_mode: BUFFERED_PARTIAL\n"
		trailers = "                request_trailer_mode: SEND\n"
		vhost    = "              domains: [\"*\"]\n"
		off      = "                    disabled: true\n"
		// The route of what is not /mcp, up to where it switches the guard off.
		elsewhere = "direct_response: {status: 404}\n                typed_per_filter_config:\n                  envoy.filters.http.ext_proc:\n                    \"@type\": type.googleapis.com/envoy.config.route.v3.FilterConfig\n"
	)
	return map[string][][2]string{
		"parse": {
			{"failure_mode_allow: false", "failure_mode_allow: nope"},
			{"codec_type: AUTO", "codec_type: AUTO\n          codec_type: AUTO"},
			{"guard\n      endpoints:\n", "guard\n      endpoints: {}\n      policy:\n"},
			{"cluster: backend\n", "cluster: backend\n                  cluster_header: x\n"},
			{"message_timeout: 2s", "message_timeout: soon"},
		},
		"unknown-field": {
			{"allow_mode_override: true", "allow_mode_overide: true"},
			{"    connect_timeout: 1s\n", "    connect_timeout: 1s\n    connect_timeuot: 1s\n"},
			{"codec_type: AUTO", "codec_type: AUTOMATIC"},
			{"static_resources:\n", "static_resources:\n  listener: []\n"},
		},
		"unknown-type":           {{"envoy.extensions.filters.http.router.v3.Router", "envoy.extensions.filters.http.router.v3.Ruter"}},
		"validate":               {{"message_timeout: 2s", "message_timeout: 7200s"}, {"stat_prefix: mcp", "stat_prefix: \"\""}, {"connect_timeout: 1s", "connect_timeout: -1s"}},
		"connection-limit":       {{"overload_manager:\n  resource_monitors:\n  - name: envoy.resource_monitors.global_downstream_max_connections\n    typed_config:\n      \"@type\": type.googleapis.com/envoy.extensions.resource_monitors.downstream_connections.v3.DownstreamConnectionsConfig\n      max_active_downstream_connections: 4096", ""}},
		"buffer-limit":           {{"    per_connection_buffer_limit_bytes: 1048576\n", ""}, {"buffer_limit_bytes: 1048576", "buffer_limit_bytes: 99999999"}},
		"stream-window":          {{"            initial_stream_window_size: 1048576\n", ""}, {"initial_stream_window_size: 1048576", "initial_stream_window_size: 16777216"}},
		"early-strip":            {{"              - remove: \"signature\"\n", ""}, {"              - remove: \"signature-input\"\n", ""}, {"              - remove: \"x-kubernetes-fingerprint\"\n", ""}, {"              - remove: \"signature_input\"\n", ""}, {"              - remove: \"x_kubernetes-fingerprint\"\n", ""}},
		"underscores-allowed":    {{"headers_with_underscores_action: ALLOW", "headers_with_underscores_action: REJECT_REQUEST"}},
		"remote-address":         {{"use_remote_address: true", "use_remote_address: false"}},
		"trusted-hops":           {{"          xff_num_trusted_hops: 0\n", ""}},
		"no-internal-caller":     {{"          internal_address_config: {unix_sockets: false, cidr_ranges: [{address_prefix: 255.255.255.255, prefix_len: 32}]}\n", ""}, {"address_prefix: 255.255.255.255, prefix_len: 32", "address_prefix: 10.0.0.0, prefix_len: 8"}, {"unix_sockets: false", "unix_sockets: true"}},
		"own-request-id":         {{"preserve_external_request_id: false", "preserve_external_request_id: true"}, {"generate_request_id: true", "generate_request_id: false"}, {"generate_request_id: true", "always_set_request_id_in_response: true"}},
		"header-limits":          {{"max_request_headers_kb: 96", "max_request_headers_kb: 60"}, {"            max_header_field_size_kb: 96\n", ""}, {"            max_headers_count: 100\n", ""}},
		"stream-limit":           {{"            max_concurrent_streams: 100\n", ""}},
		"timeouts":               {{"stream_idle_timeout: 900s", "stream_idle_timeout: 0s"}, {"          request_headers_timeout: 10s\n", ""}, {"          request_timeout: 60s\n", ""}},
		"one-spelling-of-a-path": {{"normalize_path: true", "normalize_path: false"}, {"merge_slashes: true", "merge_slashes: false"}, {"          path_with_escaped_slashes_action: REJECT_REQUEST\n", ""}},

		"one-guard":         {{"          - name: envoy.filters.http.rbac\n            typed_config:", "          - name: second\n            typed_config:\n              \"@type\": type.googleapis.com/envoy.extensions.filters.http.ext_proc.v3.ExternalProcessor\n          - name: envoy.filters.http.rbac\n            typed_config:"}},
		"fail-closed":       {{"failure_mode_allow: false", "failure_mode_allow: true"}, {"failure_mode_allow: false", "observability_mode: true"}},
		"guard-modes":       {{"request_body_mode: NONE", "request_body_mode: STREAMED"}, {"response_header_mode: SKIP\n                request_body_mode: NONE", "request_body_mode: NONE"}},
		"guard-override":    {{"allow_mode_override: true", "allow_mode_override: false"}, {trailers, ""}, {override, strings.Replace(override, "BUFFERED_PARTIAL", "STREAMED", 1)}},
		"guard-may-answer":  {{"failure_mode_allow: false", "disable_immediate_response: true"}, {"failure_mode_allow: false", "send_body_without_waiting_for_header_response: true"}},
		"guard-status":      {{"code: ServiceUnavailable", "code: InternalServerError"}},
		"guard-keeps-route": {{"              route_cache_action: RETAIN\n", ""}},
		"guard-mutations":   {{"disallow_all: true", "disallow_all: false"}, {"disallow_is_error: true", "disallow_is_error: false"}, {"|content-type|", "|"}, {"|access-control-.*", ""}},
		"guard-sees":        {{"prefix: \"kubernetes\"", "prefix: \"kubernetes-\""}, {"- exact: origin", "- exact: authorization"}, {"                  - exact: \":path\"\n", ""}, {"- exact: origin", "- {exact: origin, ignore_case: true}"}},
		"guard-metadata":    {{"untyped: [kube_guard]", "untyped: [kube_gard]"}},
		"guard-statistics":  {{"              stat_prefix: kube_guard\n", ""}},

		"guard-last": {
			{"          - name: envoy.filters.http.router\n", "          - name: late\n            typed_config:\n              \"@type\": type.googleapis.com/envoy.extensions.filters.http.health_check.v3.HealthCheck\n              pass_through_mode: false\n          - name: envoy.filters.http.router\n"},
			{"          - name: envoy.filters.http.ext_proc\n", "          - name: envoy.filters.http.ext_proc\n            disabled: true\n"},
			{"          - name: envoy.filters.http.rbac\n            typed_config", "          - name: envoy.filters.http.rbac\n            is_optional: true\n            typed_config"},
		},
		"rbac-verdict":        {{"                action: ALLOW", "                action: DENY"}, {"exact: allow}", "prefix: allow}"}, {"filter: kube_guard", "filter: other"}, {"- key: verdict", "- key: reason"}, {"                    permissions:\n", "                    permissions:\n                    - any: true\n"}},
		"health-before-guard": {{"pass_through_mode: false", "pass_through_mode: true"}, {"exact: /healthz}", "prefix: /healthz}"}},
		"guard-cluster":       {{"cluster_name: guard}", "cluster_name: gard}"}},
		"guard-http2":         {{"          http2_protocol_options:\n            max_concurrent_streams: 1024\n            # Finds connections whose other end is gone without a word. One that is\n            # silent for message_timeout has nothing left to lose.\n            connection_keepalive: {interval: 1s, timeout: 2s}", "          http_protocol_options: {}"}},
		"guard-health":        {{"grpc_health_check: {service_name: \"envoy.service.ext_proc.v3.ExternalProcessor\"}", "http_health_check: {path: /}"}, {"value: 0}", "value: 50}"}},
		"circuit-breakers":    {{"max_connections: 64, ", ""}, {"max_connections: 4096, max_pending_requests: 1024, max_requests: 4096, ", ""}},
		"connect-timeout":     {{"    connect_timeout: 1s\n", ""}},

		"only-mcp-is-routed":  {{"                route:\n                  cluster: backend\n", "                redirect: {host_redirect: other.example.com}\n              - name: second\n                match: {path: /mcp}\n                route:\n                  cluster: backend\n"}, {"match: {path: /mcp}", "match: {prefix: /mcp}"}, {"direct_response: {status: 404}", "route: {cluster: backend, timeout: 0s}"}},
		"elsewhere-not-found": {{"              - name: elsewhere\n", "              - name: known\n                match: {path: /.well-known/oauth-protected-resource}\n                direct_response: {status: 401}\n              - name: elsewhere\n"}, {"status: 404", "status: 401"}, {"match: {prefix: /}", "match: {prefix: /.well-known}"}, {elsewhere + off, elsewhere}},

		"local-replies":       {{"startsWith('rbac_')", "startsWith('rbak_')"}, {"status_code: 503", "status_code: 500"}, {"\"reason\":\"guard-timeout\",\"header\"", "\"reason\":\"guard-late\",\"header\""}, {"json_format: {\"jsonrpc\":\"2.0\",", "json_format: {\"jsonrpc\":\"2.0\",\"id\":null,"}},
		"local-reply-headers": {{"value: \"no-store\"", "value: \"public\""}, {"content_type: application/json", "content_type: text/plain"}},
		"access-log":          {{"                  verdict: \"%DYNAMIC_METADATA(kube_guard:verdict)%\"\n", ""}, {"%RESPONSE_CODE_DETAILS%", "-"}, {"decision: \"%CEL(xds.route_name != '' || 'kube_guard' in metadata.filter_metadata ? request.id : '')%\"", "decision: \"%REQ(X-REQUEST-ID)%\""}},
		"access-log-secrets":  {{"%PATH(NQ)%", "%REQ(:PATH)%"}, {"%PROTOCOL%", "%REQ(kubernetes-authorization)%"}, {"%PROTOCOL%", "%REQ(x-request-id?authorization)%"}, {"%PROTOCOL%", "%REQ(X-REQUEST-ID)%"}},
	}
}

// TestEveryBreakIsFound breaks one line of the shipped file at a time.
func TestEveryBreakIsFound(t *testing.T) {
	plain, tls := rendered(t)
	for rule, edits := range allBreaks() {
		for _, edit := range edits {
			good := plain
			if !strings.Contains(plain, edit[0]) {
				good = tls
			}
			t.Run(rule+"/"+strings.TrimSpace(edit[1]), func(t *testing.T) {
				t.Parallel()
				found := envoy.Lint([]byte(broken(t, good, edit)))
				require.True(t, slices.ContainsFunc(found, func(f envoy.Finding) bool { return f.Rule == rule }), "found only %v", found)
				for _, f := range found {
					require.NotEmpty(t, f.Message)
					require.Contains(t, f.String(), f.Rule)
				}
			})
		}
	}
}

// broken applies an edit, and those that follow it after NUL bytes as pairs.
func broken(t *testing.T, good string, edit [2]string) string {
	t.Helper()
	to, more, _ := strings.Cut(edit[1], "\000")
	require.True(t, strings.Contains(good, edit[0]), "the edit of %q matches nothing and so breaks nothing", edit[0]) //nolint:testifylint // the text is long
	good = strings.Replace(good, edit[0], to, 1)
	if more == "" {
		return good
	}
	from, to, _ := strings.Cut(more, "\000")
	return broken(t, good, [2]string{from, to})
}

// TestEveryRuleIsBroken: a rule that no edit above breaks may be one that
// nothing can break. A configuration that holds nothing breaks nearly all.
func TestEveryRuleIsBroken(t *testing.T) {
	rows := allBreaks()
	rows["update-refused"] = [][2]string{{"", ""}} // in a config_dump only
	for _, r := range envoy.Rules() {
		rule := r.ID
		require.NotEmpty(t, rows[rule], "no edit breaks the rule %s", rule)
		delete(rows, rule)
	}
	require.Empty(t, rows, "these rows name no rule")
}

func TestLintSurvives(t *testing.T) {
	for name, config := range map[string]string{
		"nothing": "", "null": "null", "list": "[]", "text": "x", "broken": "{", "no listener": "{}",
		"empty manager": `static_resources: {listeners: [{name: l, filter_chains: [{filters: [{name: h, typed_config: {"@type": type.googleapis.com/envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager, stat_prefix: x}}]}]}]}`,
		"rds":           `static_resources: {listeners: [{name: l, default_filter_chain: {filters: [{name: h, typed_config: {"@type": type.googleapis.com/envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager, stat_prefix: x, rds: {route_config_name: r, config_source: {ads: {}}}}}]}}]}`,
	} {
		t.Run(name, func(t *testing.T) { require.NotEmpty(t, envoy.Lint([]byte(config))) })
	}
}
