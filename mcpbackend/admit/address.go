package admit

import (
	"net/http"
	"net/netip"
)

// externalAddress is where Envoy puts the client's address: with
// use_remote_address and no caller that counts as internal it takes away what a
// client sent and writes the address that xff_num_trusted_hops leads to.
const externalAddress = "X-Envoy-External-Address"

// The least networks that one client has to himself.
const (
	bits4 = 32
	bits6 = 64
)

// address is the client's network. Where Envoy's word does not count, or is not
// one address, it is that of the connection: too many then share one, and none
// has one that he made up.
func (d *door) address(r *http.Request) netip.Prefix {
	if d.TrustAddress {
		if said := r.Header.Values(externalAddress); len(said) == 1 {
			if a, err := netip.ParseAddr(said[0]); err == nil {
				return network(a)
			}
		}
	}
	peer, err := netip.ParseAddrPort(r.RemoteAddr)
	if err != nil {
		return netip.Prefix{} // a Unix socket
	}
	return network(peer.Addr())
}

func network(a netip.Addr) netip.Prefix {
	a = a.Unmap().WithZone("")
	bits := bits4
	if a.Is6() {
		bits = bits6
	}
	p, err := a.Prefix(bits)
	if err != nil {
		return netip.Prefix{} // not reached: both lengths fit
	}
	return p
}
