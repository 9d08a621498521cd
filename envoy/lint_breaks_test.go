package envoy_test

// allBreaks are the rows of all tables.
func allBreaks() map[string][][2]string {
	out := map[string][][2]string{}
	for _, table := range []map[string][][2]string{breaks(), moreBreaks(), routeBreaks(), wayBreaks(), cornerBreaks()} {
		for rule, rows := range table {
			out[rule] = append(out[rule], rows...)
		}
	}
	return out
}

// printed are places, all over the bootstrap, where a header could be printed.
func printed(format string) [][2]string {
	const entry = `{name: x, typed_config: {"@type": type.googleapis.com/envoy.extensions.access_loggers.file.v3.FileAccessLog, path: /x, log_format: {text_format_source: {inline_string: `
	log := entry + format + "}}}}"
	return [][2]string{
		{"          access_log:\n", "          access_log:\n          - " + log + "\n"},
		{"    per_connection_buffer_limit_bytes", "    access_log: [" + log + "]\n    per_connection_buffer_limit_bytes"},
		{"suppress_envoy_headers: true", "suppress_envoy_headers: true\n              upstream_log: [" + log + "]"},
		{"              response_headers_to_add:\n", "              response_headers_to_add:\n              - header: {key: x-leak, value: " + format + "}\n"},
		{"direct_response: {status: 404}", "direct_response: {status: 404, body_format: {text_format_source: {inline_string: " + format + "}}}"},
		{"          local_reply_config:\n", "          local_reply_config:\n            body_format: {text_format_source: {inline_string: " + format + "}}\n"},
	}
}

