package envoy

import (
	"net/netip"

	corev3 "github.com/envoyproxy/go-control-plane/envoy/config/core/v3"
	tlsv3 "github.com/envoyproxy/go-control-plane/envoy/extensions/transport_sockets/tls/v3"
)

// maxBuffered bounds how much of one request's body Envoy may hold and hand to
// the guard, in bytes.
const maxBuffered = 4 << 20

// maxConnection bounds the same for all requests of an HTTP/2 connection.
const maxConnection = 16 << 20

// headersKB is how much room the headers of a request need: a CA bundle, a
// certificate chain and a key in base64.
const headersKB = 96

func loopback(a *corev3.Address) bool {
	if a.GetPipe() != nil || a.GetEnvoyInternalAddress() != nil {
		return true
	}
	ip, err := netip.ParseAddr(a.GetSocketAddress().GetAddress())
	return err == nil && ip.IsLoopback()
}

func listenerRules() []rule[*edge] {
	return []rule[*edge]{
		{Rule{
			"tls-beyond-loopback", "a listener beyond loopback without TLS",
			"Tokens and keys travel in the clear, and the guard refuses each request as plaintext-ingress.",
			"add a transport_socket with a DownstreamTlsContext and a certificate to the filter chain",
		}, func(e *edge, hit hit) {
			hit.when(!e.partial && !loopback(e.listener.message.GetAddress()) && !hasCertificate(e.tls.message.GetCommonTlsContext()), e.chain.at.field("transport_socket"))
		}},
		{Rule{
			"tls-minimum", "TLS without a stated minimum of 1.2",
			"A default can change with Envoy, and older versions are broken.",
			"set tls_minimum_protocol_version to TLSv1_2 or TLSv1_3",
		}, func(e *edge, hit hit) {
			minimum := e.tls.message.GetCommonTlsContext().GetTlsParams().GetTlsMinimumProtocolVersion()
			hit.when(e.chain.message.GetTransportSocket() != nil && minimum != tlsv3.TlsParameters_TLSv1_2 && minimum != tlsv3.TlsParameters_TLSv1_3, e.chain.at.field("transport_socket", "typed_config", "common_tls_context", "tls_params", "tls_minimum_protocol_version"))
		}},
		{Rule{
			"one-address", "a listener with more than one address",
			"Only the first is judged here: the others may lie beyond loopback.",
			"drop additional_addresses, and write a second listener",
		}, func(e *edge, hit hit) {
			hit.when(len(e.listener.message.GetAdditionalAddresses()) > 0, e.listener.at.field("additional_addresses"))
		}},
		{Rule{
			"buffer-limit", "no bound, or one above 4 MiB, on what Envoy holds of a request",
			"It bounds how much body of a rejected request the guard is handed over HTTP/1.",
			"set per_connection_buffer_limit_bytes to at most 4 MiB",
		}, func(e *edge, hit hit) {
			if n := e.listener.message.GetPerConnectionBufferLimitBytes().GetValue(); !e.partial && (n == 0 || n > maxBuffered) {
				hit(e.listener.at.field("per_connection_buffer_limit_bytes"), "")
			}
		}},
		{Rule{
			"header-limits", "limits on request headers that are not stated or too tight",
			"Certificates and a key in base64 outgrow the default of 60 KiB, and the caller gets 431 or a reset.",
			"set max_request_headers_kb and http2_protocol_options.max_header_field_size_kb (from Envoy 1.38 on) to 96, and common_http_protocol_options.max_headers_count",
		}, func(e *edge, hit hit) {
			hit.when(e.manager.GetMaxRequestHeadersKb().GetValue() != headersKB, e.at.field("max_request_headers_kb"))
			hit.when(e.manager.GetHttp2ProtocolOptions().GetMaxHeaderFieldSizeKb().GetValue() != headersKB && e.since(sinceFieldSize), e.at.field("http2_protocol_options", "max_header_field_size_kb"))
			hit.when(e.manager.GetCommonHttpProtocolOptions().GetMaxHeadersCount().GetValue() == 0, e.at.field("common_http_protocol_options", "max_headers_count"))
		}},
		{Rule{
			"timeouts", "nothing that ends a slow or silent request",
			"With a route timeout of 0 nothing else does, and a caller can hold streams for ever.",
			"set request_headers_timeout, request_timeout and stream_idle_timeout",
		}, func(e *edge, hit hit) {
			for name, d := range map[string]interface{ GetSeconds() int64 }{
				"request_headers_timeout": e.manager.GetRequestHeadersTimeout(),
				"request_timeout":         e.manager.GetRequestTimeout(),
				"stream_idle_timeout":     e.manager.GetStreamIdleTimeout(),
			} {
				hit.when(d.GetSeconds() <= 0, e.at.field(name))
			}
		}},
	}
}

// http2Rules are about what one HTTP/2 connection may do.
func http2Rules() []rule[*edge] {
	return []rule[*edge]{
		{Rule{
			"stream-window", "no bound, or one above 4 MiB, on the body of an HTTP/2 stream",
			"Bodies of rejected requests then reach the guard whole.",
			"set http2_protocol_options.initial_stream_window_size to at most 4 MiB",
		}, func(e *edge, hit hit) {
			if n := e.manager.GetHttp2ProtocolOptions().GetInitialStreamWindowSize().GetValue(); n == 0 || n > maxBuffered {
				hit(e.at.field("http2_protocol_options", "initial_stream_window_size"), "")
			}
		}},
		{Rule{
			"connection-window", "no bound, or one above 16 MiB, on the bodies of an HTTP/2 connection",
			"It bounds what one connection makes Envoy hold.",
			"set http2_protocol_options.initial_connection_window_size to at most 16 MiB",
		}, func(e *edge, hit hit) {
			if n := e.manager.GetHttp2ProtocolOptions().GetInitialConnectionWindowSize().GetValue(); n == 0 || n > maxConnection {
				hit(e.at.field("http2_protocol_options", "initial_connection_window_size"), "")
			}
		}},
		{Rule{
			"malformed-stream", "one malformed request ends its whole connection",
			"A proxy in front may carry the calls of many callers on it.",
			"set http2_protocol_options.override_stream_error_on_invalid_http_message to true",
		}, func(e *edge, hit hit) {
			hit.when(!e.manager.GetHttp2ProtocolOptions().GetOverrideStreamErrorOnInvalidHttpMessage().GetValue(), e.at.field("http2_protocol_options", "override_stream_error_on_invalid_http_message"))
		}},
		{Rule{
			"stream-limit", "no bound on the streams of an HTTP/2 connection",
			"One connection carries any number of calls.",
			"set http2_protocol_options.max_concurrent_streams",
		}, func(e *edge, hit hit) {
			hit.when(e.manager.GetHttp2ProtocolOptions().GetMaxConcurrentStreams().GetValue() == 0, e.at.field("http2_protocol_options", "max_concurrent_streams"))
		}},
	}
}

// hasCertificate reports whether there is a certificate to show, wherever it comes from.
func hasCertificate(common *tlsv3.CommonTlsContext) bool {
	return len(common.GetTlsCertificates())+len(common.GetTlsCertificateSdsSecretConfigs()) > 0 || common.GetTlsCertificateProviderInstance() != nil
}
