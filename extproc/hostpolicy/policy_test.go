package hostpolicy

import (
	"net/netip"
	"testing"

	"github.com/stretchr/testify/require"
)

func mustNew(t *testing.T, c Config) *Policy {
	t.Helper()
	p, err := New(c)
	require.NoError(t, err)
	return p
}

func network(prefix string, ports ...uint16) Network {
	return Network{Prefix: netip.MustParsePrefix(prefix), Ports: ports}
}

func TestNothingIsAllowedByDefault(t *testing.T) {
	for name, p := range map[string]*Policy{"nil": nil, "zero": {}, "no entries": mustNew(t, Config{}), "ports only": mustNew(t, Config{Ports: []uint16{8443}})} {
		require.True(t, p.Empty(), name)
		for _, host := range []string{"", "example.com", "8.8.8.8", "10.0.0.1", "localhost", "2606:4700::1111"} {
			require.Equal(t, HostNotAllowed, p.Host(host, 443), "%s: %s", name, host)
			require.Equal(t, HostNotAllowed, p.Address(host, netip.MustParseAddrPort("8.8.8.8:443")), "%s: %s", name, host)
		}
	}
	for name, c := range map[string]Config{
		"host": {Hosts: []string{"a.example.com"}}, "literal": {Hosts: []string{"10.0.0.1"}}, "suffix": {Suffixes: []string{".example.com"}},
		"any public": {AnyPublic: true}, "network": {Networks: []Network{network("10.0.0.0/8")}},
	} {
		require.False(t, mustNew(t, c).Empty(), name)
	}
}

func TestHostNames(t *testing.T) {
	exact := Config{Hosts: []string{"api.example.com", "kubernetes.default.svc", "kind-control-plane", "localhost", "metadata.google.internal"}}
	suffix := Config{Suffixes: []string{".example.com"}}
	public := Config{AnyPublic: true}
	for _, c := range []struct {
		config Config
		host   string
		want   Refusal
	}{
		{exact, "api.example.com", Allowed},
		{exact, "kubernetes.default.svc", Allowed},
		{exact, "kind-control-plane", Allowed},
		{exact, "localhost", Allowed},
		{exact, "metadata.google.internal", Allowed},
		{exact, "x.api.example.com", HostNotAllowed},
		{exact, "example.com", HostNotAllowed},
		{exact, "API.example.com", HostNotAllowed},
		{exact, "api.example.com.", HostNotAllowed},
		{exact, "kubernetes.default", HostNotAllowed},
		{suffix, "api.example.com", Allowed},
		{suffix, "a.b.example.com", Allowed},
		{suffix, "example.com", HostNotAllowed},
		{suffix, "badexample.com", HostNotAllowed},
		{suffix, ".example.com", HostNotAllowed},
		{suffix, "a..example.com", HostNotAllowed},
		{suffix, "-a.example.com", HostNotAllowed},
		{suffix, "a_b.example.com", HostNotAllowed},
		{suffix, "A.example.com", HostNotAllowed},
		{suffix, "api.example.com.", HostNotAllowed},
		{suffix, "api.example.com.attacker.net", HostNotAllowed},
		{suffix, "metadata.example.com", HostNotAllowed},
		{suffix, "instance-data.example.com", HostNotAllowed},
		{public, "example.com", Allowed},
		{public, "xn--bcher-kva.example", Allowed},
		{public, "com", HostNotAllowed},
		{public, "localhost", HostNotAllowed},
		{public, "a.localhost", HostNotAllowed},
		{public, "printer.local", HostNotAllowed},
		{public, "metadata.google.internal", HostNotAllowed},
		{public, "metadata-server.example.com", HostNotAllowed},
		{public, "instance-data", HostNotAllowed},
		{public, "instance-data.ec2.example.com", HostNotAllowed},
		{public, "kubernetes.default.svc", HostNotAllowed},
		{public, "kubernetes.default.svc.cluster.local", HostNotAllowed},
		{public, "example.com.", HostNotAllowed},
		{public, "EXAMPLE.com", HostNotAllowed},
		{public, "", HostNotAllowed},
		{public, ".", HostNotAllowed},
		// Forms that some resolver reads as 127.0.0.1.
		{public, "2130706433", HostNotAllowed},
		{public, "127.1", HostNotAllowed},
		{public, "0177.0.0.1", HostNotAllowed},
		{public, "0x7f.1", HostNotAllowed},
		{public, "0x7f.0x1", HostNotAllowed},
		{public, "１２７.0.0.1", HostNotAllowed},
		{public, "127。0。0。1", HostNotAllowed},
		{public, "①②⑦.0.0.1", HostNotAllowed},
		{public, "127.0.0.1.", HostNotAllowed},
		{public, "[::1]", HostNotAllowed},
	} {
		p := mustNew(t, c.config)
		require.Equal(t, c.want, p.Host(c.host, 443), "%q", c.host)
		if c.want != Allowed {
			require.Equal(t, c.want, p.Address(c.host, netip.MustParseAddrPort("8.8.8.8:443")), "%q", c.host)
		}
	}
}

