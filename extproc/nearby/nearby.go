// Package nearby opens the port of a program that trusts whoever reaches it:
// on loopback or as a Unix socket of this user, and beyond only with mutual TLS
// or when the operator says so in as many words.
package nearby

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"strings"
)

// unixPrefix marks a listen address as the path of a Unix socket.
const unixPrefix = "unix:"

// Port is what is to be opened, and why it has to stay on this machine.
type Port struct {
	// Address is host:port, where localhost means 127.0.0.1, or unix:PATH.
	Address string
	// Danger is what somebody who reaches the port could do, as a clause: it
	// explains the refusal and the warning.
	Danger string
	// TLS is set if the port asks its clients who they are (extproc/mtls): then
	// any address is allowed. Whoever serves on the listener has to use it.
	TLS *tls.Config
	// Insecure allows an address that other machines can reach, and a socket in a
	// directory where other users could put their own.
	Insecure bool
}

// Warning is what the log has to say about an insecure port; "" for another.
func (p Port) Warning() string {
	if !p.Insecure {
		return ""
	}
	return "--insecure-listen: " + p.Danger + "; let only Envoy reach it"
}

// Listen opens the port. The error is one sentence that says what to change.
func (p Port) Listen(ctx context.Context) (net.Listener, error) {
	if p.TLS != nil && p.Insecure {
		return nil, errors.New("--insecure-listen and the --tls flags exclude each other: drop --insecure-listen")
	}
	address := p.Address
	if path, ok := strings.CutPrefix(address, unixPrefix); ok {
		return p.listenUnix(ctx, path)
	}
	host, port, err := net.SplitHostPort(address)
	if err != nil {
		return nil, fmt.Errorf("listen address %q: write it as host:port or unix:PATH", address)
	}
	if host == "localhost" {
		host = "127.0.0.1" // not whatever the resolver makes of the name
	}
	if p.TLS == nil && !p.Insecure && !loopback(host) {
		return nil, fmt.Errorf("refusing to listen on %s: %s; use a loopback address or unix:PATH, or mutual TLS "+
			"(--tls-certificate, --tls-key, --tls-client-ca and --tls-client-san), or pass --insecure-listen if only Envoy can reach this address", address, p.Danger)
	}
	listener, err := new(net.ListenConfig).Listen(ctx, "tcp", net.JoinHostPort(host, port))
	if err != nil {
		return nil, fmt.Errorf("listen on %s: %w", address, err)
	}
	return listener, nil
}

func loopback(host string) bool {
	ip, err := netip.ParseAddr(host)
	return err == nil && ip.Unmap().IsLoopback()
}
