package hostpolicy

import (
	"net/netip"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestAddressesOfNames(t *testing.T) {
	p := mustNew(t, Config{
		Hosts:    []string{"api.example.com", "localhost", "10.0.0.9", "127.0.0.1"},
		Suffixes: []string{".example.org"},
		Networks: []Network{network("10.0.0.0/16", 7443), network("10.0.0.0/24", 6443), network("::1/128", 9443), network("8.8.8.0/24", 5443)},
		Ports:    []uint16{8443},
	})
	for _, c := range []struct {
		host, address string
		want          Refusal
	}{
		{"api.example.com", "8.8.8.8:443", Allowed},
		{"api.example.com", "8.8.8.8:8443", Allowed},
		{"api.example.com", "8.8.8.8:5443", Allowed}, // the network lists the pair
		{"api.example.com", "8.8.4.4:5443", PortNotAllowed},
		{"api.example.com", "8.8.4.4:80", PortNotAllowed},
		{"api.example.com", "8.8.4.4:0", PortNotAllowed},
		{"api.example.com", "10.0.0.1:6443", Allowed},
		{"api.example.com", "10.0.0.1:7443", Allowed},
		{"api.example.com", "[::ffff:10.0.0.1]:7443", Allowed},
		{"api.example.com", "10.0.1.1:7443", Allowed},
		{"api.example.com", "10.0.1.1:6443", PortNotAllowed},
		{"api.example.com", "10.0.0.1:443", PortNotAllowed},
		{"api.example.com", "10.1.0.1:6443", AddressNotAllowed},
		{"api.example.com", "192.168.0.1:443", AddressNotAllowed},
		{"api.example.com", "169.254.169.254:443", AddressNotAllowed},
		{"api.example.com", "[fe80::1%eth0]:443", AddressNotAllowed},
		{"api.example.com", "[2606:4700::1111%eth0]:443", AddressNotAllowed},
		// A literal under Hosts does not open its address to names.
		{"api.example.com", "10.0.0.9:443", PortNotAllowed},
		{"api.example.com", "127.0.0.1:443", AddressNotAllowed},
		{"localhost", "127.0.0.1:443", AddressNotAllowed},
		{"localhost", "[::1]:9443", Allowed},
		{"localhost", "[::1]:443", PortNotAllowed},
		// Below a suffix only the ports of names count at first sight.
		{"a.example.org", "10.0.0.1:6443", Allowed},
		{"a.example.org", "10.0.0.1:7443", PortNotAllowed},
		{"other.example.net", "8.8.8.8:443", HostNotAllowed},
		// A literal becomes itself and nothing else.
		{"10.0.0.9", "10.0.0.9:443", Allowed},
		{"10.0.0.9", "[::ffff:10.0.0.9]:443", Allowed},
		{"10.0.0.9", "8.8.8.8:443", AddressNotAllowed},
		{"10.0.0.9", "[::1]:6443", AddressNotAllowed},
	} {
		require.Equal(t, c.want, p.Address(c.host, netip.MustParseAddrPort(c.address)), "%s at %s", c.host, c.address)
	}
	require.NotEqual(t, Allowed, p.Address("api.example.com", netip.AddrPort{}))
	require.Equal(t, AddressNotAllowed, p.Address("api.example.com", netip.AddrPortFrom(netip.Addr{}, 443)))
}

func TestPortOfANetworkCountsForExactNames(t *testing.T) {
	p := mustNew(t, Config{Hosts: []string{"api.example.com"}, Suffixes: []string{".example.com"}, Networks: []Network{network("10.0.0.0/8", 7443)}})
	require.Equal(t, Allowed, p.Host("api.example.com", 7443))
	require.Equal(t, PortNotAllowed, p.Host("api.example.com", 7444))
	require.Equal(t, PortNotAllowed, p.Host("b.example.com", 7443))
	require.Equal(t, Allowed, p.Host("b.example.com", 6443))
}
