package envoy

import (
	"slices"
	"time"

	clusterv3 "github.com/envoyproxy/go-control-plane/envoy/config/cluster/v3"
	corev3 "github.com/envoyproxy/go-control-plane/envoy/config/core/v3"
	tlsv3 "github.com/envoyproxy/go-control-plane/envoy/extensions/transport_sockets/tls/v3"
	httpv3 "github.com/envoyproxy/go-control-plane/envoy/extensions/upstreams/http/v3"
)

// guardStreams is how many streams to the guard there must be room for.
const guardStreams = 4096

// healthEvery is the longest that a guard may go unasked.
const healthEvery = 2 * time.Second

// httpOptions is the extension that says how Envoy speaks to a cluster.
const httpOptions = "envoy.extensions.upstreams.http.v3.HttpProtocolOptions"

func protocol(c placed[*clusterv3.Cluster]) placed[*httpv3.HttpProtocolOptions] {
	m, _ := open(c.message.GetTypedExtensionProtocolOptions()[httpOptions])
	options, _ := m.(*httpv3.HttpProtocolOptions)
	return placed[*httpv3.HttpProtocolOptions]{options, c.at.field("typed_extension_protocol_options").entry(httpOptions)}
}

// ourClusters are the guard's and those that routes lead to.
func (e *edge) ourClusters() []placed[*clusterv3.Cluster] {
	out := e.backends()
	if c := e.guardCluster(); c.message != nil {
		out = append(out, c)
	}
	return out
}

func clusterRules() []rule[*edge] {
	return []rule[*edge]{
		{Rule{
			"guard-cluster", "the guard's cluster does not exist",
			"Every request fails; Istio drops clusters that it believes unused.",
			"name in grpc_service.envoy_grpc.cluster_name a cluster that exists",
		}, func(e *edge, hit hit) {
			named := e.guard.message.GetGrpcService().GetEnvoyGrpc().GetClusterName() != ""
			hit.when(e.guardCluster().message == nil && (!e.partial || !named), e.guard.at.field("grpc_service", "envoy_grpc", "cluster_name"))
		}},
		onGuard(Rule{
			"guard-http2", "the guard's cluster does not speak HTTP/2",
			"gRPC needs it: every request fails.",
			"set explicit_http_config.http2_protocol_options in its HttpProtocolOptions; in Istio, name the port grpc",
		}, func(_ *edge, c placed[*clusterv3.Cluster], hit hit) {
			if options := protocol(c); options.message.GetExplicitHttpConfig().GetHttp2ProtocolOptions() == nil {
				hit(options.at.field("explicit_http_config", "http2_protocol_options"), "")
			}
		}),
		onGuard(Rule{
			"guard-health", "a guard that says it is not serving still gets requests",
			"They fail, or wait for message_timeout, instead of going to another guard.",
			"give the guard's cluster a grpc_health_check with interval 1s and unhealthy_threshold 2 or less, and common_lb_config with healthy_panic_threshold 0 and update_merge_window 0s",
		}, func(_ *edge, c placed[*clusterv3.Cluster], hit hit) {
			checks, at := c.message.GetHealthChecks(), c.at.field("health_checks")
			if len(checks) == 0 || checks[0].GetGrpcHealthCheck() == nil {
				hit(at, "")
			} else {
				if d := checks[0].GetInterval().AsDuration(); d <= 0 || d > healthEvery {
					hit(at.item(0).field("interval"), "")
				}
				hit.when(checks[0].GetUnhealthyThreshold().GetValue() > 2, at.item(0).field("unhealthy_threshold"))
			}
			if window := c.message.GetCommonLbConfig().GetUpdateMergeWindow(); window == nil || window.AsDuration() != 0 {
				hit(c.at.field("common_lb_config", "update_merge_window"), "")
			}
			if threshold := c.message.GetCommonLbConfig().GetHealthyPanicThreshold(); threshold == nil || threshold.GetValue() != 0 {
				hit(c.at.field("common_lb_config", "healthy_panic_threshold"), "")
			}
		}),
		onGuard(Rule{
			"guard-room", "room for too few requests that wait for the guard",
			"Rejected requests that wait for their bodies hold up to 512 streams for each guard; beyond the limit, good requests fail.",
			"allow max_requests 4096 or more to the guard",
		}, func(_ *edge, c placed[*clusterv3.Cluster], hit hit) {
			t := c.message.GetCircuitBreakers().GetThresholds()
			hit.when(len(t) == 0 || t[0].GetMaxRequests().GetValue() < guardStreams, c.at.field("circuit_breakers", "thresholds"))
		}),
		{Rule{
			"circuit-breakers", "bounds that are not stated",
			"The defaults are 1024 of each, and Istio's are none at all.",
			"set max_connections, max_pending_requests and max_requests in circuit_breakers.thresholds of the guard's and the backend's cluster",
		}, func(e *edge, hit hit) {
			for _, c := range e.ourClusters() {
				t := c.message.GetCircuitBreakers().GetThresholds()
				hit.when(len(t) == 0 || t[0].GetMaxConnections() == nil || t[0].GetMaxPendingRequests() == nil || t[0].GetMaxRequests() == nil, c.at.field("circuit_breakers", "thresholds"))
			}
		}},
		{Rule{
			"connect-timeout", "no stated limit on connecting",
			"The default is 5 s, longer than a caller should wait for a guard that is gone.",
			"set connect_timeout on the guard's and the backend's cluster",
		}, func(e *edge, hit hit) {
			for _, c := range e.ourClusters() {
				hit.when(c.message.GetConnectTimeout().AsDuration() <= 0, c.at.field("connect_timeout"))
			}
		}},
	}
}

