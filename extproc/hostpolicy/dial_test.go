package hostpolicy

import (
	"context"
	"net"
	"net/netip"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// listen accepts on 127.0.0.1 and reports how many connections it saw.
func listen(t *testing.T) (addr netip.AddrPort, seen func() int) {
	t.Helper()
	l, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp4", "127.0.0.1:0")
	require.NoError(t, err)
	done := make(chan int)
	go func() {
		n := 0
		for {
			c, err := l.Accept()
			if err != nil {
				done <- n
				return
			}
			n++
			_ = c.Close()
		}
	}()
	seen = func() int { _ = l.Close(); return <-done }
	return netip.MustParseAddrPort(l.Addr().String()), seen
}

func dial(t *testing.T, p *Policy, host string, address string) error {
	t.Helper()
	d := net.Dialer{ControlContext: p.DialControl(host), Resolver: &net.Resolver{PreferGo: true}, Timeout: 10 * time.Second}
	c, err := d.DialContext(t.Context(), "tcp", address)
	if err != nil {
		return err
	}
	// The listener closes what it accepted and counted; one that waits still
	// would be lost when it ends.
	_, err = c.Read(make([]byte, 1))
	require.Error(t, err)
	return c.Close()
}

func TestDialRefusesByResolvedAddress(t *testing.T) {
	addr, seen := listen(t)
	port := addr.Port()
	for name, c := range map[string]struct {
		config Config
		host   string
		want   DialError
	}{
		"literal":                {Config{AnyPublic: true, Ports: []uint16{port}}, "127.0.0.1", DialError{AddressNotAllowed, Loopback}},
		"name":                   {Config{Hosts: []string{"localhost"}, Ports: []uint16{port}}, "localhost", DialError{AddressNotAllowed, Loopback}},
		"opened but for one":     {Config{Hosts: []string{"localhost"}, Networks: []Network{network("0.0.0.0/0", port), network("::/0", port)}}, "localhost", DialError{AddressNotAllowed, Loopback}},
		"wrong port":             {Config{Networks: []Network{network("127.0.0.1/32", port^1)}}, "127.0.0.1", DialError{PortNotAllowed, Loopback}},
		"host that nobody named": {Config{Hosts: []string{"api.example.com"}, Networks: []Network{network("127.0.0.1/32", port)}}, "localhost", DialError{HostNotAllowed, Loopback}},
	} {
		err := dial(t, mustNew(t, c.config), c.host, net.JoinHostPort(c.host, addr.String()[len("127.0.0.1:"):]))
		var refused *DialError
		require.ErrorAs(t, err, &refused, name)
		require.Equal(t, c.want, *refused, name)
	}
	require.Zero(t, seen(), "a refused dial must not reach the socket")
}

func TestDialConnectsWhereNamed(t *testing.T) {
	addr, seen := listen(t)
	p := mustNew(t, Config{Hosts: []string{"localhost"}, Networks: []Network{network("127.0.0.1/32", addr.Port())}})
	require.NoError(t, dial(t, p, "127.0.0.1", addr.String()))
	require.NoError(t, dial(t, p, "localhost", net.JoinHostPort("localhost", addr.String()[len("127.0.0.1:"):])))
	require.Equal(t, 2, seen())
}

func TestDialControlRefusesWhatItCannotRead(t *testing.T) {
	control := mustNew(t, Config{AnyPublic: true}).DialControl("example.com")
	require.NoError(t, control(context.Background(), "tcp4", "8.8.8.8:443", nil))
	require.NoError(t, control(context.Background(), "tcp6", "[2606:4700::1111]:443", nil))
	for _, c := range [][2]string{
		{"udp4", "8.8.8.8:443"}, {"unix", "/run/socket"}, {"tcp", "8.8.8.8:443"}, {"tcp4", "8.8.8.8"}, {"tcp4", "example.com:443"},
		{"tcp4", ""}, {"tcp6", "[fe80::1%eth0]:443"}, {"tcp6", "[2606:4700::1111%eth0]:443"},
	} {
		var refused *DialError
		require.ErrorAs(t, control(context.Background(), c[0], c[1], nil), &refused, "%s %s", c[0], c[1])
		require.Equal(t, AddressNotAllowed, refused.Refusal)
	}
}

func TestDialErrorNamesTheClassAlone(t *testing.T) {
	err := mustNew(t, Config{AnyPublic: true}).DialControl("example.com")(context.Background(), "tcp4", "169.254.169.254:443", nil)
	require.EqualError(t, err, "dial refused by the host policy: address not allowed (metadata address)")
	err = mustNew(t, Config{AnyPublic: true}).DialControl("example.com")(context.Background(), "tcp4", "8.8.8.8:22", nil)
	require.EqualError(t, err, "dial refused by the host policy: port not allowed (public address)")
}
