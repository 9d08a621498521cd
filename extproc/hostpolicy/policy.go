// Package hostpolicy decides which API servers may be reached: by name, literal
// and port at the edge, and by the resolved address at the moment of dialling
// in the backend. Both programs ask the same Policy, so a name that passed the
// edge still cannot lead the backend to an address that nobody opened.
package hostpolicy

import (
	"net/netip"
	"slices"
	"strings"
)

// Refusal says why a host or an address may not be reached. The zero Refusal is
// Allowed.
type Refusal uint8

// The refusals.
const (
	Allowed           Refusal = iota
	HostNotAllowed            // no entry of the policy allows the name or public literal
	PortNotAllowed            // the host or address is allowed, but on other ports
	AddressNotAllowed         // the address is not public and nothing opens it
)

// String is the refusal as words, for logs.
func (r Refusal) String() string {
	switch r {
	case Allowed:
		return "allowed"
	case HostNotAllowed:
		return "host not allowed"
	case PortNotAllowed:
		return "port not allowed"
	case AddressNotAllowed:
		return "address not allowed"
	default:
		return "unknown"
	}
}

// Policy is a compiled Config. It is safe for concurrent use. The nil and the
// zero Policy allow nothing.
type Policy struct {
	names    map[string]struct{}
	literals map[netip.Addr]struct{}
	suffixes []string
	public   bool
	networks []Network
	ports    []uint16
	report   lenience
}

// lenience says which refusals are only reported.
type lenience struct{ hosts, ports bool }

// Empty reports whether nothing at all is allowed.
func (p *Policy) Empty() bool {
	return p == nil || len(p.names)+len(p.literals)+len(p.suffixes)+len(p.networks) == 0 && !p.public
}

// Host decides on what a URL spells. The host is canonical: lower-case, without
// a trailing dot, IPv6 without brackets; any other spelling of a name is
// refused. The port of an exact name may also be one that only a Network lists:
// Address then insists on a pair that the Network really holds.
func (p *Policy) Host(host string, port uint16) Refusal {
	return p.host(host, port, lenience{})
}

// Enforced is Host without the refusals that the Config only reports: where
// Host refuses and Enforced does not, the request is let through and counted.
// ReportHosts lets through what AnyPublic would allow, ReportPorts any port of a
// name or of a Public address. Internal names, addresses that are not Public and
// the ports of a Network are enforced whatever is reported.
func (p *Policy) Enforced(host string, port uint16) Refusal {
	if p == nil {
		return HostNotAllowed
	}
	return p.host(host, port, p.report)
}

func (p *Policy) host(host string, port uint16, report lenience) Refusal {
	if p.Empty() && !report.hosts {
		return HostNotAllowed
	}
	report.ports = report.ports && port != 0
	if a, err := netip.ParseAddr(host); err == nil {
		return p.literal(a, port, report)
	}
	exact := p.exact(host)
	switch {
	case !exact && !p.matches(host, report):
		return HostNotAllowed
	case report.ports, slices.Contains(p.ports, port):
		return Allowed
	case exact && slices.ContainsFunc(p.networks, func(n Network) bool { return slices.Contains(n.Ports, port) }):
		return Allowed
	default:
		return PortNotAllowed
	}
}

// Address decides on the address that is about to be dialled for host, after
// resolution: it repeats Enforced and then asks whether this very address may be
// reached on this port. A literal host may only become itself. An address with
// a zone is refused.
//
// There is no reporting here. A host that was only let through because its
// refusal is reported reaches what any allowed name reaches, no more: Public
// addresses, and others where a Network opens them on this port.
func (p *Policy) Address(host string, ap netip.AddrPort) Refusal {
	if r := p.Enforced(host, ap.Port()); r != Allowed {
		return r
	}
	if ap.Addr().Zone() != "" || !ap.IsValid() {
		return AddressNotAllowed
	}
	a := canonical(ap.Addr())
	if spelt, ok := literal(host); ok {
		if spelt != a {
			return AddressNotAllowed
		}
		return Allowed // Enforced has judged this address already.
	}
	opened, onPort := p.opened(a, ap.Port())
	public := Classify(a) == Public
	switch {
	case onPort:
		return Allowed
	case public && (p.report.ports || slices.Contains(p.ports, ap.Port())):
		return Allowed
	case opened, public:
		return PortNotAllowed
	default:
		return AddressNotAllowed
	}
}

// literal is host for an address.
func (p *Policy) literal(a netip.Addr, port uint16, report lenience) Refusal {
	if a.Zone() != "" {
		return AddressNotAllowed
	}
	a = canonical(a)
	opened, onPort := p.opened(a, port)
	_, named := p.literals[a]
	public := Classify(a) == Public
	named = named || public && (p.public || report.hosts)
	switch {
	case onPort, named && slices.Contains(p.ports, port), named && public && report.ports:
		return Allowed
	case opened, named:
		return PortNotAllowed
	case public:
		return HostNotAllowed
	default:
		return AddressNotAllowed
	}
}

// opened reports whether a Network opens a on any port, and on this port.
func (p *Policy) opened(a netip.Addr, port uint16) (opened, onPort bool) {
	oneByOne := Classify(a).oneByOne()
	for _, n := range p.networks {
		if !n.Prefix.Contains(a) || oneByOne && !n.Prefix.IsSingleIP() {
			continue
		}
		opened = true
		if slices.Contains(n.Ports, port) {
			return true, true
		}
	}
	return opened, false
}

func (p *Policy) exact(name string) bool {
	_, ok := p.names[name]
	return ok
}

// matches reports whether a suffix or AnyPublic allows the name, or a report does.
func (p *Policy) matches(name string, report lenience) bool {
	if !isName(name) || Internal(name) {
		return false
	}
	return p.public || report.hosts || slices.ContainsFunc(p.suffixes, func(s string) bool { return strings.HasSuffix(name, s) })
}
