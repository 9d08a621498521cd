package policy

import (
	"fmt"
	"net/netip"

	"kubernetes-mcp-edge/extproc/hostpolicy"
)

// deciding names the keys that allow a host and a port, or those that would
// have to be set. It asks the policy of each entry alone, so that it cannot
// disagree with what decides. For a host that nothing allows the key of the port
// may be "": nobody asked about it.
func (p *Policy) deciding(host string, port uint16) (hostKey, portKey string) {
	for _, e := range p.entries() {
		switch ask(e.config, host, port) {
		case hostpolicy.Allowed:
			return e.key, e.ports(usualPorts)
		case hostpolicy.PortNotAllowed:
			if key, ok := p.portOf(e.config, host, port); ok {
				return e.key, key
			}
			if hostKey == "" {
				hostKey, portKey = e.key, e.ports("ports")
			}
		case hostpolicy.HostNotAllowed, hostpolicy.AddressNotAllowed:
		}
	}
	if hostKey != "" {
		return hostKey, portKey
	}
	if a, err := netip.ParseAddr(host); err == nil && hostpolicy.Classify(a) != hostpolicy.Public {
		return "networks", "" // a block would bring its ports
	}
	public := hostpolicy.Config{AnyPublic: true} // what a host would be that hosts allows
	if ask(public, publicName, port) == hostpolicy.Allowed {
		return keyHosts, usualPorts
	}
	key, _ := p.portOf(public, publicName, port)
	return keyHosts, key
}

// publicName is a name that anyPublic allows.
const publicName = "api.example.com"

// entry is one item of the policy as a configuration of its own.
type entry struct {
	key    string
	config hostpolicy.Config
}

// entries are those that can allow a host, in the order of the file.
func (p *Policy) entries() []entry {
	c := p.config
	var out []entry
	for i, h := range c.Hosts {
		out = append(out, entry{fmt.Sprintf("hosts.exact[%d]", i), hostpolicy.Config{Hosts: []string{h}}})
	}
	for i, s := range c.Suffixes {
		out = append(out, entry{fmt.Sprintf("hosts.suffixes[%d]", i), hostpolicy.Config{Suffixes: []string{s}}})
	}
	if c.AnyPublic {
		out = append(out, entry{"hosts.anyPublic", hostpolicy.Config{AnyPublic: true}})
	}
	for i, n := range c.Networks {
		out = append(out, entry{fmt.Sprintf("networks[%d]", i), hostpolicy.Config{Networks: []hostpolicy.Network{n}}})
	}
	return out
}

// usualPorts stands for those that every policy has, in the place of a key.
const usualPorts = "443 and 6443"

// ports is the key of the ports that come with the entry: a network has its own.
func (e entry) ports(otherwise string) string {
	if len(e.config.Networks) > 0 {
		return e.key + ".ports"
	}
	return otherwise
}

// portOf finds the item elsewhere that adds the port to a host: one of ports,
// or the ports of a network for an exact name.
func (p *Policy) portOf(c hostpolicy.Config, host string, port uint16) (string, bool) {
	if len(c.Networks) > 0 {
		return "", false // a network's ports are its own
	}
	for i, extra := range p.config.Ports {
		c.Ports = []uint16{extra}
		if ask(c, host, port) == hostpolicy.Allowed {
			return fmt.Sprintf("ports[%d]", i), true
		}
	}
	c.Ports = nil
	for i, n := range p.config.Networks {
		c.Networks = []hostpolicy.Network{n}
		if ask(c, host, port) == hostpolicy.Allowed {
			return fmt.Sprintf("networks[%d].ports", i), true
		}
	}
	return "", false
}

// ask judges under a configuration that was part of one that is valid.
func ask(c hostpolicy.Config, host string, port uint16) hostpolicy.Refusal {
	p, err := hostpolicy.New(c)
	if err != nil {
		return hostpolicy.HostNotAllowed
	}
	return p.Host(host, port)
}
