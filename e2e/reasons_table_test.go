package e2e

import (
	"slices"
	"strings"
	"testing"

	"kubernetes-mcp-edge/e2e/harness"
	"kubernetes-mcp-edge/extproc/kubeheader"
)

// reasonFault is a request with one fault, and what the caller is told of it. Codes
// and phrases are written out: they are what clients and their users know.
type reasonFault struct {
	code   string
	header string // data.header; "" for the request as a whole
	says   string // a phrase of the sentence
	send   harness.Headers
}

// faultyValue is a value with one fault, and what the caller is told of it.
type faultyValue struct{ code, says, value string }

// valueFaults puts each value in its turn into a good request.
func valueFaults(good harness.Headers, header string, values []faultyValue) []reasonFault {
	out := make([]reasonFault, 0, len(values))
	for _, v := range values {
		out = append(out, reasonFault{v.code, header, v.says, good.With(header, v.value)})
	}
	return out
}

// reasonFaults are the requests that the shared stack refuses, one for each reason
// that needs no policy of its own.
func reasonFaults(t *testing.T) []reasonFault {
	t.Helper()
	return slices.Concat(lineFaults(), serverFaults(), dataFaults(t), credentialFaults(t), optionFaults())
}

// lineFaults are those that any header can have.
func lineFaults() []reasonFault {
	good := shared.Cluster.Token("alice")
	server := good.Get(kubeheader.Server)
	return []reasonFault{
		{"underscore-name", kubeheader.Server, "underscore", good.Without(kubeheader.Server).Plus("kubernetes_server", server)},
		{"duplicate-header", kubeheader.Server, "more than once", good.Plus(kubeheader.Server, "https://canary.example.com")},
		{"empty-value", kubeheader.Server, "is empty", good.With(kubeheader.Server, "")},
		{"invalid-bytes", kubeheader.Authorization, "outside ASCII", good.With(kubeheader.Authorization, "Bearer canary-t\u00f6ken")},
		{"placeholder", kubeheader.Authorization, "placeholder", good.With(kubeheader.Authorization, "Bearer ${CANARY_TOKEN}")},
		{"comma-joined", kubeheader.Server, "comma", good.With(kubeheader.Server, server+",https://canary.example.com")},
		{"unknown-header", kubeheader.AnyHeader, "not one that this endpoint knows", good.Plus("kubernetes-canary-name", "canary-value")},
	}
}

// serverFaults are those of kubernetes-server.
func serverFaults() []reasonFault {
	good := shared.Cluster.Token("alice")
	server := good.Get(kubeheader.Server)
	_, authority, _ := strings.Cut(server, "://")
	return append(
		valueFaults(good, kubeheader.Server, []faultyValue{
			{"server-too-long", "longer than 512 bytes", "https://" + strings.Repeat("canary.", 80) + "example.com"},
			{"server-scheme", "https://", "http://canary.example.com"},
			{"server-userinfo", "user name", "https://canary:canary@" + authority},
			{"server-query", "query", server + "?canary=canary"},
			{"server-fragment", "fragment", server + "#canary"},
			{"server-host", "neither a DNS name nor", "https://canary_host.example.com"},
			{"server-port", "1 to 65535", "https://canary.example.com:65536"},
			{"server-path", "path with a character or segment", server + "/canary/../canary"},
			{"host-not-allowed", "names a host", "https://canary.example.com"},
			{"port-not-allowed", "names a port", "https://127.0.0.1:59999"},
			{"address-not-allowed", "names an address", "https://169.254.169.254"},
			{"path-not-allowed", "has a path, and the policy", server + "/k8s/clusters/canary"},
		}),
		reasonFault{"server-missing", kubeheader.Server, "is missing", good.Without(kubeheader.Server)},
	)
}

// optionFaults are those of the headers that may be left out.
func optionFaults() []reasonFault {
	out := make([]reasonFault, 0, 6)
	for _, f := range []struct{ code, header, says, value string }{
		{"insecure-malformed", kubeheader.InsecureSkipTLSVerify, "neither true nor false", "canary"},
		{"insecure-not-allowed", kubeheader.InsecureSkipTLSVerify, "is true, and the policy", "true"},
		{"tls-server-name-malformed", kubeheader.TLSServerName, "not a DNS name", "canary_name.example.com"},
		{"namespace-malformed", kubeheader.Namespace, "not the name of a namespace", "Canary_Namespace"},
		{"toolsets-malformed", kubeheader.Toolsets, "empty or misspelt", "canary,,canary"},
		{"toolsets-too-many", kubeheader.Toolsets, "more than 16", strings.Repeat("canary,", 16) + "canary"},
	} {
		out = append(out, reasonFault{f.code, f.header, f.says, shared.Cluster.Token("alice").With(f.header, f.value)})
	}
	return out
}

// strictPolicies are what the reasons need that the shared policy cannot give:
// one endpoint takes no client certificate and no TLS server name, the other no
// token and no plain HTTP.
func strictPolicies() (tokens, certificates string) {
	tokens = shared.Policy + "credentialKinds: [token]\ntlsServerName: forbid\n"
	certificates = strings.ReplaceAll(shared.Policy, "plaintextIngress: allow", "plaintextIngress: refuse") +
		"credentialKinds: [client-certificate]\n"
	return tokens, certificates
}

// tokenEndpointFaults are refused where only tokens are taken.
func tokenEndpointFaults() []reasonFault {
	return []reasonFault{
		{"client-certificate-not-allowed", kubeheader.ClientCertificate, "accepts no client certificate", shared.Cluster.Certificate("alice")},
		{"tls-server-name-not-allowed", kubeheader.TLSServerName, "was sent, and the policy", shared.Cluster.Token("alice").With(kubeheader.TLSServerName, "canary.example.com")},
	}
}

// certificateEndpointFaults are refused where only client certificates are
// taken, by an Envoy that believes the proxy before it.
func certificateEndpointFaults() []reasonFault {
	return []reasonFault{
		{"token-not-allowed", kubeheader.Authorization, "holds a token, and the policy", shared.Cluster.Token("alice").With("x-forwarded-proto", "https")},
		{"plaintext-ingress", "", "came over plain HTTP", shared.Cluster.Certificate("alice").With("x-forwarded-proto", "http")},
	}
}
