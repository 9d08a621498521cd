package policy

import (
	"crypto/x509"
	"fmt"
	"net/netip"
	"slices"
	"strings"

	"go.yaml.in/yaml/v3"

	"kubernetes-mcp-edge/extproc/access"
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
	plain             = "plain"
	hashed            = "hashed"
	omitted           = "omitted"
)

// How many entries a list may have. Hosts are found by hash; the others are
// looked through for each request or connection, or checked one by one at start.
const (
	mostHosts   = 20_000
	mostEntries = 1_000
	mostPorts   = 1_000
)

// draft is what the keys fill in.
type draft struct {
	header   kubeheader.Policy
	hosts    hostpolicy.Config
	roots    *x509.CertPool
	rootsPEM []byte
	rootsAt  string // the publicRootsFile as written
	kinds    []string
	origins  []string
	access   access.Config
	logHosts HostForm
	limits   Limits
}

// defaults is the policy of a file with no optional key.
func defaults() *draft {
	return &draft{
		header: kubeheader.Policy{AllowToken: true, AllowClientCertificate: true, AllowTLSServerName: true},
		limits: standardLimits(),
	}
}

// network makes one item of networks.
func (d *draft) network() (keys []key, done func(r *reader, n *yaml.Node, at string)) {
	network := new(hostpolicy.Network)
	return networkKeys(network), func(r *reader, n *yaml.Node, at string) {
		if err := hostpolicy.CheckNetwork(*network); err != nil {
			r.failf(n, at, "%w", err)
			return
		}
		d.hosts.Networks = append(d.hosts.Networks, *network)
	}
}

// readBlock reads the cidr of a network.
func readBlock(to *netip.Prefix) func(r *reader, n *yaml.Node, at string) {
	return func(r *reader, n *yaml.Node, at string) {
		s, ok := r.text(n, at)
		if !ok {
			return
		}
		var err error
		if *to, err = netip.ParsePrefix(s); err != nil {
			r.failf(n, at, "%q is not an address block; write one such as 10.0.0.0/8, or 10.0.0.1/32 for one address", s)
		}
	}
}

// report takes the reasons that are reported instead of enforced.
func (d *draft) report(codes []string) {
	for _, code := range codes {
		if r, ok := kubeheader.ParseReason(code); ok {
			d.header.Report = append(d.header.Report, r)
		}
	}
	d.hosts.ReportHosts = slices.Contains(d.header.Report, kubeheader.ReasonHostNotAllowed)
	d.hosts.ReportPorts = slices.Contains(d.header.Report, kubeheader.ReasonPortNotAllowed)
}

// reportable are the codes that report may name.
func reportable() []string {
	var out []string
	for _, r := range kubeheader.Reasons() {
		if r.Reportable() {
			out = append(out, r.String())
		}
	}
	return out
}

// checkReport tells a reason that is always enforced from what is none.
func checkReport(code string) error {
	r, known := kubeheader.ParseReason(code)
	switch {
	case r.Reportable():
		return nil
	case known:
		return fmt.Errorf("%s is always enforced; write only reasons that can be reported: %s", code, strings.Join(reportable(), ", "))
	}
	return fmt.Errorf("%q is no reason; write the code of one that can be reported: %s", code, strings.Join(reportable(), ", "))
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

// publicRoots reads the file that publicRootsFile names.
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
	d.roots, d.rootsPEM, d.rootsAt = roots, pem, name
}