func TestHostLiterals(t *testing.T) {
	named := Config{Hosts: []string{"8.8.8.8", "10.0.0.5", "127.0.0.1", "::1"}, Ports: []uint16{8443}}
	opened := Config{Networks: []Network{
		network("10.0.0.0/8", 6443), network("10.1.0.0/16", 8443), network("127.0.0.1/32", 7443), network("169.254.1.1/32"),
		network("0.0.0.0/0", 9443), network("::/0", 9443),
	}}
	public := Config{AnyPublic: true}
	for _, c := range []struct {
		config Config
		host   string
		port   uint16
		want   Refusal
	}{
		{named, "8.8.8.8", 443, Allowed},
		{named, "8.8.8.8", 8443, Allowed},
		{named, "8.8.8.8", 80, PortNotAllowed},
		{named, "8.8.4.4", 443, HostNotAllowed},
		{named, "10.0.0.5", 6443, Allowed},
		{named, "10.0.0.6", 6443, AddressNotAllowed},
		{named, "127.0.0.1", 443, Allowed},
		{named, "127.0.0.1", 80, PortNotAllowed},
		{named, "127.0.0.2", 443, AddressNotAllowed},
		{named, "::1", 443, Allowed},
		{named, "::ffff:127.0.0.1", 443, Allowed},
		{named, "::1%lo", 443, AddressNotAllowed},
		{opened, "10.0.0.5", 6443, Allowed},
		{opened, "10.0.0.5", 443, PortNotAllowed},
		{opened, "10.1.0.5", 8443, Allowed},
		{opened, "10.1.0.5", 6443, Allowed},
		{opened, "127.0.0.1", 7443, Allowed},
		{opened, "127.0.0.1", 9443, PortNotAllowed},
		{opened, "127.0.0.2", 9443, AddressNotAllowed},
		{opened, "127.0.0.2", 7443, AddressNotAllowed},
		{opened, "169.254.1.1", 6443, Allowed},
		{opened, "169.254.169.254", 9443, AddressNotAllowed},
		{opened, "168.63.129.16", 9443, AddressNotAllowed},
		{opened, "100.100.100.200", 9443, AddressNotAllowed},
		{opened, "224.0.0.1", 9443, AddressNotAllowed},
		{opened, "0.0.0.0", 9443, AddressNotAllowed},
		{opened, "0.0.0.1", 9443, AddressNotAllowed},
		{opened, "::", 9443, AddressNotAllowed},
		{opened, "::1", 9443, AddressNotAllowed},
		{opened, "fe80::1", 9443, AddressNotAllowed},
		{opened, "ff02::1", 9443, AddressNotAllowed},
		{opened, "fd00:ec2::254", 9443, AddressNotAllowed},
		{opened, "64:ff9b::a9fe:a9fe", 9443, AddressNotAllowed},
		{opened, "2002:7f00:1::1", 9443, AddressNotAllowed},
		{opened, "fd12::1", 9443, Allowed},
		{opened, "198.18.0.1", 9443, Allowed},
		{opened, "8.8.8.8", 9443, Allowed},
		{opened, "8.8.8.8", 443, PortNotAllowed},
		{public, "8.8.8.8", 443, Allowed},
		{public, "8.8.8.8", 0, PortNotAllowed},
		{public, "2606:4700::1111", 6443, Allowed},
		{public, "10.0.0.5", 443, AddressNotAllowed},
		{public, "::ffff:10.0.0.5", 443, AddressNotAllowed},
		{public, "168.63.129.16", 443, AddressNotAllowed},
	} {
		p := mustNew(t, c.config)
		require.Equal(t, c.want, p.Host(c.host, c.port), "%s port %d", c.host, c.port)
		addr := netip.AddrPortFrom(netip.MustParseAddr(c.host), c.port)
		require.Equal(t, c.want, p.Address(c.host, addr), "%s port %d", c.host, c.port)
	}
}
