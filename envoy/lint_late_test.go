package envoy_test

import "strings"

// routeBreaks are edits to what happens to a request after the guard.
func routeBreaks() map[string][][2]string {
	const (
		match   = "                match: {path: /mcp}\n"
		cluster = "                  cluster: backend\n"
		vhost   = "              domains: [\"*\"]\n"
		routes  = "            virtual_hosts:\n"
	)
	off := func(indent, filter, config string) string {
		return indent + "typed_per_filter_config: {" + filter + ": {\"@type\": type.googleapis.com/" + config + "}}\n"
	}
	const (
		disabled  = "envoy.config.route.v3.FilterConfig, disabled: true"
		perRoute  = "envoy.extensions.filters.http.ext_proc.v3.ExtProcPerRoute, disabled: true"
		lenient   = "envoy.extensions.filters.http.ext_proc.v3.ExtProcPerRoute, overrides: {failure_mode_allow: true}"
		wrapped   = "envoy.config.route.v3.FilterConfig, config: {\"@type\": type.googleapis.com/" + perRoute + "}"
		composite = "envoy.extensions.filters.http.composite.v3.ExecuteFilterAction"
		unknown   = "example.com.Unheard"
		rbac      = "envoy.extensions.filters.http.rbac.v3.RBACPerRoute"
		weighted  = "                  weighted_clusters: {clusters: [{name: backend, weight: 1, "
	)
	return map[string][][2]string{
		"guard-on-every-route": {
			{match, match + off("                ", "envoy.filters.http.ext_proc", disabled)},
			{match, match + off("                ", "envoy.filters.http.ext_proc", perRoute)},
			{match, match + off("                ", "other", lenient)},
			{match, match + off("                ", "other", wrapped)},
			{match, match + off("                ", "other", composite)},
			{match, match + off("                ", "other", unknown)},
			{match, match + off("                ", "envoy.filters.http.router", disabled)},
			{vhost, vhost + off("              ", "envoy.filters.http.rbac", disabled)},
			{vhost, vhost + off("              ", "other", rbac)},
			{routes, off("            ", "envoy.filters.http.ext_proc", perRoute) + routes},
			{cluster, weighted + "typed_per_filter_config: {envoy.filters.http.ext_proc: {\"@type\": type.googleapis.com/" + perRoute + "}}}]}\n"},
		},
		"no-retries": {
			{cluster, cluster + "                  retry_policy: {retry_on: 5xx}\n"},
			{cluster, cluster + "                  hedge_policy: {hedge_on_per_try_timeout: true}\n"},
			{cluster, cluster + "                  internal_redirect_policy: {}\n"},
			{vhost, vhost + "              retry_policy: {retry_on: reset}\n"},
			{vhost, vhost + "              hedge_policy: {hedge_on_per_try_timeout: true}\n"},
			{vhost, vhost + "              retry_policy_typed_config: {\"@type\": type.googleapis.com/envoy.config.route.v3.RetryPolicy}\n"},
		},
		"no-rewrites": {
			{cluster, cluster + "                  prefix_rewrite: /\n"},
			{cluster, cluster + "                  regex_rewrite: {pattern: {regex: a}, substitution: b}\n"},
			{cluster, cluster + "                  host_rewrite_literal: other.example.com\n"},
			{cluster, cluster + "                  host_rewrite_header: x-host\n"},
			{cluster, cluster + "                  auto_host_rewrite: true\n"},
		},
		"nothing-after-the-guard": {
			{vhost, vhost + "              request_headers_to_add: [{header: {key: Kubernetes_Server, value: x}}]\n"},
			{vhost, vhost + "              request_headers_to_remove: [signature]\n"},
			{match, match + "                request_headers_to_remove: [x-kubernetes-fingerprint]\n"},
			{match, match + "                request_headers_to_add: [{header: {key: X-Request-Id, value: x}}]\n"},
			{routes, "            request_headers_to_add: [{header: {key: signature-input, value: x}}]\n" + routes},
			{cluster, weighted + "request_headers_to_remove: [kubernetes-namespace]}]}\n"},
		},
		"routes-known": {
			{routes, "            vhds: {config_source: {ads: {}}}\n" + routes},
			{vhost, vhost + "              matcher: {on_no_match: {action: {name: a, typed_config: {\"@type\": type.googleapis.com/envoy.config.route.v3.Route}}}}\n"},
			{routes, "            cluster_specifier_plugins: [{extension: {name: x, typed_config: {\"@type\": type.googleapis.com/google.protobuf.Empty}}}]\n" + routes},
			{match, match + "                route_specifiers: [{name: x, typed_config: {\"@type\": type.googleapis.com/google.protobuf.Empty}}]\n"},
		},
		"call-without-limit": {
			{"                  timeout: 0s\n", ""}, {"timeout: 0s", "timeout: 15s"},
			{cluster, cluster + "                  max_stream_duration: {max_stream_duration: 5s}\n"},
		},
		"no-upgrades": {
			{"          stat_prefix: mcp\n", "          stat_prefix: mcp\n          upgrade_configs:\n          - upgrade_type: websocket\n"},
			{cluster, cluster + "                  upgrade_configs: [{upgrade_type: CONNECT, connect_config: {}}]\n"},
		},
	}
}

