package envoy

import (
	"net/netip"

	bootstrapv3 "github.com/envoyproxy/go-control-plane/envoy/config/bootstrap/v3"
	corev3 "github.com/envoyproxy/go-control-plane/envoy/config/core/v3"
	hcmv3 "github.com/envoyproxy/go-control-plane/envoy/extensions/filters/network/http_connection_manager/v3"
	earlyv3 "github.com/envoyproxy/go-control-plane/envoy/extensions/http/early_header_mutation/header_mutation/v3"

	"kubernetes-mcp-edge/extproc/kubeheader"
)

// maxBuffered bounds how much of one request's body Envoy may hold and hand to
// the guard, in bytes.
const maxBuffered = 4 << 20

func loopback(a *corev3.Address) bool {
	if a.GetPipe() != nil {
		return true
	}
	ip, err := netip.ParseAddr(a.GetSocketAddress().GetAddress())
	return err == nil && ip.IsLoopback()
}

func adminRules() []rule[*bootstrapv3.Bootstrap] {
	return []rule[*bootstrapv3.Bootstrap]{
		{"admin-loopback", "give admin a loopback address: whoever reaches it controls Envoy", func(b *bootstrapv3.Bootstrap) bool {
			return b.GetAdmin() == nil || loopback(b.GetAdmin().GetAddress())
		}},
		{"admin-paths", "list allow_paths by exact or narrow prefix, without /logging: it can turn header printing on", func(b *bootstrapv3.Bootstrap) bool {
			for _, p := range b.GetAdmin().GetAllowPaths() {
				if p.GetExact() == "" && (p.GetPrefix() == "" || p.GetPrefix() == "/") || p.GetExact() == "/logging" {
					return false
				}
			}
			return b.GetAdmin() == nil || len(b.GetAdmin().GetAllowPaths()) > 0
		}},
		{"connection-limit", "bound the connections by overload_manager: one caller must not take them all", func(b *bootstrapv3.Bootstrap) bool {
			return len(b.GetOverloadManager().GetResourceMonitors()) > 0
		}},
	}
}

func listenerRules() []rule[*edge] {
	return []rule[*edge]{
		{"tls-beyond-loopback", "add a TLS transport_socket: credentials must not travel in the clear", func(e *edge) bool {
			return loopback(e.listener.GetAddress()) || e.chain.GetTransportSocket().GetTypedConfig() != nil
		}},
		{"buffer-limit", "set per_connection_buffer_limit_bytes to at most 4 MiB: it bounds what the guard is handed", func(e *edge) bool {
			n := e.listener.GetPerConnectionBufferLimitBytes().GetValue()
			return n > 0 && n <= maxBuffered
		}},
		{"stream-window", "set http2_protocol_options.initial_stream_window_size to at most 4 MiB: else HTTP/2 bodies reach the guard whole", func(e *edge) bool {
			n := e.manager.GetHttp2ProtocolOptions().GetInitialStreamWindowSize().GetValue()
			return n > 0 && n <= maxBuffered
		}},
		{"early-strip", "remove signature, signature-input and x-kubernetes-fingerprint in early_header_mutation_extensions: callers must not send the edge's own words", stripped},
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
		{"own-request-id", "keep preserve_external_request_id false and generate_request_id true: the decision id is Envoy's", func(e *edge) bool {
			generate := e.manager.GetGenerateRequestId()
			return !e.manager.GetPreserveExternalRequestId() && (generate == nil || generate.GetValue())
		}},
		{"header-limits", "set max_request_headers_kb and http2 max_header_field_size_kb to 96 and max_headers_count: certificates and a key outgrow the defaults", func(e *edge) bool {
			return e.manager.GetMaxRequestHeadersKb().GetValue() == 96 &&
				e.manager.GetHttp2ProtocolOptions().GetMaxHeaderFieldSizeKb().GetValue() == 96 &&
				e.manager.GetCommonHttpProtocolOptions().GetMaxHeadersCount().GetValue() > 0
		}},
		{"stream-limit", "set http2_protocol_options.max_concurrent_streams: one connection must not carry any number of calls", func(e *edge) bool {
			return e.manager.GetHttp2ProtocolOptions().GetMaxConcurrentStreams().GetValue() > 0
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

func stripped(e *edge) bool {
	missing := map[string]bool{kubeheader.Signature: true, kubeheader.SignatureInput: true, kubeheader.Fingerprint: true}
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
