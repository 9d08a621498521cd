package envoy

import (
	"strings"

	corev3 "github.com/envoyproxy/go-control-plane/envoy/config/core/v3"

	"kubernetes-mcp-edge/extproc/kubeheader"
)

// rewriteRules are about what a route does to a request that the guard let on.
func rewriteRules() []rule[*edge] {
	return []rule[*edge]{
		{Rule{
			"no-retries", "a call can be made twice",
			"Tool calls are not idempotent: a retry deletes, scales or runs a second time.",
			"drop retry_policy, hedge_policy and internal_redirect_policy from routes and virtual hosts; in Istio set retries.attempts 0 in the VirtualService",
		}, noRetries},
		{Rule{
			"no-rewrites", "a route changes path or host after the guard",
			"What was checked and matched must be what the backend sees; it answers /mcp.",
			"drop prefix_rewrite, path_rewrite, regex_rewrite, path_rewrite_policy and every host_rewrite from the route",
		}, noRewrites},
		{Rule{
			"nothing-after-the-guard", "a route adds or removes headers that the guard signed, or that name the decision",
			"They run after the guard and break its signature: the backend refuses every call.",
			"drop kubernetes-*, signature, signature-input, x-kubernetes-fingerprint and x-request-id from request_headers_to_add and request_headers_to_remove; inject before the guard, with a header_mutation filter",
		}, untouched},
	}
}

func noRetries(e *edge, hit hit) {
	for _, host := range e.hosts() {
		for name, set := range map[string]bool{
			"retry_policy":              host.message.GetRetryPolicy() != nil,
			"retry_policy_typed_config": host.message.GetRetryPolicyTypedConfig() != nil,
			"hedge_policy":              host.message.GetHedgePolicy() != nil,
		} {
			hit.when(set, host.at.field(name))
		}
	}
	for _, r := range e.forwarding() {
		action := r.message.GetRoute()
		for name, set := range map[string]bool{
			"retry_policy":              action.GetRetryPolicy() != nil,
			"retry_policy_typed_config": action.GetRetryPolicyTypedConfig() != nil,
			"hedge_policy":              action.GetHedgePolicy() != nil,
			"internal_redirect_policy":  action.GetInternalRedirectPolicy() != nil,
			"internal_redirect_action":  action.GetInternalRedirectAction() != 0, //nolint:staticcheck // deprecated, and still obeyed
		} {
			hit.when(set, r.at.field("route", name))
		}
	}
}

func noRewrites(e *edge, hit hit) {
	for _, r := range e.forwarding() {
		action := r.message.GetRoute()
		for name, set := range map[string]bool{
			"prefix_rewrite":          action.GetPrefixRewrite() != "",
			"path_rewrite":            action.GetPathRewrite() != "",
			"regex_rewrite":           action.GetRegexRewrite() != nil,
			"path_rewrite_policy":     action.GetPathRewritePolicy() != nil,
			"host_rewrite_literal":    action.GetHostRewriteLiteral() != "",
			"host_rewrite":            action.GetHostRewrite() != "",
			"host_rewrite_header":     action.GetHostRewriteHeader() != "",
			"host_rewrite_path_regex": action.GetHostRewritePathRegex() != nil,
			"auto_host_rewrite":       action.GetAutoHostRewrite().GetValue(),
		} {
			hit.when(set, r.at.field("route", name))
		}
	}
}

// untouched looks at every place where a route can change request headers.
func untouched(e *edge, hit hit) {
	type editor interface {
		GetRequestHeadersToAdd() []*corev3.HeaderValueOption
		GetRequestHeadersToRemove() []string
	}
	look := func(ed editor, at *place) {
		for i, added := range ed.GetRequestHeadersToAdd() {
			if ours(added.GetHeader().GetKey()) {
				hit(at.field("request_headers_to_add").item(i), printable(added.GetHeader().GetKey()))
			}
		}
		for i, name := range ed.GetRequestHeadersToRemove() {
			if ours(name) {
				hit(at.field("request_headers_to_remove").item(i), printable(name))
			}
		}
	}
	look(e.routes.message, e.routes.at)
	for _, host := range e.hosts() {
		look(host.message, host.at)
	}
	for _, r := range e.all() {
		look(r.message, r.at)
		for i, c := range r.message.GetRoute().GetWeightedClusters().GetClusters() {
			look(c, r.at.field("route", "weighted_clusters", "clusters").item(i))
		}
	}
}

// ours reports whether guard and backend care about this header.
func ours(name string) bool {
	name = strings.ReplaceAll(strings.ToLower(name), "_", "-")
	return strings.HasPrefix(name, kubeheader.Prefix) || name == kubeheader.Fingerprint ||
		name == kubeheader.Signature || name == kubeheader.SignatureInput || name == decisionHeader
}
