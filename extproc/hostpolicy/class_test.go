package hostpolicy

import (
	"net/netip"
	"testing"

	"github.com/stretchr/testify/require"
)

// classes lists addresses at and beside every border that other filters got
// wrong: 0/8 beyond 0.0.0.0, 192.0.0.192, 198.18/15, 240/4, IPv4 inside IPv6,
// site-local, zones, cloud metadata in public ranges.
var classes = map[Class][]string{
	Public: {
		"1.1.1.1", "8.8.8.8", "9.255.255.255", "11.0.0.0", "100.63.255.255", "100.128.0.0", "126.255.255.255", "128.0.0.0",
		"168.63.129.15", "168.63.129.17", "169.253.255.255", "169.255.0.0", "172.15.255.255", "172.32.0.0", "191.255.255.255",
		"192.0.1.0", "192.0.3.0", "192.88.98.255", "192.167.255.255", "192.169.0.0", "198.17.255.255", "198.20.0.0",
		"203.0.112.255", "203.0.114.0", "223.255.255.255",
		"2000::1", "2001:200::1", "2001:4860:4860::8888", "2001:db7:ffff::1", "2001:db9::1", "2003::1", "2606:4700::1111",
		"2620:4f:7fff::1", "2620:4f:8001::1", "2a00::1", "3ffe:ffff::1", "3fff:1000::1", "::ffff:8.8.8.8",
	},
	Private: {
		"10.0.0.0", "10.255.255.255", "100.64.0.0", "100.100.100.199", "100.100.100.201", "100.127.255.255",
		"172.16.0.0", "172.31.255.255", "192.168.0.0", "192.168.255.255", "::ffff:10.0.0.1", "::ffff:a00:1",
		"fc00::", "fd00:ec2::253", "fd20:ce::253", "fdff:ffff:ffff:ffff:ffff:ffff:ffff:ffff",
	},
	Loopback: {
		"127.0.0.0", "127.0.0.1", "127.1.2.3", "127.255.255.255", "::1", "::1%lo", "::ffff:127.0.0.1", "::ffff:7f00:1", "::ffff:127.0.0.1%lo",
		"::127.0.0.1", "64:ff9b::127.0.0.1", "64:ff9b::7f00:1", "2002:7f00:1::", "2002:7f00:1::1",
	},
	LinkLocal: {
		"169.254.0.0", "169.254.169.253", "169.254.169.255", "169.254.255.255", "fe80::", "fe80::1", "fe80::1%eth0", "febf:ffff::1",
		"::ffff:169.254.1.1", "64:ff9b::169.254.1.1",
	},
	Metadata: {
		"169.254.169.254", "::ffff:169.254.169.254", "::ffff:a9fe:a9fe", "169.254.170.2", "169.254.170.23", "169.254.42.42", "168.63.129.16",
		"100.100.100.200", "192.0.0.192", "fd00:ec2::254", "fd00:ec2::23", "fd00:ec2::254%eth0", "fd20:ce::254", "fd00:42::42",
		"fe80::a9fe:a9fe", "fe80::a9fe:a9fe%eth0", "64:ff9b::a9fe:a9fe", "64:ff9b::168.63.129.16", "2002:a9fe:a9fe::1", "::169.254.169.254",
	},
	Multicast:   {"224.0.0.0", "224.0.0.1", "239.255.255.255", "ff00::", "ff02::1", "ff02::1%eth0", "ff0e::1", "::ffff:224.0.0.1"},
	Unspecified: {"0.0.0.0", "0.0.0.1", "0.255.255.255", "::", "::ffff:0.0.0.0", "64:ff9b::", "64:ff9b::0.0.0.1", "2002::"},
	Reserved: {
		"192.0.0.0", "192.0.0.8", "192.0.0.9", "192.0.0.10", "192.0.0.170", "192.0.0.191", "192.0.0.255", "192.0.2.1", "192.31.196.1",
		"192.52.193.1", "192.88.99.1", "192.175.48.1", "198.18.0.0", "198.19.255.255", "198.51.100.1", "203.0.113.1",
		"240.0.0.0", "240.0.0.1", "255.255.255.254", "255.255.255.255", "::8.8.8.8", "::ffff:0:8.8.8.8", "64:ff9b::8.8.8.8", "64:ff9b::10.0.0.1",
		"64:ff9b:1::1", "64:ff9b:1:ffff:ffff:ffff:ffff:ffff", "64:ff9a::1", "100::1", "100:0:0:1::1", "1fff:ffff::1", "2001::1", "2001:0:4136:e378:8000:63bf:3fff:fdd2",
		"2001:1::1", "2001:2::1", "2001:3::1", "2001:10::1", "2001:20::1", "2001:30::1", "2001:1ff:ffff::1", "2001:db8::1", "2002:808:808::1",
		"2620:4f:8000::1", "3fff::1", "3fff:fff:ffff::1", "4000::1", "5f00::1", "8000::1", "fbff::1", "fe00::1", "fec0::", "fec0::1", "feff::1",
	},
}

func TestClassify(t *testing.T) {
	n := 0
	for want, addresses := range classes {
		for _, s := range addresses {
			n++
			require.Equal(t, want, Classify(netip.MustParseAddr(s)), "%s is not %s", s, want)
		}
	}
	require.Greater(t, n, 100)
	require.Equal(t, Reserved, Classify(netip.Addr{}))
}

func TestClassNames(t *testing.T) {
	for class := range classes {
		require.NotEqual(t, "unknown", class.String())
	}
	require.Equal(t, "link-local", LinkLocal.String())
	require.Equal(t, "unknown", Class(0).String())
	require.Equal(t, "unknown", Class(200).String())
	for r := Allowed; r <= AddressNotAllowed; r++ {
		require.NotEqual(t, "unknown", r.String())
	}
	require.Equal(t, "unknown", Refusal(200).String())
}
