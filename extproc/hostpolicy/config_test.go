package hostpolicy

import (
	"net/netip"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestConfigErrorsNameEntryAndNextStep(t *testing.T) {
	host := func(h string) Config { return Config{Hosts: []string{h}} }
	suffix := func(s string) Config { return Config{Suffixes: []string{s}} }
	net := func(p string, ports ...uint16) Config {
		return Config{Networks: []Network{{Prefix: netip.MustParsePrefix(p), Ports: ports}}}
	}
	for _, c := range []struct {
		config Config
		want   string
	}{
		{host(""), `host "": not a DNS name`},
		{host("API.example.com."), "write api.example.com, lower-case and without a trailing dot"},
		{host("*.example.com"), "suffix such as .example.com"},
		{host(".example.com"), "suffix such as .example.com"},
		{host("https://api.example.com"), "write the host alone"},
		{host("10.0.0.0/8"), "under networks"},
		{host("[::1]"), "without brackets"},
		{host("api.example.com:6443"), "its port under ports"},
		{host("::ffff:10.0.0.1"), "write the IPv4 form 10.0.0.1"},
		{host("0:0:0:0:0:0:0:1"), "write ::1"},
		{host("fe80::1%eth0"), "zone"},
		{host("127.1"), "not a DNS name"},
		{host("a_b.example.com"), "not a DNS name"},
		{host("bücher.example"), "xn--"},
		{suffix("example.com"), "begins with a dot"},
		{suffix("*.example.com"), "begins with a dot"},
		{suffix("."), "not a dot and a lower-case DNS name"},
		{suffix(".Example.com"), "lower-case"},
		{suffix(".svc"), "one by one"},
		{suffix(".svc.cluster.local"), "one by one"},
		{suffix(".localhost"), "one by one"},
		{suffix(".google.internal"), "one by one"},
		{net("10.0.0.1/8"), "write 10.0.0.0/8"},
		{net("::ffff:10.0.0.0/104"), "write the IPv4 block"},
		{net("127.0.0.0/8"), "loopback addresses are opened one by one; write each with a full-length prefix, such as 127.0.0.1/32"},
		{net("169.254.0.0/16"), "link-local addresses are opened one by one"},
		{net("169.254.169.254/31"), "opened one by one"},
		{net("fe80::/64"), "link-local"},
		{net("ff02::/16"), "multicast"},
		{net("0.0.0.0/8"), "unspecified"},
		{net("10.0.0.0/8", 443, 0), "network 10.0.0.0/8: ports: 0 is no port"},
		{Config{Networks: []Network{{}}}, "write one such as 10.0.0.0/8"},
		{Config{Ports: []uint16{0}}, "ports: 0 is no port"},
	} {
		p, err := New(c.config)
		require.ErrorContains(t, err, c.want)
		require.Nil(t, p)
	}
}

func TestConfigReportsEverything(t *testing.T) {
	_, err := New(Config{Hosts: []string{"A"}, Suffixes: []string{"b"}, Ports: []uint16{0}})
	require.ErrorContains(t, err, `host "A"`)
	require.ErrorContains(t, err, `suffix "b"`)
	require.ErrorContains(t, err, "ports: 0")
}

func TestConfigIsCopied(t *testing.T) {
	ports, extra := []uint16{6443}, make([]uint16, 0, 8)
	c := Config{AnyPublic: true, Networks: []Network{network("10.0.0.0/8", ports...)}, Ports: extra}
	c.Networks[0].Ports = ports
	p := mustNew(t, c)
	ports[0] = 1
	_ = append(extra, 1)
	require.Equal(t, Allowed, p.Host("10.0.0.1", 6443))
	require.Equal(t, PortNotAllowed, p.Host("10.0.0.1", 1))
	require.Equal(t, PortNotAllowed, p.Host("example.com", 1))
}
