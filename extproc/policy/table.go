package policy

import (
	"slices"

	"kubernetes-mcp-edge/extproc/hostpolicy"
)

// Patterns of what a list takes, as far as a pattern can say. The reader's own
// checks are stricter.
const (
	// A name or IPv4 address, or an IPv6 address: at least two colons.
	hostPattern   = `^([a-z0-9]([a-z0-9.-]*[a-z0-9])?|[0-9a-f.]*:[0-9a-f.]*:[0-9a-f:.]*)$`
	suffixPattern = `^\.[a-z0-9]([a-z0-9.-]*[a-z0-9])?$`
	// Segments other than . and .., or a slash alone.
	pathPattern  = `^(/([A-Za-z0-9_~-][A-Za-z0-9._~-]*|\.[A-Za-z0-9_~-][A-Za-z0-9._~-]*|\.\.[A-Za-z0-9._~-]+))+$|^/$`
	blockPattern = `^[0-9a-fA-F.:]+/[0-9]{1,3}$`
)

// keyHosts is a key of the file, and one below logs.
const keyHosts = "hosts"

// keys are the keys of the file, in the order of the package doc.
func (d *draft) keys() []key {
	ignore := func(string) {}
	return []key{
		{name: "apiVersion", example: "apiVersion: " + apiVersion, value: word{ignore, []string{apiVersion}},
			about: "The format. Required."},
		{name: "kind", example: "kind: " + kind, value: word{ignore, []string{kind}},
			about: "Required."},
		{name: keyHosts, value: mapping{d.hostKeys()},
			about: "Which hosts kubernetes-server may name. Default: none."},
		{name: "networks", value: items{mostEntries, d.network, 0},
			about: "Which addresses may be reached that are not public, and on which ports: what a URL spells as an address, and what an allowed name resolves to at the moment of connecting. " +
				"Each item is such as {cidr: 10.0.0.0/8, ports: [6443]}. Default: none. Loopback, link-local, cloud metadata, multicast and unspecified addresses stay refused inside a block; each needs an entry of full length (/32, /128) of its own."},
		{name: "ports", value: ports{to: &d.hosts.Ports},
			about: "Ports of names and public addresses, besides 443 and 6443. Default: none."},
		{name: "insecureHosts", value: texts{&d.header.InsecureHosts, checkInsecureHost, mostEntries, hostPattern, ""},
			about: "Hosts whose certificate a caller may choose not to verify, exactly as in hosts.exact; each must be allowed above, too. Default: none."},
		{name: "pathPrefixes", value: texts{&d.header.PathPrefixes, checkPathPrefix, mostEntries, pathPattern, ""},
			about: "Paths that kubernetes-server may have (Rancher, kcp): each allows itself and what is below it; / allows every path. Default: none."},
		{name: "credentials", value: word{func(s string) { d.header.CredentialsOptional = s == optional }, []string{required, optional}},
			about: "required: every request carries a credential. optional: a request without any kubernetes-* header passes as anonymous, and is signed as such; it can list tools, and a tool call says what to send. Default: required."},
		{name: "credentialKinds", value: d.credentialKinds(),
			about: "Which credentials are accepted. Default: both."},
		{name: "tlsServerName", value: word{func(s string) { d.header.AllowTLSServerName = s == allow }, []string{allow, forbid}},
			about: "allow or forbid kubernetes-tls-server-name. Default: allow."},
		{name: "publicRootsFile", value: text{d.publicRoots, ""},
			about: "A PEM bundle that vouches for API servers whose CA the caller did not send; a relative path starts beside this file. Default: none, the CA is required."},
		{name: "plaintextIngress", value: word{func(s string) { d.header.AllowPlaintext = s == allow }, []string{refuse, allow}},
			about: "refuse or allow requests that reached the ingress over plain HTTP, their credentials readable on the way. Default: refuse."},
		{name: "origins", value: texts{&d.origins, checkOrigin, mostEntries, originPattern, ""},
			about: "Origins of web pages that may call, as a browser sends them, such as https://app.example.com. mcpbackend refuses every other request that carries an Origin header; programs send none. Envoy's CORS filter has its own list, without which no browser gets so far. Default: none."},
		{name: "access", value: mapping{d.accessKeys()},
			about: "What may be asked of API servers, whatever the caller's own rights are. mcpbackend judges every request that it sends, by what is on the wire, in every tool. Each item of either list is such as {kinds: [Secret], namespaces: [kube-*]}, and matches what all of its lists match. " +
				"In a pattern * stands for any text; quote one that begins with it. Whoever may exec into a pod reads what is mounted there, and nodes/proxy reads what runs on a node: deny those too where a kind is to stay unread."},
		{name: "report", value: words{words: reportable(), check: checkReport, set: d.report},
			about: "Reasons of this policy that are counted and logged while the request passes, to see whom a rule would stop before it does. What can be reported: " + sentenceOf(reportable()) + ". " +
				"Reported hosts reach what anyPublic would allow, reported ports those of names and public addresses: names inside a machine, cluster or cloud, addresses that are not public and the ports of networks stay enforced, at the edge and when the backend connects. " +
				"Whose certificate need not be verified and what publicRootsFile vouches for is enforced, too. Default: none."},
		{name: "logs", value: mapping{d.logKeys()},
			about: "What logs and the status page show. They never hold a header's value."},
		{name: "limits", value: mapping{d.limitKeys()},
			about: "What may be tuned. Each program reads its part at start: a change takes effect at the next start, and a running program says so. A length of time is such as 500ms, 2s or 10m."},
	}
}

