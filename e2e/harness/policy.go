package harness

import (
	"context"
	"fmt"
	"net"
	"net/netip"
	"net/url"
	"strconv"
	"strings"

	"kubernetes-mcp-edge/extproc/hostpolicy"
)

// Policy returns a policy file that allows exactly these API servers and
// nothing else, over an ingress that speaks plain HTTP. A name is looked up: the
// addresses that it has now are opened, if they are not public.
func Policy(ctx context.Context, servers ...string) (string, error) {
	var exact, ports, networks strings.Builder
	for _, server := range servers {
		u, err := url.Parse(server)
		if err != nil {
			return "", err
		}
		host, port := u.Hostname(), u.Port()
		if port == "" {
			port = "443"
		}
		number, err := strconv.ParseUint(port, 10, 16)
		if err != nil {
			return "", fmt.Errorf("the port of %s: %w", server, err)
		}
		addresses := []netip.Addr{}
		if literal, err := netip.ParseAddr(host); err == nil {
			addresses = append(addresses, literal)
		} else if addresses, err = net.DefaultResolver.LookupNetIP(ctx, "ip", host); err != nil {
			return "", err
		}
		fmt.Fprintf(&exact, "  - %q\n", host)
		fmt.Fprintf(&ports, "- %d\n", number)
		for _, a := range addresses {
			if a = a.Unmap().WithZone(""); hostpolicy.Classify(a) != hostpolicy.Public {
				fmt.Fprintf(&networks, "- cidr: %s\n  ports: [%d]\n", netip.PrefixFrom(a, a.BitLen()), number)
			}
		}
	}
	text := "apiVersion: kubernetes-mcp-edge/v1\nkind: Policy\nplaintextIngress: allow\n" +
		"hosts:\n  exact:\n" + exact.String() + "ports:\n" + ports.String()
	if networks.Len() > 0 {
		text += "networks:\n" + networks.String()
	}
	return text, nil
}
