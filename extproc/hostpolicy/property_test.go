package hostpolicy

import (
	"net/netip"
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"
)

// someAddr draws addresses of which most lie in or beside a block of the tables.
func someAddr() *rapid.Generator[netip.Addr] {
	return rapid.Custom(func(t *rapid.T) netip.Addr {
		rows, _ := tables()
		base := rapid.SampledFrom(rows).Draw(t, "row").block.Addr()
		b := base.AsSlice()
		for range rapid.IntRange(0, 3).Draw(t, "changes") {
			b[rapid.IntRange(0, len(b)-1).Draw(t, "at")] = rapid.Byte().Draw(t, "byte")
		}
		a, _ := netip.AddrFromSlice(b)
		return a
	})
}

func mapped(a netip.Addr) netip.Addr { return netip.AddrFrom16(a.As16()) }

func TestMappedFormIsTheIPv4Address(t *testing.T) {
	p := mustNew(t, Config{
		AnyPublic: true, Hosts: []string{"api.example.com", "127.0.0.1"},
		Networks: []Network{network("10.0.0.0/9", 6443), network("127.0.0.2/32", 6443), network("0.0.0.0/0", 7443)},
	})
	rapid.Check(t, func(t *rapid.T) {
		a := someAddr().Filter(netip.Addr.Is4).Draw(t, "address")
		m := mapped(a)
		port := rapid.SampledFrom([]uint16{0, 80, 443, 6443, 7443}).Draw(t, "port")
		require.Equal(t, Classify(a), Classify(m))
		require.Equal(t, Classify(a), Classify(m.WithZone("eth0")))
		require.Equal(t, p.Host(a.String(), port), p.Host(m.String(), port))
		require.Equal(t, p.Address("api.example.com", netip.AddrPortFrom(a, port)), p.Address("api.example.com", netip.AddrPortFrom(m, port)))
		require.NotEqual(t, Allowed, p.Address("api.example.com", netip.AddrPortFrom(m.WithZone("eth0"), port)))
	})
}

// TestNoUnopenedClassIsAllowed draws a policy and an address and compares with
// what the documentation promises, written a second time and as plainly as can be.
func TestNoUnopenedClassIsAllowed(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		c := Config{AnyPublic: rapid.Bool().Draw(t, "any public"), Hosts: []string{"api.example.com"}}
		for range rapid.IntRange(0, 3).Draw(t, "networks") {
			a := someAddr().Draw(t, "network")
			if a.Is4In6() {
				continue
			}
			bits := rapid.SampledFrom([]int{0, 8, 16, 24, 31, a.BitLen()}).Draw(t, "bits")
			n := Network{Prefix: netip.PrefixFrom(a, bits).Masked(), Ports: []uint16{7443}}
			if CheckNetwork(n) == nil {
				c.Networks = append(c.Networks, n)
			}
		}
		p, err := New(c)
		require.NoError(t, err)
		a := someAddr().Draw(t, "address")
		if len(c.Networks) > 0 && rapid.Bool().Draw(t, "from a network") {
			a = c.Networks[0].Prefix.Addr()
		}
		class := Classify(a)
		covered, single := false, false
		for _, n := range c.Networks {
			covered = covered || n.Prefix.Contains(a.Unmap())
			single = single || n.Prefix.IsSingleIP() && n.Prefix.Addr() == a.Unmap()
		}
		for _, port := range []uint16{80, 443, 7443} {
			literal := p.Host(a.String(), port) == Allowed
			dialled := p.Address("api.example.com", netip.AddrPortFrom(a, port)) == Allowed
			mayByNetwork := port == 7443 && (single || covered && !class.oneByOne())
			require.Equal(t, mayByNetwork || c.AnyPublic && class == Public && port == 443, literal, "%s %s port %d", a, class, port)
			require.Equal(t, mayByNetwork || class == Public && port == 443, dialled, "%s %s port %d", a, class, port)
		}
	})
}