// hostKeys are the keys below hosts.
func (d *draft) hostKeys() []key {
	return []key{
		{name: "exact", value: texts{&d.hosts.Hosts, hostpolicy.CheckHost, mostHosts, hostPattern, ""},
			about: "Names and addresses exactly as a URL spells them: lower-case, no port, IPv6 without brackets. Names that mean something only inside a machine, cluster or cloud (localhost, kubernetes.default.svc, a single label) are allowed here and nowhere else. Default: none."},
		{name: "suffixes", value: texts{&d.hosts.Suffixes, hostpolicy.CheckSuffix, mostEntries, suffixPattern, ""},
			about: "Every name below: .clusters.example.com allows a.clusters.example.com, but neither clusters.example.com itself nor badclusters.example.com. Default: none."},
		{name: "anyPublic", value: boolean{&d.hosts.AnyPublic},
			about: "true: every public DNS name and every public address. Default: false."},
	}
}

// networkKeys are the keys of an item of networks.
func networkKeys(n *hostpolicy.Network) []key {
	return []key{
		{name: "cidr", example: "cidr: 10.0.0.0/8", value: text{readBlock(&n.Prefix), blockPattern},
			about: "The block, with no bits set beyond its length. Required."},
		{name: "ports", example: "ports: [443, 6443]",
			value: ports{&n.Ports, "the list is empty, which opens nothing; write the ports of the API servers there, such as [443, 6443]"},
			about: "Its ports; required, at least one."},
	}
}

// credentialKinds is the value of that key.
func (d *draft) credentialKinds() value {
	kinds := []string{token, clientCertificate}
	return words{
		words: kinds, check: oneOf(kinds), all: true,
		none: "the list is empty, so that no credential would do; write " + token + ", " + clientCertificate + " or both",
		set: func(got []string) {
			d.kinds = got
			d.header.AllowToken = slices.Contains(got, token)
			d.header.AllowClientCertificate = slices.Contains(got, clientCertificate)
		},
	}
}

// logKeys are the keys below logs.
func (d *draft) logKeys() []key {
	forms := []HostForm{HostPlain, HostHashed, HostOmitted}
	spelt := make([]string, len(forms))
	for i, f := range forms {
		spelt[i] = f.String()
	}
	return []key{
		{name: keyHosts, value: word{func(s string) { d.logHosts = forms[max(0, slices.Index(spelt, s))] }, spelt},
			about: "The host of kubernetes-server: plain, hashed (equal hosts look equal, and who knows a host finds it) or omitted. Default: plain."},
	}
}

// limitKeys are the keys below limits.
func (d *draft) limitKeys() []key {
	return []key{
		{name: "guard", value: mapping{limitsOfGuard(&d.limits.Guard)}, about: "Those of extproc."},
		{name: "backend", value: mapping{limitsOfBackend(&d.limits.Backend)}, about: "Those of mcpbackend."},
	}
}