// wayBreaks are edits that open another way, or make what is checked unknown.
func wayBreaks() map[string][][2]string {
	const (
		listeners = "  listeners:\n"
		clusters  = "  clusters:\n"
		guard     = "          - name: envoy.filters.http.ext_proc\n            typed_config:\n              \"@type\": type.googleapis.com/envoy.extensions.filters.http.ext_proc.v3.ExternalProcessor\n"
		first     = "          http_filters:\n"
		manager   = "{name: h, typed_config: {\"@type\": type.googleapis.com/envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager, stat_prefix: x, http_filters: [{name: r, typed_config: {\"@type\": type.googleapis.com/envoy.extensions.filters.http.router.v3.Router}}], "
		matcher   = "\"@type\": type.googleapis.com/envoy.extensions.common.matching.v3.ExtensionWithMatcher, extension_config: {name: g, typed_config: {\"@type\": type.googleapis.com/envoy.extensions.filters.http.ext_proc.v3.ExternalProcessor}}"
		backend   = "    lb_policy: MAGLEV\n"
		policy    = "                retry_policy:\n"
		predicate = "                  retry_host_predicate:\n                  - name: envoy.retry_host_predicates.previous_hosts\n                    typed_config: {\"@type\": type.googleapis.com/envoy.extensions.retry.host.previous_hosts.v3.PreviousHostsPredicate}\n"
		other     = "                  retry_host_predicate:\n                  - name: envoy.retry_host_predicates.previous_hosts\n                    typed_config: {\"@type\": type.googleapis.com/envoy.config.route.v3.FilterConfig}\n"
		retry     = "                envoy_grpc: {cluster_name: guard}\n"
	)
	side := func(filter string) [2]string {
		return [2]string{listeners, listeners + "  - {name: p, address: {socket_address: {address: 127.0.0.1, port_value: 999}}, filter_chains: [{filters: [" + filter + "]}]}\n"}
	}
	routed := func(route string) string {
		return manager + "route_config: {virtual_hosts: [{name: v, domains: [\"*\"], routes: [{match: {prefix: /}, route: {" + route + "}}]}]}}}"
	}
	tcp := func(to string) string {
		return "{name: t, typed_config: {\"@type\": type.googleapis.com/envoy.extensions.filters.network.tcp_proxy.v3.TcpProxy, stat_prefix: x, " + to + "}}"
	}
	twin := side(routed("cluster: twin"))
	return map[string][][2]string{
		"every-listener-guarded": {
			side(routed("cluster: backend")), side(routed("cluster: guard")), side(routed("cluster_header: x")),
			side(routed("weighted_clusters: {clusters: [{name: backend, weight: 1}]}")),
			side(manager + "rds: {route_config_name: r, config_source: {ads: {}}}}}"),
			side(tcp("cluster: backend")), side(tcp("weighted_clusters: {clusters: [{name: guard, weight: 1}]}")),
			side("{name: x, typed_config: {\"@type\": type.googleapis.com/example.com.Unheard}}"),
			{listeners, twin[1] + "\000" + clusters + "\000" + clusters + "  - {name: twin, type: STATIC, connect_timeout: 1s, load_assignment: {cluster_name: t, endpoints: [{lb_endpoints: [{endpoint: {address: {socket_address: {address: \"127.0.0.1\", port_value: 9003}}}}]}]}}\n"},
			{listeners, twin[1] + "\000" + clusters + "\000" + clusters + "  - {name: twin, type: ORIGINAL_DST, lb_policy: CLUSTER_PROVIDED, connect_timeout: 1s}\n"},
		},
		"guard-unwrapped": {{first, first + "          - {name: m, typed_config: {" + matcher + "}}\n"}},
		"filters-known": {
			{first, first + "          - {name: m, config_discovery: {config_source: {ads: {}}, type_urls: [type.googleapis.com/envoy.extensions.filters.http.cors.v3.Cors]}}\n"},
		},
		"one-guard": {
			{guard, "          - name: envoy.filters.http.ext_proc\n            typed_config:\n              \"@type\": type.googleapis.com/envoy.extensions.filters.http.ext_proc.v3.ExternalProcessor\n              grpc_service: {envoy_grpc: {cluster_name: guard}}\n" + guard},
			{guard, "          - name: envoy.filters.http.ext_proc\n            typed_config:\n              \"@type\": type.googleapis.com/example.com.Unheard\n"},
		},
		"guard-retry": {
			{"connect-failure,refused-stream", "connect-failure,reset"},
			{"num_retries: 1", "num_retries: 2"},
			{"retry_on: \"connect-failure,refused-stream\"", "retry_on: \"\""},
		},
		"guard-asks-another": {
			{policy, "                x_" + strings.TrimSpace(policy) + "\n"},
			{retry, "                envoy_grpc: {cluster_name: guard, retry_policy: {retry_on: \"connect-failure,refused-stream\"}}\n\000" + policy + "\000" + "                x_" + strings.TrimSpace(policy) + "\n"},
			{"connect-failure,refused-stream", "connect-failure"},
			{"connect-failure,refused-stream", "refused-stream"},
			{"num_retries: 1", "num_retries: 0"},
			{predicate, ""},
			{predicate, other},
			{"host_selection_retry_max_attempts: 3", "host_selection_retry_max_attempts: 2"},
			{"                  host_selection_retry_max_attempts: 3\n", ""},
		},
		"guard-timeout": {
			{"              message_timeout: 2s\n", ""}, {"message_timeout: 2s", "message_timeout: 0.2s"}, {"message_timeout: 2s", "message_timeout: 60s"},
			{"message_timeout: 2s", "message_timeout: 2s\n              max_message_timeout: 60s"},
			{retry, retry + "                timeout: 1s\n"},
		},
		"upstream-tls": {
			{backend, backend + "    transport_socket_matches: []\n    transport_socket: {name: t, typed_config: {\"@type\": type.googleapis.com/envoy.extensions.transport_sockets.raw_buffer.v3.RawBuffer}}\n\000\"127.0.0.1\", port_value: 9003\000\"192.0.2.1\", port_value: 9003"},
			{"\"127.0.0.1\", port_value: 9003", "\"192.0.2.1\", port_value: 9003"},
			{"\"127.0.0.1\", port_value: 9002", "\"192.0.2.1\", port_value: 9002"},
			{"\"127.0.0.1\", port_value: 9002", "guard, port_value: 9002"},
			{"            trusted_ca: {filename: \"/ca.crt\"}\n", ""},
			{"            match_typed_subject_alt_names:\n            - {san_type: DNS, matcher: {exact: \"far.example.com\"}}\n", ""},
			{"          - certificate_chain: {filename: \"/envoy.crt\"}\n            private_key: {filename: \"/envoy.key\"}\n", ""},
			{"extensions.transport_sockets.tls.v3.UpstreamTlsContext", "extensions.transport_sockets.raw_buffer.v3.RawBuffer\n        # "},
		},
		"plain-router": {
			{"suppress_envoy_headers: true", "suppress_envoy_headers: false"},
			{"suppress_envoy_headers: true", "suppress_envoy_headers: true\n              upstream_http_filters: [{name: m, typed_config: {\"@type\": type.googleapis.com/envoy.extensions.filters.http.router.v3.Router}}]"},
			{"        common_http_protocol_options: {idle_timeout: 30s}\n", "        common_http_protocol_options: {idle_timeout: 30s}\n        http_filters: [{name: envoy.filters.http.upstream_codec, typed_config: {\"@type\": type.googleapis.com/envoy.extensions.filters.http.header_mutation.v3.HeaderMutation}}]\n"},
			{"        common_http_protocol_options: {idle_timeout: 30s}\n", "        common_http_protocol_options: {idle_timeout: 30s}\n        retry_policy: {retry_on: 5xx}\n"},
			{"        common_http_protocol_options: {idle_timeout: 30s}\n", "        common_http_protocol_options: {idle_timeout: 30s}\n        request_mirror_policies: [{cluster: guard}]\n"},
		},
		"connection-limit": {
			{"max_active_downstream_connections: 4096", "max_active_downstream_connections: 0"},
			{"    per_connection_buffer_limit_bytes", "    ignore_global_conn_limit: true\n    per_connection_buffer_limit_bytes"},
			{"    per_connection_buffer_limit_bytes", "    bypass_overload_manager: true\n    per_connection_buffer_limit_bytes"},
		},
		"remote-address": {{"use_remote_address: true", "use_remote_address: true\n          original_ip_detection_extensions: [{name: x, typed_config: {\"@type\": type.googleapis.com/envoy.extensions.http.original_ip_detection.xff.v3.XffConfig}}]"}},
		"early-strip":    {{"              - remove: \"signature\"\n", "              - remove: \"signature\"\n              - append: {header: {key: Signature, value: x}}\n"}},
		"own-request-id": {{"generate_request_id: true", "generate_request_id: true\n          request_id_extension: {typed_config: {\"@type\": type.googleapis.com/google.protobuf.Empty}}"}},
		"guard-health":   {{"      interval: 1s\n", "      interval: 30s\n"}, {"      unhealthy_threshold: 2\n", "      unhealthy_threshold: 3\n"}, {"      update_merge_window: 0s\n", ""}, {"update_merge_window: 0s", "update_merge_window: 1s"}},
	}
}
