package hostpolicy

import (
	"context"
	"fmt"
	"net/netip"
	"syscall"
)

// DialError is why a connection was refused before it was made. It names the
// class of the address and never the address, the host or the port: a caller
// chose them.
type DialError struct {
	Refusal Refusal
	Class   Class // of the address; zero if there was none to look at
}

// Error names the refusal and the class.
func (e *DialError) Error() string {
	return fmt.Sprintf("dial refused by the host policy: %s (%s address)", e.Refusal, e.Class)
}

// DialControl returns a function for net.Dialer.ControlContext that refuses, by
// a *DialError, every address that Address refuses for host. The dialer calls
// it for each address that it is about to connect to, after resolution, so no
// second look-up can change what was checked. Networks other than TCP are
// refused.
func (p *Policy) DialControl(host string) func(ctx context.Context, network, address string, _ syscall.RawConn) error {
	return func(_ context.Context, network, address string, _ syscall.RawConn) error {
		ap, err := netip.ParseAddrPort(address)
		if err != nil || network != "tcp4" && network != "tcp6" {
			return &DialError{Refusal: AddressNotAllowed}
		}
		if r := p.Address(host, ap); r != Allowed {
			return &DialError{Refusal: r, Class: Classify(ap.Addr())}
		}
		return nil
	}
}
