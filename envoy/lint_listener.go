package envoy

import (
	corev3 "github.com/envoyproxy/go-control-plane/envoy/config/core/v3"
	hcmv3 "github.com/envoyproxy/go-control-plane/envoy/extensions/filters/network/http_connection_manager/v3"
	earlyv3 "github.com/envoyproxy/go-control-plane/envoy/extensions/http/early_header_mutation/header_mutation/v3"
	tlsv3 "github.com/envoyproxy/go-control-plane/envoy/extensions/transport_sockets/tls/v3"
)

// maxBuffered bounds how much of one request's body Envoy may hold and hand to
// the guard, in bytes.
const maxBuffered = 4 << 20

// maxConnection bounds the same for all requests of an HTTP/2 connection.
const maxConnection = 16 << 20

func listenerRules() []rule[*edge] {
	return []rule[*edge]{
		{"tls-beyond-loopback", "add a TLS transport_socket with a certificate: credentials must not travel in the clear", func(e *edge) bool {
			return loopback(e.listener.GetAddress()) || hasCertificate(e.tls)
		}},
		{"tls-minimum", "set tls_minimum_protocol_version to TLSv1_2 or TLSv1_3: a default can change with Envoy", func(e *edge) bool {
			minimum := e.tls.GetCommonTlsContext().GetTlsParams().GetTlsMinimumProtocolVersion()
			return e.chain.GetTransportSocket() == nil || minimum == tlsv3.TlsParameters_TLSv1_2 || minimum == tlsv3.TlsParameters_TLSv1_3
		}},
		{"one-address", "drop additional_addresses: only the first address is looked at here", func(e *edge) bool {
			return len(e.listener.GetAdditionalAddresses()) == 0
		}},
		{"buffer-limit", "set per_connection_buffer_limit_bytes to at most 4 MiB: it bounds what the guard is handed", func(e *edge) bool {
			n := e.listener.GetPerConnectionBufferLimitBytes().GetValue()
			return n > 0 && n <= maxBuffered
		}},
		{"early-strip", "remove signature, signature-input and x-kubernetes-fingerprint in early_header_mutation_extensions, with underscores for dashes too: callers must not send the edge's own words", strips},
		{"underscores-allowed", "set headers_with_underscores_action to ALLOW: the guard refuses such names with a sentence, Envoy without one", func(e *edge) bool {
			return e.manager.GetCommonHttpProtocolOptions().GetHeadersWithUnderscoresAction() == corev3.HttpProtocolOptions_ALLOW
		}},
		{"remote-address", "set use_remote_address to true: else callers choose their address, scheme and request id", func(e *edge) bool {
			return e.manager.GetUseRemoteAddress().GetValue()
		}},
		{"trusted-hops", "write xff_num_trusted_hops, 0 included: who is trusted must be a decision", func(e *edge) bool {
			return e.raw["xff_num_trusted_hops"] != nil || e.raw["xffNumTrustedHops"] != nil
		}},
		{"no-internal-caller", "set internal_address_config to a range that no peer has: an empty one means the private ranges, whose callers may choose x-request-id", func(e *edge) bool {
			c := e.manager.GetInternalAddressConfig()
			for _, r := range c.GetCidrRanges() {
				if r.GetAddressPrefix() != "255.255.255.255" || r.GetPrefixLen().GetValue() != 32 {
					return false
				}
			}
			return len(c.GetCidrRanges()) > 0 && !c.GetUnixSockets()
		}},
		{"no-client-certificate", "set forward_client_cert_details to SANITIZE: callers must not send x-forwarded-client-cert", func(e *edge) bool {
			_, written := e.raw["forward_client_cert_details"]
			_, camel := e.raw["forwardClientCertDetails"]
			return (written || camel) && e.manager.GetForwardClientCertDetails() == hcmv3.HttpConnectionManager_SANITIZE
		}},
		{"own-request-id", "keep preserve_external_request_id and always_set_request_id_in_response false and generate_request_id true: the decision id is Envoy's, and what a caller made up is not sent back", func(e *edge) bool {
			generate := e.manager.GetGenerateRequestId()
			return !e.manager.GetPreserveExternalRequestId() && !e.manager.GetAlwaysSetRequestIdInResponse() && (generate == nil || generate.GetValue())
		}},
		{"header-limits", "set max_request_headers_kb and http2 max_header_field_size_kb to 96 and max_headers_count: certificates and a key outgrow the defaults", func(e *edge) bool {
			return e.manager.GetMaxRequestHeadersKb().GetValue() == 96 &&
				e.manager.GetHttp2ProtocolOptions().GetMaxHeaderFieldSizeKb().GetValue() == 96 &&
				e.manager.GetCommonHttpProtocolOptions().GetMaxHeadersCount().GetValue() > 0
		}},
		{"timeouts", "set request_headers_timeout, request_timeout and stream_idle_timeout: with route timeout 0 nothing else ends a silent stream", func(e *edge) bool {
			return e.manager.GetRequestHeadersTimeout().AsDuration() > 0 && e.manager.GetRequestTimeout().AsDuration() > 0 &&
				e.manager.GetStreamIdleTimeout().AsDuration() > 0
		}},
		{"one-spelling-of-a-path", "set normalize_path and merge_slashes and refuse escaped slashes: what is matched must be what the backend sees", func(e *edge) bool {
			return e.manager.GetNormalizePath().GetValue() && e.manager.GetMergeSlashes() &&
				e.manager.GetPathWithEscapedSlashesAction() == hcmv3.HttpConnectionManager_REJECT_REQUEST
		}},
	}
}

