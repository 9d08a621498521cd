package hostpolicy

import (
	"fmt"
	"net/netip"
	"testing"

	"github.com/stretchr/testify/require"
)

// TestEnforced: what is only reported passes as far as AnyPublic and an open
// port list would let it, and not a step further.
func TestEnforced(t *testing.T) {
	base := Config{
		Hosts:    []string{"api.example.com", "10.0.0.9", "localhost"},
		Networks: []Network{network("10.1.0.0/16", 6443), network("127.0.0.1/32", 6443)},
	}
	hosts, ports, both := base, base, base
	hosts.ReportHosts, ports.ReportPorts = true, true
	both.ReportHosts, both.ReportPorts = true, true
	for _, c := range []struct {
		host                string
		port                uint16
		said                Refusal // by Host, whatever is reported
		hosts, ports, whole Refusal // by Enforced
	}{
		{"api.example.com", 443, Allowed, Allowed, Allowed, Allowed},
		{"api.example.com", 22, PortNotAllowed, PortNotAllowed, Allowed, Allowed},
		{"api.example.com", 0, PortNotAllowed, PortNotAllowed, PortNotAllowed, PortNotAllowed},
		{"other.example.net", 443, HostNotAllowed, Allowed, HostNotAllowed, Allowed},
		{"other.example.net", 22, HostNotAllowed, PortNotAllowed, HostNotAllowed, Allowed},
		{"8.8.8.8", 443, HostNotAllowed, Allowed, HostNotAllowed, Allowed},
		{"8.8.8.8", 22, HostNotAllowed, PortNotAllowed, HostNotAllowed, Allowed},
		{"8.8.8.8", 0, HostNotAllowed, PortNotAllowed, HostNotAllowed, PortNotAllowed},
		{"2606:4700::1111", 443, HostNotAllowed, Allowed, HostNotAllowed, Allowed},
		// Names that mean something only inside.
		{"kubernetes.default.svc", 443, HostNotAllowed, HostNotAllowed, HostNotAllowed, HostNotAllowed},
		{"metadata.google.internal", 443, HostNotAllowed, HostNotAllowed, HostNotAllowed, HostNotAllowed},
		{"printer", 443, HostNotAllowed, HostNotAllowed, HostNotAllowed, HostNotAllowed},
		{"a.localhost", 443, HostNotAllowed, HostNotAllowed, HostNotAllowed, HostNotAllowed},
		{"Other.example.net", 443, HostNotAllowed, HostNotAllowed, HostNotAllowed, HostNotAllowed},
		{"", 443, HostNotAllowed, HostNotAllowed, HostNotAllowed, HostNotAllowed},
		// Addresses that are not public, opened on a port or not at all.
		{"10.1.0.1", 6443, Allowed, Allowed, Allowed, Allowed},
		{"10.1.0.1", 22, PortNotAllowed, PortNotAllowed, PortNotAllowed, PortNotAllowed},
		{"10.0.0.9", 22, PortNotAllowed, PortNotAllowed, PortNotAllowed, PortNotAllowed},
		{"127.0.0.1", 22, PortNotAllowed, PortNotAllowed, PortNotAllowed, PortNotAllowed},
		{"192.168.0.1", 443, AddressNotAllowed, AddressNotAllowed, AddressNotAllowed, AddressNotAllowed},
		{"169.254.169.254", 443, AddressNotAllowed, AddressNotAllowed, AddressNotAllowed, AddressNotAllowed},
		{"168.63.129.16", 443, AddressNotAllowed, AddressNotAllowed, AddressNotAllowed, AddressNotAllowed},
		{"::1", 443, AddressNotAllowed, AddressNotAllowed, AddressNotAllowed, AddressNotAllowed},
		{"fe80::1%eth0", 443, AddressNotAllowed, AddressNotAllowed, AddressNotAllowed, AddressNotAllowed},
	} {
		for _, p := range []*Policy{mustNew(t, base), mustNew(t, hosts), mustNew(t, ports), mustNew(t, both)} {
			require.Equal(t, c.said, p.Host(c.host, c.port), "Host %s %d", c.host, c.port)
		}
		require.Equal(t, c.said, mustNew(t, base).Enforced(c.host, c.port), "nothing is reported: %s %d", c.host, c.port)
		require.Equal(t, c.hosts, mustNew(t, hosts).Enforced(c.host, c.port), "hosts are: %s %d", c.host, c.port)
		require.Equal(t, c.ports, mustNew(t, ports).Enforced(c.host, c.port), "ports are: %s %d", c.host, c.port)
		require.Equal(t, c.whole, mustNew(t, both).Enforced(c.host, c.port), "both are: %s %d", c.host, c.port)
	}
	require.Equal(t, HostNotAllowed, (*Policy)(nil).Enforced("api.example.com", 443))
}

