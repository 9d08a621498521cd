package kubeheader

import (
	"net/netip"
	"slices"
	"strings"

	"kubernetes-mcp-edge/extproc/hostpolicy"
)

// Policy is what an operator allows, as far as headers show it. It is plain
// data and is only read. The zero Policy allows no host and no credential.
type Policy struct {
	// Hosts judges the host and port of kubernetes-server; nil allows none.
	Hosts *hostpolicy.Policy
	// InsecureHosts are the hosts where kubernetes-insecure-skip-tls-verify may
	// be true: names and literals as ServerURL.Host spells them (lower-case, no
	// brackets), or ".example.com" for every name below it.
	InsecureHosts []string
	// PathPrefixes are the paths that kubernetes-server may have, such as
	// "/k8s/clusters". An entry allows itself and what is below it, by whole
	// segments: "/k8s" allows "/k8s/c-1" and not "/k8s2". "/" allows every path.
	// An entry that ValidPathPrefix refuses allows nothing.
	PathPrefixes []string
	// CredentialsOptional lets a request without any kubernetes-* header pass
	// as anonymous.
	CredentialsOptional bool
	// AllowToken accepts kubernetes-authorization.
	AllowToken bool
	// AllowClientCertificate accepts the pair of client certificate and key.
	AllowClientCertificate bool
	// AllowTLSServerName accepts kubernetes-tls-server-name.
	AllowTLSServerName bool
	// AllowPlaintext accepts requests that reached the ingress over plain HTTP.
	AllowPlaintext bool
	// PublicRoots lets the policy's publicRootsFile vouch for an API server
	// whose CA was not sent.
	PublicRoots bool
	// Report are the reasons that are reported instead of enforced: where one is
	// all that speaks against a request, Parse lets it through and Reported says
	// so. Only a Reportable one has an effect here, and of hosts and ports only
	// what Hosts reports, too (see hostpolicy.Policy.Enforced).
	Report []Reason
}

// reports says that this reason stops nobody.
func (p *Policy) reports(r Reason) bool { return r.Reportable() && slices.Contains(p.Report, r) }

// ValidPathPrefix reports whether an entry of PathPrefixes can allow anything:
// "/", or a path by the grammar of kubernetes-server without a slash at its end.
func ValidPathPrefix(prefix string) bool {
	return prefix == "/" || (prefix != "" && validPath(prefix))
}

// host judges a canonical URL's host and port: what the policy says, and what of
// it is enforced. 0 means allowed.
func (p *Policy) host(u ServerURL) (said, enforced Reason) {
	if p.Hosts == nil {
		return ReasonHostNotAllowed, ReasonHostNotAllowed
	}
	said = reasonOf(p.Hosts.Host(u.host, u.port))
	if !p.reports(said) {
		return said, said
	}
	return said, reasonOf(p.Hosts.Enforced(u.host, u.port))
}

// reasonOf is 0 for what is allowed.
func reasonOf(r hostpolicy.Refusal) Reason {
	switch r {
	case hostpolicy.Allowed:
		return 0
	case hostpolicy.PortNotAllowed:
		return ReasonPortNotAllowed
	case hostpolicy.AddressNotAllowed:
		return ReasonAddressNotAllowed
	case hostpolicy.HostNotAllowed:
	}
	return ReasonHostNotAllowed
}

// path judges a canonical URL's path.
func (p *Policy) path(path string) bool {
	if path == "" {
		return true
	}
	return slices.ContainsFunc(p.PathPrefixes, func(prefix string) bool { return PathBelow(path, prefix) })
}

// PathBelow reports whether an entry of PathPrefixes allows the path of a
// canonical URL, which is not "".
func PathBelow(path, prefix string) bool {
	return ValidPathPrefix(prefix) &&
		(prefix == "/" || path == prefix || strings.HasPrefix(path, prefix+"/"))
}

// insecure reports whether TLS verification may be off for this host.
func (p *Policy) insecure(host string) bool {
	_, notAddress := netip.ParseAddr(host)
	return slices.ContainsFunc(p.InsecureHosts, func(entry string) bool {
		if strings.HasPrefix(entry, ".") {
			return notAddress != nil && strings.HasSuffix(host, entry)
		}
		return host == entry
	})
}