// http2Rules are about what one HTTP/2 connection may do.
func http2Rules() []rule[*edge] {
	return []rule[*edge]{
		{"stream-window", "set http2_protocol_options.initial_stream_window_size to at most 4 MiB: else HTTP/2 bodies reach the guard whole", func(e *edge) bool {
			n := e.manager.GetHttp2ProtocolOptions().GetInitialStreamWindowSize().GetValue()
			return n > 0 && n <= maxBuffered
		}},
		{"connection-window", "set http2_protocol_options.initial_connection_window_size to at most 16 MiB: it bounds what one connection makes Envoy hold", func(e *edge) bool {
			n := e.manager.GetHttp2ProtocolOptions().GetInitialConnectionWindowSize().GetValue()
			return n > 0 && n <= maxConnection
		}},
		{"malformed-stream", "set http2_protocol_options.override_stream_error_on_invalid_http_message: one malformed request must not end the calls of others on its connection", func(e *edge) bool {
			return e.manager.GetHttp2ProtocolOptions().GetOverrideStreamErrorOnInvalidHttpMessage().GetValue()
		}},
		{"stream-limit", "set http2_protocol_options.max_concurrent_streams: one connection must not carry any number of calls", func(e *edge) bool {
			return e.manager.GetHttp2ProtocolOptions().GetMaxConcurrentStreams().GetValue() > 0
		}},
	}
}

func hasCertificate(c *tlsv3.DownstreamTlsContext) bool {
	return len(c.GetCommonTlsContext().GetTlsCertificates()) > 0 || len(c.GetCommonTlsContext().GetTlsCertificateSdsSecretConfigs()) > 0
}

func strips(e *edge) bool {
	missing := map[string]bool{}
	for _, name := range stripped() {
		missing[name] = true
	}
	for _, extension := range e.manager.GetEarlyHeaderMutationExtensions() {
		mutation := &earlyv3.HeaderMutation{}
		if extension.GetTypedConfig().UnmarshalTo(mutation) != nil {
			continue
		}
		for _, m := range mutation.GetMutations() {
			delete(missing, m.GetRemove())
		}
	}
	return len(missing) == 0
}
