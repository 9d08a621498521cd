package hostpolicy

import (
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"strings"
)

// Config is what an operator allows. The zero Config allows nothing.
type Config struct {
	// Hosts are names or address literals, allowed exactly as written:
	// "api.example.com", "kubernetes.default.svc", "10.0.0.5", "::1". They are
	// canonical: lower-case, no trailing dot, no port, IPv6 without brackets.
	// A name says nothing about the addresses that it may resolve to. A literal
	// names that one address, whatever its class, for URLs that spell it; it
	// does not open the address to names that resolve to it (a Network does).
	Hosts []string
	// Suffixes begin with a dot and allow any name below: ".example.com" allows
	// "api.example.com" and "a.b.example.com", but not "example.com" itself
	// (list that in Hosts) and not "badexample.com". They never allow a name
	// that is internal (see AnyPublic).
	Suffixes []string
	// AnyPublic allows every name of two or more labels that is not internal,
	// and every literal of class Public. Internal are localhost, *.localhost,
	// *.local, *.internal, *.svc, *.cluster.local, metadata* and instance-data*.
	AnyPublic bool
	// Networks open addresses that are not Public, to literals and to what
	// allowed names resolve to.
	Networks []Network
	// Ports are allowed for names and for literals that no Network covers, in
	// addition to 443 and 6443. Each is 1 to 65535.
	Ports []uint16
	// ReportHosts makes a refused host one that is only reported: Enforced then
	// lets through what AnyPublic would allow, and nothing else. Internal names
	// and addresses that are not Public stay refused.
	ReportHosts bool
	// ReportPorts makes a refused port one that is only reported, for names and
	// for Public addresses. The ports of a Network are never widened.
	ReportPorts bool
}

// Network opens the addresses of a block on some ports.
type Network struct {
	// Prefix is the block, with no bits set beyond its length. Addresses of
	// class Loopback, LinkLocal, Metadata, Multicast and Unspecified are opened
	// only by a prefix of full length (/32, /128) that names the one address.
	Prefix netip.Prefix
	// Ports are the ports in the block, 1 to 65535 each; none means 443 and 6443.
	Ports []uint16
}

// defaultPorts are where API servers listen: 443 behind load balancers and in
// the cluster, 6443 on control plane nodes.
func defaultPorts() []uint16 { return []uint16{443, 6443} }

// New checks a Config and compiles it. The error joins everything that is
// wrong, each with the entry and the next step.
func New(c Config) (*Policy, error) {
	_, err := tables()
	if err != nil {
		return nil, fmt.Errorf("embedded address tables: %w", err)
	}
	p := &Policy{
		names:    make(map[string]struct{}),
		literals: make(map[netip.Addr]struct{}),
		public:   c.AnyPublic,
		report:   lenience{hosts: c.ReportHosts, ports: c.ReportPorts},
		ports:    append(defaultPorts(), c.Ports...),
	}
	errs := []error{checkPorts("ports", c.Ports)}
	for _, h := range c.Hosts {
		errs = append(errs, p.addHost(h))
	}
	for _, s := range c.Suffixes {
		errs = append(errs, CheckSuffix(s))
		p.suffixes = append(p.suffixes, s)
	}
	for _, n := range c.Networks {
		errs = append(errs, CheckNetwork(n))
		if len(n.Ports) == 0 {
			n.Ports = defaultPorts()
		}
		p.networks = append(p.networks, Network{n.Prefix, slices.Clone(n.Ports)})
	}
	if err := errors.Join(errs...); err != nil {
		return nil, err
	}
	return p, nil
}

func (p *Policy) addHost(h string) error {
	if err := CheckHost(h); err != nil {
		return err
	}
	if a, ok := literal(h); ok {
		p.literals[a] = struct{}{}
	} else {
		p.names[h] = struct{}{}
	}
	return nil
}

// CheckHost checks one entry of Config.Hosts.
func CheckHost(h string) error {
	if a, err := netip.ParseAddr(h); err == nil {
		switch {
		case a.Zone() != "":
			return fmt.Errorf("host %q: an address with a zone is never allowed; write it without %%", h)
		case a.Is4In6():
			return fmt.Errorf("host %q: an IPv4-mapped address; write the IPv4 form %s", h, a.Unmap())
		case a.String() != h:
			return fmt.Errorf("host %q: not the canonical form; write %s", h, a)
		}
		return nil
	}
	switch fixed := strings.ToLower(strings.TrimSuffix(h, ".")); {
	case isName(h):
		return nil
	case fixed != h && isName(fixed):
		return fmt.Errorf("host %q: not the canonical form; write %s, lower-case and without a trailing dot", h, fixed)
	case strings.HasPrefix(h, "*"), strings.HasPrefix(h, "."):
		return fmt.Errorf("host %q: an exact host holds no pattern; write a suffix such as .example.com under suffixes", h)
	case strings.Contains(h, "/"):
		return fmt.Errorf("host %q: neither a URL nor an address block belongs here; write the host alone, or the block under networks", h)
	case strings.Contains(h, "["):
		return fmt.Errorf("host %q: brackets belong to URLs; write the IPv6 address without brackets and port", h)
	case strings.Contains(h, ":"):
		return fmt.Errorf("host %q: a port does not belong here; write the host alone, and its port under ports", h)
	default:
		return fmt.Errorf("host %q: not a DNS name or address; write a name such as api.example.com (IDN in its xn-- form) or an address such as 10.0.0.5", h)
	}
}

// CheckSuffix checks one entry of Config.Suffixes.
func CheckSuffix(s string) error {
	name, dotted := strings.CutPrefix(s, ".")
	switch {
	case !dotted:
		return fmt.Errorf("suffix %q: a suffix begins with a dot; write .example.com for every name below example.com", s)
	case !isName(name):
		return fmt.Errorf("suffix %q: not a dot and a lower-case DNS name; write a suffix such as .example.com", s)
	case Internal("x" + s):
		return fmt.Errorf("suffix %q: names inside a machine, cluster or cloud are allowed one by one; write each under exact", s)
	}
	return nil
}

// CheckNetwork checks one entry of Config.Networks.
func CheckNetwork(n Network) error {
	switch p := n.Prefix; {
	case !p.IsValid():
		return errors.New("network: not an address block; write one such as 10.0.0.0/8")
	case p.Addr().Is4In6():
		return fmt.Errorf("network %s: an IPv4-mapped block matches nothing; write the IPv4 block", p)
	case p != p.Masked():
		return fmt.Errorf("network %s: bits are set beyond the length; write %s", p, p.Masked())
	case !p.IsSingleIP() && opensNothing(p):
		return fmt.Errorf("network %s: %s addresses are opened one by one; write each with a full-length prefix, such as %s",
			p, Classify(p.Addr()), netip.PrefixFrom(p.Addr().Next(), p.Addr().BitLen()))
	default:
		return checkPorts(fmt.Sprintf("network %s: ports", p), n.Ports)
	}
}

// opensNothing reports whether all of p lies in a block whose addresses must be
// named one by one.
func opensNothing(p netip.Prefix) bool {
	rows, _ := tables()
	return slices.ContainsFunc(rows, func(r row) bool {
		return r.class.oneByOne() && r.block.Bits() <= p.Bits() && r.block.Contains(p.Addr())
	})
}

func checkPorts(what string, ports []uint16) error {
	if slices.Contains(ports, 0) {
		return fmt.Errorf("%s: 0 is no port; write 1 to 65535", what)
	}
	return nil
}
