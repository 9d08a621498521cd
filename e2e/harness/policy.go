package harness

import (
	"context"
	"fmt"
	"net"
	"net/netip"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"kubernetes-mcp-edge/extproc/hostpolicy"
)

// Policy returns a policy file that allows exactly these API servers and
// nothing else, over an ingress that speaks plain HTTP. A name is looked up: the
// addresses that it has now are opened, if they are not public.
func Policy(ctx context.Context, servers ...string) (string, error) {
	var hosts []string
	var ports []uint16
	var opened []netip.Prefix
	networks := map[netip.Prefix][]uint16{}
	for _, server := range servers {
		host, port, err := hostPort(server)
		if err != nil {
			return "", err
		}
		addresses, err := lookUp(ctx, host)
		if err != nil {
			return "", err
		}
		hosts, ports = once(hosts, host), once(ports, port)
		for _, a := range addresses {
			if a = a.Unmap().WithZone(""); hostpolicy.Classify(a) != hostpolicy.Public {
				one := netip.PrefixFrom(a, a.BitLen())
				opened = once(opened, one)
				networks[one] = once(networks[one], port)
			}
		}
	}
	var text strings.Builder
	text.WriteString("apiVersion: kubernetes-mcp-edge/v1\nkind: Policy\nplaintextIngress: allow\nhosts:\n  exact:\n")
	for _, host := range hosts {
		fmt.Fprintf(&text, "  - %q\n", host)
	}
	text.WriteString("ports:\n")
	for _, port := range ports {
		fmt.Fprintf(&text, "- %d\n", port)
	}
	if len(opened) > 0 {
		text.WriteString("networks:\n")
	}
	for _, network := range opened {
		fmt.Fprintf(&text, "- cidr: %s\n  ports: %s\n", network, strings.ReplaceAll(fmt.Sprint(networks[network]), " ", ", "))
	}
	return text.String(), nil
}

func hostPort(server string) (host string, port uint16, err error) {
	u, err := url.Parse(server)
	if err != nil {
		return "", 0, err
	}
	text := u.Port()
	if text == "" {
		text = "443"
	}
	number, err := strconv.ParseUint(text, 10, 16)
	if err != nil {
		return "", 0, fmt.Errorf("the port of %s: %w", server, err)
	}
	return u.Hostname(), uint16(number), nil
}

func lookUp(ctx context.Context, host string) ([]netip.Addr, error) {
	if literal, err := netip.ParseAddr(host); err == nil {
		return []netip.Addr{literal}, nil
	}
	return net.DefaultResolver.LookupNetIP(ctx, "ip", host)
}

// once adds what is not there: the policy file takes nothing twice.
func once[T comparable](all []T, one T) []T {
	if slices.Contains(all, one) {
		return all
	}
	return append(all, one)
}