// moreBreaks is the second half of breaks: the process as a whole, what a
// connection may do, and the way to the backend.
func moreBreaks() map[string][][2]string {
	const (
		listener = "    per_connection_buffer_limit_bytes"
		manager  = "          stat_prefix: mcp\n"
		loopback = "\"127.0.0.1\", port_value: 8080"
		context  = "          \"@type\": type.googleapis.com/envoy.extensions.transport_sockets.tls.v3.DownstreamTlsContext\n          common_tls_context:\n            tls_params:\n              tls_minimum_protocol_version: TLSv1_2\n              tls_maximum_protocol_version: TLSv1_3\n            alpn_protocols: [h2, http/1.1]\n"
		pair     = "            tls_certificates:\n            - certificate_chain: {filename: \"/tls.crt\"}\n              private_key: {filename: \"/tls.key\"}\n"
		minimum  = "tls_minimum_protocol_version: TLSv1_2"
		policy   = "                  hash_policy:\n                  - header: {header_name: \"x-kubernetes-fingerprint\"}\n"
		cluster  = "                  cluster: backend\n"
		shown    = "              response_headers_to_add:\n              - append_action: OVERWRITE_IF_EXISTS_OR_ADD\n                header: {key: x-request-id, value: \"%REQ(X-REQUEST-ID)%\"}\n"
		breaker  = "{max_connections: 64, max_pending_requests: 1024, max_requests: 4096, max_retries: 1024}"
		proxy    = "{name: p, typed_config: {\"@type\": type.googleapis.com/envoy.extensions.filters.http.router.v3.Router}}" // any type but the one
	)
	secrets := append(printed(`"%REQ(KUBERNETES-AUTHORIZATION)%"`), printed(`"%REQ(x-request-id?Kubernetes_Server):8%"`)...)
	return map[string][][2]string{
		"admin-loopback": {{"\"127.0.0.1\", port_value: 9901", "\"0.0.0.0\", port_value: 9901"}},
		"admin-paths": {
			{"- exact: /ready", "- prefix: /"}, {"- exact: /ready", "- exact: /logging"}, {"- exact: /ready", "- suffix: ready"},
			{"- exact: /ready", "- prefix: /l"}, {"- exact: /ready", "- exact: /quitquitquit"}, {"- exact: /ready", "- prefix: /quit"},
			{"- exact: /ready", "- prefix: /ready"}, {"- prefix: /stats", "- prefix: /s"}, {"- prefix: /stats", "- {prefix: /stats, ignore_case: true}"},
		},
		"only-mcp-is-routed":  {{"match: {path: /mcp}\n                route:", "match: {path: /mcp, case_sensitive: false}\n                route:"}},
		"health-before-guard": {{"exact: /healthz}\n", "exact: /healthz}\n                invert_match: true\n"}},
		"static-only":         {{"static_resources:\n", "dynamic_resources: {lds_config: {path_config_source: {path: /x.yaml}}}\nstatic_resources:\n"}},
		"every-listener-guarded": {
			{"  listeners:\n", "  listeners:\n  - {name: p, address: {socket_address: {address: 0.0.0.0, port_value: 999}}, filter_chains: [{filters: [" + proxy + "]}]}\n"},
			{"      filters:\n", "      filters:\n      - " + proxy + "\n"},
			{"\n  clusters:\n", "\n      - " + proxy + "\n  clusters:\n"},
		},
		"no-header-printed": append(secrets, [][2]string{
			{manager, manager + "          tracing: {custom_tags: [{tag: t, request_header: {name: kubernetes-authorization}}]}\n"},
			{manager, manager + "          tracing: {customTags: [{tag: t, requestHeader: {name: Kubernetes_Client_Key_Data}}]}\n"},
			{"%PROTOCOL%", "%CEL(request.headers['x'])%"},
			{"%PROTOCOL%", "%REQ(Signature-Input)%"},
		}...),

		"tls-beyond-loopback": {
			{loopback, "\"0.0.0.0\", port_value: 8080"},
			{pair, ""},
			{context + pair, "          \"@type\": type.googleapis.com/envoy.extensions.filters.http.router.v3.Router\n"},
		},
		"tls-minimum":           {{"              " + minimum + "\n", ""}, {minimum, "tls_minimum_protocol_version: TLSv1_1"}},
		"one-address":           {{listener, "    additional_addresses: [{address: {socket_address: {address: 0.0.0.0, port_value: 8888}}}]\n" + listener}},
		"connection-window":     {{"            initial_connection_window_size: 4194304\n", ""}, {"connection_window_size: 4194304", "connection_window_size: 268435456"}},
		"malformed-stream":      {{"            override_stream_error_on_invalid_http_message: true\n", ""}},
		"no-client-certificate": {{"          forward_client_cert_details: SANITIZE\n", ""}, {"details: SANITIZE", "details: FORWARD_ONLY"}},

		"guard-room":       {{breaker, "{max_connections: 64, max_pending_requests: 1024, max_requests: 1024, max_retries: 1024}"}},
		"backend-cluster":  {{cluster, "                  cluster: elsewhere\n"}, {cluster, "                  cluster_header: host\n"}, {cluster, cluster + "                  request_mirror_policies: [{cluster: guard}]\n"}, {"              domains: [\"*\"]\n", "              domains: [\"*\"]\n              request_mirror_policies: [{cluster: guard}]\n"}, {"            virtual_hosts:\n", "            request_mirror_policies: [{cluster: guard}]\n            virtual_hosts:\n"}},
		"backend-affinity": {{policy, ""}, {policy, "                  hash_policy: [{header: {header_name: host}}]\n"}, {"    lb_policy: MAGLEV\n", ""}, {"    lb_policy: MAGLEV\n", "    lb_policy: MAGLEV\n    load_balancing_policy: {}\n"}},
		"backend-idle":     {{"        common_http_protocol_options: {idle_timeout: 30s}\n", ""}, {"idle_timeout: 30s", "idle_timeout: 3600s"}},
		"backend-health":   {{"      http_health_check: {path: /healthz}\n", "      tcp_health_check: {}\n"}, {"http_health_check: {path: /healthz}", "http_health_check: {path: /mcp}"}},
		"plain-router":     {{"suppress_envoy_headers: true", "suppress_envoy_headers: false"}, {"suppress_envoy_headers: true", "suppress_envoy_headers: true\n              upstream_http_filters: [{name: m, typed_config: {\"@type\": type.googleapis.com/envoy.extensions.filters.http.router.v3.Router}}]"}},
		"decision-shown":   {{shown, ""}, {"                header: {key: x-request-id, value: \"%REQ(X-REQUEST-ID)%\"}", "                header: {key: x-request-id, value: x}"}, {shown, "              response_headers_to_add: [{header: {key: x-request-id, value: \"%REQ(X-REQUEST-ID)%\"}}]\n"}},
	}
}
