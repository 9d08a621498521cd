package envoy

import "kubernetes-mcp-edge/extproc/kubeheader"

// shown are the patterns of headers that the guard is shown: what it decides on,
// and what ties its trace to the caller's. The contract's own come by their
// prefix, without a dash: kubernetes_server has to be seen too.
func shown() []string {
	return []string{
		`prefix: "` + kubeheader.Prefix + `"`, "prefix: mcp-", `exact: ":method"`, `exact: ":path"`,
		"exact: content-type", "exact: origin", "exact: " + decisionHeader, "exact: x-forwarded-proto",
		"exact: traceparent", "exact: tracestate",
	}
}

// replaced are the headers that say which cluster is meant and how it is
// trusted. An operator who fixes the cluster fixes all of them.
func replaced() []string {
	return []string{kubeheader.Server, kubeheader.CertificateAuthority, kubeheader.InsecureSkipTLSVerify, kubeheader.TLSServerName}
}

// mayAsk are the headers that a page of an allowed origin may send.
func mayAsk() []string {
	return append(kubeheader.Names(), "accept", "authorization", "content-type", "last-event-id",
		"mcp-method", "mcp-name", "mcp-protocol-version", "mcp-session-id")
}

// mayRead are the headers of an answer that such a page may read.
func (c Config) mayRead() []string {
	out := []string{decisionHeader, "mcp-method", "mcp-name", "mcp-protocol-version", "mcp-session-id"}
	if c.FrontDoor != nil {
		out = append(out, "www-authenticate") // where to sign in
	}
	return out
}