// TestReportedHostsDialLikeAllowedOnes: with everything reported, no address
// that is not public can be reached but by an entry of Networks that opens it,
// whatever a reported name resolves to.
func TestReportedHostsDialLikeAllowedOnes(t *testing.T) {
	p := mustNew(t, Config{ReportHosts: true, ReportPorts: true, Networks: []Network{network("10.1.0.0/16", 6443), network("0.0.0.0/0", 9443)}})
	for _, c := range []struct {
		address string
		want    Refusal
	}{
		{"8.8.8.8:443", Allowed},
		{"8.8.8.8:22", Allowed},
		{"[2606:4700::1111]:443", Allowed},
		{"10.1.0.1:6443", Allowed},
		{"10.1.0.1:22", PortNotAllowed},
		{"10.1.0.1:443", PortNotAllowed},
		{"10.2.0.1:9443", Allowed}, // the whole of IPv4 is opened on this port
		{"[fd00::1]:443", AddressNotAllowed},
		{"127.0.0.1:9443", AddressNotAllowed}, // but for what is opened one by one
		{"127.0.0.1:443", AddressNotAllowed},
		{"[::1]:443", AddressNotAllowed},
		{"[::ffff:127.0.0.1]:443", AddressNotAllowed},
		{"169.254.169.254:443", AddressNotAllowed},
		{"169.254.169.254:9443", AddressNotAllowed},
		{"[::ffff:169.254.169.254]:443", AddressNotAllowed},
		{"[64:ff9b::a9fe:a9fe]:443", AddressNotAllowed},
		{"168.63.129.16:443", AddressNotAllowed},
		{"0.0.0.0:443", AddressNotAllowed},
		{"224.0.0.1:443", AddressNotAllowed},
		{"[2606:4700::1111%eth0]:443", AddressNotAllowed},
	} {
		require.Equal(t, c.want, p.Address("rebinding.example.net", netip.MustParseAddrPort(c.address)), c.address)
	}
	require.Equal(t, HostNotAllowed, p.Address("kubernetes.default.svc", netip.MustParseAddrPort("10.1.0.1:6443")))
	require.Equal(t, AddressNotAllowed, p.Address("8.8.8.8", netip.MustParseAddrPort("8.8.4.4:443")), "a literal becomes itself alone")
}

// TestReportNeverWidensClasses: over every row of the tables, both reports
// together open not one address more than no report.
func TestReportNeverWidensClasses(t *testing.T) {
	strict := mustNew(t, Config{AnyPublic: true})
	lenient := mustNew(t, Config{AnyPublic: true, ReportHosts: true, ReportPorts: true})
	rows, err := readTables()
	require.NoError(t, err)
	for _, r := range rows {
		for _, a := range []netip.Addr{r.block.Addr(), r.block.Addr().Next()} {
			if !a.IsValid() || Classify(a) == Public {
				continue
			}
			for _, port := range []uint16{443, 80} {
				ap := netip.AddrPortFrom(a, port)
				require.NotEqual(t, Allowed, strict.Address("a.example.com", ap), "%s", ap)
				require.Equal(t, AddressNotAllowed, lenient.Address("a.example.com", ap), "%s", ap)
				require.NotEqual(t, Allowed, lenient.Enforced(fmt.Sprint(canonical(a)), port), "%s", ap)
			}
		}
	}
}
