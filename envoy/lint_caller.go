package envoy

import (
	"slices"
	"strings"

	corev3 "github.com/envoyproxy/go-control-plane/envoy/config/core/v3"
	hcmv3 "github.com/envoyproxy/go-control-plane/envoy/extensions/filters/network/http_connection_manager/v3"
	earlyv3 "github.com/envoyproxy/go-control-plane/envoy/extensions/http/early_header_mutation/header_mutation/v3"
)

// callerRules are about what a caller can claim to be.
func callerRules() []rule[*edge] {
	return []rule[*edge]{
		{Rule{
			"early-strip", "a caller can send what only the edge may say",
			"The proof and the fingerprint are the edge's words; with underscores for dashes the backend reads the same names.",
			"remove signature, signature-input and x-kubernetes-fingerprint, with underscores for dashes too, in early_header_mutation_extensions, and add none of them there",
		}, strips},
		{Rule{
			"underscores-allowed", "Envoy itself refuses or drops names with underscores",
			"The guard refuses kubernetes_server with a sentence; Envoy resets the HTTP/2 stream without a word.",
			"set common_http_protocol_options.headers_with_underscores_action to ALLOW",
		}, func(e *edge, hit hit) {
			hit.when(e.manager.GetCommonHttpProtocolOptions().GetHeadersWithUnderscoresAction() != corev3.HttpProtocolOptions_ALLOW, e.at.field("common_http_protocol_options", "headers_with_underscores_action"))
		}},
		{Rule{
			"remote-address", "callers choose their own address",
			"x-forwarded-for, x-forwarded-proto and x-request-id are then the caller's to make up.",
			"set use_remote_address to true and drop original_ip_detection_extensions",
		}, func(e *edge, hit hit) {
			hit.when(!e.manager.GetUseRemoteAddress().GetValue(), e.at.field("use_remote_address"))
			hit.when(len(e.manager.GetOriginalIpDetectionExtensions()) > 0, e.at.field("original_ip_detection_extensions"))
		}},
		{Rule{
			"trusted-hops", "how many proxies are trusted is not written",
			"Who may say how a request came in must be a decision. A config_dump shows no 0, so there it is not asked for.",
			"write xff_num_trusted_hops, 0 included",
		}, func(e *edge, hit hit) {
			hit.when(!e.live && !e.written("xff_num_trusted_hops"), e.at.field("xff_num_trusted_hops"))
		}},
		{Rule{
			"no-internal-caller", "some callers count as internal",
			"They may choose x-request-id, which is the decision id, and x-envoy-* headers. An empty internal_address_config means the private ranges.",
			"set internal_address_config to unix_sockets false and the one range 255.255.255.255/32, which no peer has",
		}, func(e *edge, hit hit) {
			c := e.manager.GetInternalAddressConfig()
			at := e.at.field("internal_address_config")
			for i, r := range c.GetCidrRanges() {
				hit.when(r.GetAddressPrefix() != "255.255.255.255" || r.GetPrefixLen().GetValue() != 32, at.field("cidr_ranges").item(i))
			}
			hit.when(len(c.GetCidrRanges()) == 0, at.field("cidr_ranges"))
			hit.when(c.GetUnixSockets(), at.field("unix_sockets"))
		}},
		{Rule{
			"no-client-certificate", "callers can send x-forwarded-client-cert",
			"What stands behind may take it for the certificate of the connection.",
			"write forward_client_cert_details: SANITIZE and drop forward_client_cert_matcher",
		}, func(e *edge, hit hit) {
			sanitize := e.manager.GetForwardClientCertDetails() == hcmv3.HttpConnectionManager_SANITIZE
			hit.when(!sanitize || !e.live && !e.written("forward_client_cert_details"), e.at.field("forward_client_cert_details"))
			hit.when(e.manager.GetForwardClientCertMatcher() != nil, e.at.field("forward_client_cert_matcher"))
		}},
		{Rule{
			"own-request-id", "x-request-id is not always Envoy's own UUID",
			"It is the decision id of guard, backend and both logs; what a caller made up must not stand there, nor come back.",
			"set generate_request_id true, preserve_external_request_id and always_set_request_id_in_response false, and no other request_id_extension than envoy.request_id.uuid",
		}, ownID},
		{Rule{
			"one-spelling-of-a-path", "a path can be spelt so that route and backend read it differently",
			"What is matched must be what the backend sees.",
			"set normalize_path and merge_slashes to true and path_with_escaped_slashes_action to REJECT_REQUEST",
		}, func(e *edge, hit hit) {
			hit.when(!e.manager.GetNormalizePath().GetValue(), e.at.field("normalize_path"))
			hit.when(!e.manager.GetMergeSlashes(), e.at.field("merge_slashes"))
			hit.when(e.manager.GetPathWithEscapedSlashesAction() != hcmv3.HttpConnectionManager_REJECT_REQUEST, e.at.field("path_with_escaped_slashes_action"))
			hit.when(e.manager.GetPathNormalizationOptions() != nil, e.at.field("path_normalization_options"))
		}},
	}
}

// written reports whether a field of the manager stands in the document.
func (e *edge) written(name string) bool {
	_, _, ok := under(e.raw, name)
	return ok
}

func ownID(e *edge, hit hit) {
	if generate := e.manager.GetGenerateRequestId(); generate != nil && !generate.GetValue() {
		hit(e.at.field("generate_request_id"), "")
	}
	hit.when(e.manager.GetPreserveExternalRequestId(), e.at.field("preserve_external_request_id"))
	hit.when(e.manager.GetAlwaysSetRequestIdInResponse(), e.at.field("always_set_request_id_in_response"))
	if maker := e.manager.GetRequestIdExtension(); maker != nil {
		if _, kind := open(maker.GetTypedConfig()); kind != "envoy.extensions.request_id.uuid.v3.UuidRequestIdConfig" {
			hit(e.at.field("request_id_extension"), printable(kind))
		}
	}
}

func strips(e *edge, hit hit) {
	missing := map[string]bool{}
	for _, name := range stripped() {
		missing[name] = true
	}
	at := e.at.field("early_header_mutation_extensions")
	for i, extension := range e.manager.GetEarlyHeaderMutationExtensions() {
		m, kind := open(extension.GetTypedConfig())
		mutation, ok := m.(*earlyv3.HeaderMutation)
		if !ok {
			hit(at.item(i), "of a type that may add them: "+printable(kind))
			continue
		}
		for j, m := range mutation.GetMutations() {
			delete(missing, m.GetRemove())
			hit.when(slices.Contains(stripped(), strings.ToLower(m.GetAppend().GetHeader().GetKey())), at.item(i).field("typed_config", "mutations").item(j))
		}
	}
	for _, name := range stripped() {
		if missing[name] {
			hit(at, "not removed: "+name)
		}
	}
}
