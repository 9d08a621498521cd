package ssrf

import (
	"net"
	"net/netip"
	"strings"
	"sync"
	"testing"

	"github.com/miekg/dns"
	"github.com/stretchr/testify/require"
)

// names is a DNS server on loopback whose answers are a test's.
type names struct {
	address string

	mu    sync.Mutex
	zones map[string]zone
	asked map[string]int
}

// zone answers one name: the n-th question about it, from 0, of a type. Its
// answers may not be kept.
type zone func(n int, qtype uint16) []string

// startNames serves over UDP and TCP until the test ends.
func startNames(tb testing.TB) *names {
	tb.Helper()
	n := &names{zones: map[string]zone{}, asked: map[string]int{}}
	packets, err := new(net.ListenConfig).ListenPacket(tb.Context(), "udp", "127.0.0.1:0")
	require.NoError(tb, err)
	n.address = packets.LocalAddr().String()
	streams, err := new(net.ListenConfig).Listen(tb.Context(), "tcp", n.address)
	require.NoError(tb, err)
	for _, server := range []*dns.Server{{PacketConn: packets, Handler: n}, {Listener: streams, Handler: n}} {
		done := make(chan error, 1)
		ready := make(chan struct{})
		server.NotifyStartedFunc = func() { close(ready) }
		go func() { done <- server.ActivateAndServe() }()
		<-ready
		tb.Cleanup(func() {
			require.NoError(tb, server.Shutdown())
			require.NoError(tb, <-done)
		})
	}
	return n
}

// set answers a name from now on.
func (n *names) set(name string, z zone) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.zones[name], n.asked[name] = z, 0
}

// questions is how often a name was asked for.
func (n *names) questions(name string) int {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.asked[name]
}

// ServeDNS is dns.Handler's.
func (n *names) ServeDNS(w dns.ResponseWriter, q *dns.Msg) {
	m := new(dns.Msg)
	m.SetReply(q)
	m.Authoritative = true
	if len(q.Question) == 1 {
		name := strings.TrimSuffix(strings.ToLower(q.Question[0].Name), ".")
		n.mu.Lock()
		z, ok := n.zones[name]
		count := n.asked[name]
		n.asked[name]++
		n.mu.Unlock()
		if !ok {
			m.Rcode = dns.RcodeNameError
		} else {
			m.Answer = records(q.Question[0].Name, z(count, q.Question[0].Qtype), q.Question[0].Qtype)
		}
	}
	_ = w.WriteMsg(m)
}

// records are answers as they go over the wire: addresses of the type that was
// asked for, and names as CNAMEs, each of which leads on.
func records(owner string, values []string, qtype uint16) []dns.RR {
	var out []dns.RR
	for _, v := range values {
		header := func(t uint16) dns.RR_Header { return dns.RR_Header{Name: owner, Rrtype: t, Class: dns.ClassINET} } // TTL 0
		address, err := netip.ParseAddr(v)
		switch {
		case err != nil:
			out = append(out, &dns.CNAME{Hdr: header(dns.TypeCNAME), Target: dns.Fqdn(v)})
			owner = dns.Fqdn(v)
		case address.Is4() && qtype == dns.TypeA:
			out = append(out, &dns.A{Hdr: header(dns.TypeA), A: address.AsSlice()})
		case address.Is6() && qtype == dns.TypeAAAA:
			out = append(out, &dns.AAAA{Hdr: header(dns.TypeAAAA), AAAA: address.AsSlice()})
		}
	}
	return out
}
