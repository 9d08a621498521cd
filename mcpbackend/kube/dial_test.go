package kube

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"net/url"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"kubernetes-mcp-edge/extproc/hostpolicy"
)

// TestDialPolicy has the backend refuse an address that the edge let through: a
// name that resolves to loopback, and a literal of another policy.
func TestDialPolicy(t *testing.T) {
	h, e := newHostile(t, plain), newEdge(t)
	public, err := hostpolicy.New(hostpolicy.Config{Hosts: []string{"localhost"}, Networks: []hostpolicy.Network{
		{Prefix: netip.MustParsePrefix("10.0.0.0/8"), Ports: []uint16{h.Listener.Addr().(interface{ AddrPort() netip.AddrPort }).AddrPort().Port()}},
	}})
	require.NoError(t, err)
	clients := newClients(t, func(c *Config) { c.Rules = func() Rules { return Rules{Hosts: public, Generation: "2"} } })
	client, err := clients.For(t.Context(), e.caller(t, h.headers("CANARY-token")...), decision)
	require.NoError(t, err)
	_, err = client.ServerVersion(within(t, 5*time.Second))
	require.Equal(t, Refused, trouble(t, err))
	var refused *hostpolicy.DialError
	require.ErrorAs(t, err, &refused)
	require.Zero(t, h.connections.Load(), "refused before the first packet")
}

// TestNetworkTroubles names what a person can look at.
func TestNetworkTroubles(t *testing.T) {
	closed := newHostile(t, plain)
	headers := closed.headers("alice-token")
	closed.Close()
	client, err := newClients(t).For(t.Context(), newEdge(t).caller(t, headers...), decision)
	require.NoError(t, err)
	_, err = client.ServerVersion(within(t, 5*time.Second))
	require.Equal(t, Unreached, trouble(t, err))
}

// TestNetworkErrors has those that no test server can make.
func TestNetworkErrors(t *testing.T) {
	for _, test := range []struct {
		err  error
		want Trouble
	}{
		{&net.OpError{Op: "dial", Err: &net.DNSError{Err: "no such host", Name: "CANARY.example.com", IsNotFound: true}}, Unresolved},
		{&net.OpError{Op: "dial", Err: &net.DNSError{Err: "timeout", IsTimeout: true}}, Deadline},
		{&net.OpError{Op: "remote error", Err: tls.AlertError(42)}, Untrusted},
		{&url.Error{Op: "Get", URL: "https://CANARY", Err: tls.RecordHeaderError{Msg: "not TLS"}}, Untrusted},
		{fmt.Errorf("x: %w", x509.UnknownAuthorityError{}), Untrusted},
		{context.Canceled, Canceled},
		{context.DeadlineExceeded, Deadline},
		{errors.New("CANARY of a kind that nobody knows"), Unreached},
	} {
		got := networkError(test.err)
		require.Equal(t, test.want, got.Trouble, test.err)
		require.NotContains(t, got.Error(), "CANARY")
		require.ErrorIs(t, got, test.err)
	}
}

// TestAbsolute keeps search lists away from public names.
func TestAbsolute(t *testing.T) {
	for in, want := range map[string]string{
		"api.example.com:6443":       "api.example.com.:6443",
		"kubernetes.default.svc:443": "kubernetes.default.svc:443",
		"kind-control-plane:6443":    "kind-control-plane:6443",
		"127.0.0.1:6443":             "127.0.0.1:6443",
		"[2001:db8::1]:443":          "[2001:db8::1]:443",
		"no port":                    "no port",
	} {
		require.Equal(t, want, absolute(in))
	}
}