// onGuard is a rule about the guard's cluster, if there is one.
func onGuard(r Rule, look func(*edge, placed[*clusterv3.Cluster], hit)) rule[*edge] {
	return rule[*edge]{r, func(e *edge, hit hit) {
		if c := e.guardCluster(); c.message != nil {
			look(e, c, hit)
		}
	}}
}

func transportRules() []rule[*edge] {
	return []rule[*edge]{
		{Rule{
			"upstream-tls", "credentials leave the machine in the clear, or for whoever answers",
			"The guard's port signs whatever is sent there, the backend's carries keys: both refuse to start off loopback without mutual TLS.",
			"use loopback or a Unix socket, or give the cluster an UpstreamTlsContext with a client certificate, trusted_ca and match_typed_subject_alt_names",
		}, func(e *edge, hit hit) {
			for _, c := range e.ourClusters() {
				e.protected(c, hit)
			}
		}},
	}
}

// protected looks at the way to a cluster.
func (e *edge) protected(c placed[*clusterv3.Cluster], hit hit) {
	if c.message.GetTransportSocketMatcher() != nil {
		hit(c.at.field("transport_socket_matcher"), "which socket is used cannot be told here")
	}
	addresses, known := e.addresses(c.message)
	if known && !slices.ContainsFunc(addresses, func(a *corev3.Address) bool { return !loopback(a) }) {
		return
	}
	for i, m := range c.message.GetTransportSocketMatches() {
		trusted(m.GetTransportSocket(), c.at.field("transport_socket_matches").item(i).field("transport_socket"), hit)
	}
	if len(c.message.GetTransportSocketMatches()) == 0 || c.message.GetTransportSocket() != nil {
		trusted(c.message.GetTransportSocket(), c.at.field("transport_socket"), hit)
	}
}

// trusted wants TLS with a certificate of our own and a check of the other's.
func trusted(socket *corev3.TransportSocket, at *place, hit hit) {
	m, kind := open(socket.GetTypedConfig())
	upstream, ok := m.(*tlsv3.UpstreamTlsContext)
	if !ok {
		hit(at, printable(kind))
		return
	}
	common, at := upstream.GetCommonTlsContext(), at.field("typed_config", "common_tls_context")
	hit.when(!hasCertificate(common), at.field("tls_certificates"))
	// Whom to believe may come by SDS, but by which name is said here.
	validation, sds := common.GetValidationContext(), common.GetValidationContextSdsSecretConfig() != nil
	at = at.field("validation_context")
	if combined := common.GetCombinedValidationContext(); combined != nil {
		validation, sds = combined.GetDefaultValidationContext(), sds || combined.GetValidationContextSdsSecretConfig() != nil
		at = at.up.field("combined_validation_context", "default_validation_context")
	}
	hit.when(!sds && validation.GetTrustedCa() == nil && validation.GetCaCertificateProviderInstance() == nil, at.field("trusted_ca"))
	hit.when(len(validation.GetMatchTypedSubjectAltNames()) == 0, at.field("match_typed_subject_alt_names"))
}
