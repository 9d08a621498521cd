package policy

import (
	"crypto/x509"
	"fmt"
	"net/netip"
	"strings"

	"go.yaml.in/yaml/v3"

	"kubernetes-mcp-edge/extproc/hostpolicy"
	"kubernetes-mcp-edge/extproc/kubeheader"
)

// What the first two keys must say.
const (
	apiVersion = "kubernetes-mcp-edge/v1"
	kind       = "Policy"
)

// The words of the file.
const (
	required          = "required"
	optional          = "optional"
	allow             = "allow"
	forbid            = "forbid"
	refuse            = "refuse"
	token             = "token"
	clientCertificate = "client-certificate"
)

// draft is what the keys fill in.
type draft struct {
	header   kubeheader.Policy
	hosts    hostpolicy.Config
	roots    *x509.CertPool
	rootsPEM []byte
}

// defaults is the policy of a file with no optional key.
func defaults() *draft {
	return &draft{header: kubeheader.Policy{AllowToken: true, AllowClientCertificate: true, AllowTLSServerName: true}}
}

func (r *reader) document(n *yaml.Node, d *draft) { r.object(n, "", d.keys()) }

// keys are the keys of the file, in the order of the package doc.
func (d *draft) keys() []key {
	return []key{
		{name: "apiVersion", example: "apiVersion: " + apiVersion, read: func(r *reader, n *yaml.Node, at string) { r.choice(n, at, apiVersion) }},
		{name: "kind", example: "kind: " + kind, read: func(r *reader, n *yaml.Node, at string) { r.choice(n, at, kind) }},
		{name: "hosts", read: func(r *reader, n *yaml.Node, at string) { r.object(n, at, d.hostKeys()) }},
		{name: "networks", read: func(r *reader, n *yaml.Node, at string) {
			r.list(n, at, func(n *yaml.Node, at string) { d.network(r, n, at) })
		}},
		{name: "ports", read: func(r *reader, n *yaml.Node, at string) { d.hosts.Ports = r.ports(n, at) }},
		{name: "insecureHosts", read: func(r *reader, n *yaml.Node, at string) {
			d.header.InsecureHosts = r.texts(n, at, checkInsecureHost)
		}},
		{name: "pathPrefixes", read: func(r *reader, n *yaml.Node, at string) { d.header.PathPrefixes = r.texts(n, at, checkPathPrefix) }},
		{name: "credentials", read: func(r *reader, n *yaml.Node, at string) {
			d.header.CredentialsOptional = r.choice(n, at, required, optional) == optional
		}},
		{name: "credentialKinds", read: d.credentialKinds},
		{name: "tlsServerName", read: func(r *reader, n *yaml.Node, at string) {
			d.header.AllowTLSServerName = r.choice(n, at, allow, forbid) == allow
		}},
		{name: "publicRootsFile", read: d.publicRoots},
		{name: "plaintextIngress", read: func(r *reader, n *yaml.Node, at string) {
			d.header.AllowPlaintext = r.choice(n, at, refuse, allow) == allow
		}},
	}
}

// hostKeys are the keys below hosts.
func (d *draft) hostKeys() []key {
	return []key{
		{name: "exact", read: func(r *reader, n *yaml.Node, at string) { d.hosts.Hosts = r.texts(n, at, hostpolicy.CheckHost) }},
		{name: "suffixes", read: func(r *reader, n *yaml.Node, at string) { d.hosts.Suffixes = r.texts(n, at, hostpolicy.CheckSuffix) }},
		{name: "anyPublic", read: func(r *reader, n *yaml.Node, at string) { d.hosts.AnyPublic = r.boolean(n, at) }},
	}
}

// network reads one item of networks.
func (d *draft) network(r *reader, n *yaml.Node, at string) {
	var network hostpolicy.Network
	errs := len(r.errs)
	r.object(n, at, []key{
		{name: "cidr", example: "cidr: 10.0.0.0/8", read: func(r *reader, n *yaml.Node, at string) {
			s, ok := r.text(n, at)
			if !ok {
				return
			}
			var err error
			if network.Prefix, err = netip.ParsePrefix(s); err != nil {
				r.failf(n, at, "%q is not an address block; write one such as 10.0.0.0/8, or 10.0.0.1/32 for one address", s)
			}
		}},
		{name: "ports", example: "ports: [443, 6443]", read: func(r *reader, n *yaml.Node, at string) {
			if network.Ports = r.ports(n, at); len(n.Content) == 0 && n.Kind == yaml.SequenceNode {
				r.failf(n, at, "the list is empty, which opens nothing; write the ports of the API servers there, such as [443, 6443]")
			}
		}},
	})
	if len(r.errs) > errs {
		return
	}
	if err := hostpolicy.CheckNetwork(network); err != nil {
		r.failf(n, at, "%w", err)
		return
	}
	d.hosts.Networks = append(d.hosts.Networks, network)
}

func (d *draft) credentialKinds(r *reader, n *yaml.Node, at string) {
	d.header.AllowToken, d.header.AllowClientCertificate = false, false
	kinds := r.texts(n, at, func(s string) error {
		switch s {
		case token:
			d.header.AllowToken = true
		case clientCertificate:
			d.header.AllowClientCertificate = true
		default:
			return fmt.Errorf("%q is not known; write %s or %s", s, token, clientCertificate)
		}
		return nil
	})
	if kinds == nil && n.Kind == yaml.SequenceNode && len(n.Content) == 0 {
		r.failf(n, at, "the list is empty, so that no credential would do; write %s, %s or both", token, clientCertificate)
	}
}

// checkInsecureHost wants exact hosts: an unverified certificate is a decision
// about one machine, never about every name below a suffix.
func checkInsecureHost(s string) error {
	if strings.HasPrefix(s, ".") || strings.HasPrefix(s, "*") {
		return fmt.Errorf("%q is a pattern, and unverified hosts are named one by one; write each host", s)
	}
	return hostpolicy.CheckHost(s)
}

func checkPathPrefix(s string) error {
	if kubeheader.ValidPathPrefix(s) {
		return nil
	}
	return fmt.Errorf("%q can match no path; write one such as /k8s/clusters, with no slash at its end, or / for every path", s)
}

func (d *draft) publicRoots(r *reader, n *yaml.Node, at string) {
	name, ok := r.text(n, at)
	if !ok || name == "" {
		return
	}
	pem, err := r.open(name)
	if err != nil {
		r.failf(n, at, "%w; write the path of a readable PEM bundle", err)
		return
	}
	roots, err := parseRoots(pem)
	if err != nil {
		r.failf(n, at, "%s: %w", name, err)
		return
	}
	d.roots, d.rootsPEM = roots, pem
}
