package hostpolicy

import (
	"context"
	"errors"
	"net"
	"net/netip"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"

	"kubernetes-mcp-edge/extproc/trial"
)

// fuzzed is a policy of every kind of entry, and the same data in plain sight.
var fuzzed = Config{
	AnyPublic: true, Hosts: []string{"api.example.com", "kubernetes.default.svc", "localhost", "10.1.1.1", "127.0.0.1", "::1"},
	Suffixes: []string{".example.org"}, Ports: []uint16{8443},
	Networks: []Network{
		{netip.MustParsePrefix("0.0.0.0/0"), []uint16{7443}}, {netip.MustParsePrefix("::/0"), []uint16{7443}},
		{netip.MustParsePrefix("10.0.0.0/9"), []uint16{6443}}, {netip.MustParsePrefix("fd00::/8"), []uint16{6443}},
		{netip.MustParsePrefix("127.0.0.2/32"), []uint16{6443}}, {netip.MustParsePrefix("169.254.1.1/32"), []uint16{6443}},
	},
}

// FuzzAddressPolicy takes a host and a port as a URL spells them and an address
// as the resolver may return it. IPv4 and its IPv4-mapped form are judged alike;
// no address is allowed that nothing opens; and what Go's own dialer would
// connect to for the host is judged before it connects, by the same rule.
func FuzzAddressPolicy(f *testing.F) {
	rules := map[bool]*Policy{}
	for _, public := range []bool{false, true} {
		c := fuzzed
		c.AnyPublic = public
		p, err := New(c)
		require.NoError(f, err)
		rules[public] = p
	}
	f.Fuzz(func(t *testing.T, public bool, host string, port uint16, resolved []byte) {
		if len(host) > 4096 {
			return
		}
		p := rules[public]
		trial.Within(t, func() { p.Host(host, port) })
		if a, ok := netip.AddrFromSlice(resolved); ok {
			ap := netip.AddrPortFrom(a, port)
			judged(t, p, public, host, ap, p.Address(host, ap))
			if a.Is4() {
				m := netip.AddrFrom16(a.As16())
				require.Equal(t, Classify(a), Classify(m))
				require.Equal(t, p.Address(host, ap), p.Address(host, netip.AddrPortFrom(m, port)))
				require.Equal(t, p.Host(a.String(), port), p.Host(m.String(), port))
			}
			judged(t, p, public, a.String(), ap, p.Host(a.String(), port))
		}
		dialled, reached := wouldDial(t, p, host, port)
		for _, ap := range dialled {
			judged(t, p, public, host, ap, p.Address(host, ap))
			require.Equal(t, p.Address(host, ap) == Allowed, slices.Contains(reached, ap), "the dialer and the policy differ")
		}
		for _, ap := range reached {
			require.Contains(t, dialled, ap)
			require.Equal(t, Allowed, p.Host(host, port), "dialled, though the edge refuses the host")
			if spelt, err := netip.ParseAddr(host); err == nil {
				require.Equal(t, spelt.Unmap(), ap.Addr().Unmap(), "a literal was dialled as another address")
			}
		}
	})
}

// judged is the rule, written a second time and as plainly as can be.
func judged(t *testing.T, p *Policy, public bool, host string, ap netip.AddrPort, got Refusal) {
	t.Helper()
	if got != Allowed {
		return
	}
	a, port := ap.Addr().Unmap(), ap.Port()
	require.Equal(t, Allowed, p.Host(host, port), "an address is allowed for a host that is not")
	require.Empty(t, a.Zone())
	usual := port == 443 || port == 6443 || port == 8443
	if _, err := netip.ParseAddr(host); err == nil && usual && slices.Contains(fuzzed.Hosts, a.String()) {
		return // this very literal is listed
	}
	for _, n := range fuzzed.Networks {
		if n.Prefix.Contains(a) && slices.Contains(n.Ports, port) && (n.Prefix.IsSingleIP() || !Classify(a).oneByOne()) {
			return
		}
	}
	_, literal := netip.ParseAddr(host)
	require.Equal(t, Public, Classify(a), "%s is not public and nothing opens it", a)
	require.True(t, usual, "port %d", port)
	require.True(t, public || literal != nil, "a public literal that nothing allows")
	require.True(t, a.IsGlobalUnicast() && !a.IsPrivate() && !a.IsLoopback() && !a.IsLinkLocalUnicast(), "%s: net/netip differs", a)
}

var errStop = errors.New("far enough")

// wouldDial has Go's dialer do all but connect: it returns the addresses that it was
// about to connect to and those that DialControl let it reach. Names are looked
// up in the hosts file alone.
func wouldDial(t *testing.T, p *Policy, host string, port uint16) (dialled, reached []netip.AddrPort) {
	t.Helper()
	control := p.DialControl(host)
	d := net.Dialer{
		FallbackDelay: -1, // one address after the other
		Resolver: &net.Resolver{PreferGo: true, Dial: func(context.Context, string, string) (net.Conn, error) {
			return nil, errStop
		}},
		ControlContext: func(ctx context.Context, network, address string, c syscall.RawConn) error {
			refusal := control(ctx, network, address, c)
			ap, err := netip.ParseAddrPort(address)
			if err != nil { // ":443", which the dialer makes of an empty host: this machine
				require.Error(t, refusal)
				return errStop
			}
			dialled = append(dialled, ap)
			if refusal == nil {
				reached = append(reached, ap)
			}
			return errStop
		},
	}
	if strings.ContainsAny(host, "\x00") { // no host file and no resolver knows it
		return nil, nil
	}
	conn, err := d.DialContext(t.Context(), "tcp", net.JoinHostPort(host, strconv.Itoa(int(port))))
	require.Error(t, err)
	require.Nil(t, conn)
	return dialled, reached
}

// TestCorpus: a target without seeds would pass.
func TestCorpus(t *testing.T) { trial.Corpus(t, "FuzzAddressPolicy") }
