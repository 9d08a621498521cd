package kubeheader

import (
	"slices"
	"strings"
)

// maxToolsets bounds the names in kubernetes-toolsets.
const maxToolsets = 16

// tlsServerName reads kubernetes-tls-server-name: a DNS name by the grammar of
// kubernetes-server, in lower case.
func (x *parser) tlsServerName() string {
	if !x.sent(atTLSServerName) {
		return ""
	}
	if !x.policy.AllowTLSServerName {
		x.add(ReasonTLSServerNameNotAllowed, atTLSServerName)
	}
	value, ok := x.value(atTLSServerName)
	if !ok {
		return ""
	}
	name, ok := parseDNSName(string(value))
	if !ok {
		x.add(ReasonTLSServerNameMalformed, atTLSServerName)
	}
	return name
}

// namespace reads kubernetes-namespace: a DNS label, as Kubernetes wants it.
func (x *parser) namespace() string {
	value, ok := x.value(atNamespace)
	if !ok {
		return ""
	}
	if !validLabel(string(value)) {
		x.add(ReasonNamespaceMalformed, atNamespace)
	}
	return string(value)
}

// toolsets reads kubernetes-toolsets: names of [a-z][a-z-]* with commas between
// them and perhaps spaces around those. They come back sorted and unique.
func (x *parser) toolsets() []string {
	value, ok := x.value(atToolsets)
	if !ok {
		return nil
	}
	if strings.Count(string(value), ",") >= maxToolsets {
		x.add(ReasonToolsetsTooMany, atToolsets)
		return nil
	}
	var sets []string
	for member := range strings.SplitSeq(string(value), ",") {
		name := strings.Trim(member, " ")
		if !validToolset(name) {
			x.add(ReasonToolsetsMalformed, atToolsets)
			return nil
		}
		sets = append(sets, name)
	}
	slices.Sort(sets)
	return slices.Compact(sets)
}

func validToolset(s string) bool {
	return s != "" && s[0] != '-' && strings.Trim(s, "abcdefghijklmnopqrstuvwxyz-") == ""
}
