package kube

import (
	"context"
	"crypto/tls"
	"net"
	"net/http"
	"strings"
	"time"

	"kubernetes-mcp-edge/extproc/kubeheader"
)

// The limits of one connection to an API server.
const (
	dialTimeout           = 5 * time.Second
	handshakeTimeout      = 5 * time.Second
	responseHeaderTimeout = 10 * time.Second
	idleConnTimeout       = 60 * time.Second
	maxResponseHeaders    = 32 << 10
	maxConnsPerHost       = 8
	pingAfter             = 15 * time.Second
	pingTimeout           = 5 * time.Second
	streamWindow          = 1 << 20
)

// newTransport makes a transport that belongs to one caller and one server: its
// connections, handshakes and limits are shared with nobody. It is built here
// and not by client-go, whose transports come from a global cache, take proxies
// from the environment and decompress without a bound.
func newTransport(server kubeheader.ServerURL, tlsc *tls.Config, rules Rules) *http.Transport {
	dialer := &net.Dialer{
		Timeout: dialTimeout,
		// The Go resolver refuses 0177.0.0.1 and its like; libc's does not.
		Resolver: &net.Resolver{PreferGo: true, Dial: resolverDial(rules.DNS)},
		// Called for each address after resolution: no second look-up can change
		// what was judged.
		ControlContext: rules.Hosts.DialControl(server.Host()),
	}
	return &http.Transport{
		Proxy: nil,
		DialContext: func(ctx context.Context, network, address string) (net.Conn, error) {
			return dialer.DialContext(ctx, network, absolute(address))
		},
		TLSClientConfig:        tlsc,
		ForceAttemptHTTP2:      true,
		DisableCompression:     true,
		TLSHandshakeTimeout:    handshakeTimeout,
		ResponseHeaderTimeout:  responseHeaderTimeout,
		IdleConnTimeout:        idleConnTimeout,
		MaxResponseHeaderBytes: maxResponseHeaders,
		MaxConnsPerHost:        maxConnsPerHost,
		HTTP2: &http.HTTP2Config{
			SendPingTimeout:           pingAfter,
			PingTimeout:               pingTimeout,
			MaxReceiveBufferPerStream: streamWindow,
		},
	}
}

// resolverDial reaches the DNS server that the operator named, whichever the
// machine's configuration names; nil leaves it to that.
func resolverDial(server string) func(ctx context.Context, network, address string) (net.Conn, error) {
	if server == "" {
		return nil
	}
	return func(ctx context.Context, network, _ string) (net.Conn, error) {
		return new(net.Dialer).DialContext(ctx, network, server)
	}
}

// newUpgradingTransport is for requests that take their connection over. It
// speaks HTTP/1.1 alone, since HTTP/2 has no upgrade that API servers know, and
// keeps no connection: one on which an upgrade failed is never used again
// (CVE-2018-1002105).
func newUpgradingTransport(server kubeheader.ServerURL, tlsc *tls.Config, rules Rules) *http.Transport {
	t := newTransport(server, tlsc.Clone(), rules)
	t.ForceAttemptHTTP2, t.HTTP2 = false, nil
	t.Protocols = new(http.Protocols)
	t.Protocols.SetHTTP1(true)
	t.DisableKeepAlives = true
	return t
}

// absolute ends a public name with a dot, so that no search list of the machine
// (a pod has several) can turn it into another name. Single labels and names
// below .svc are what a search list is for; literals stay as they are.
func absolute(address string) string {
	host, port, err := net.SplitHostPort(address)
	if err != nil || !strings.Contains(host, ".") || strings.Contains(host, ":") ||
		strings.HasSuffix(host, ".svc") || strings.Trim(host, "0123456789.") == "" {
		return address
	}
	return net.JoinHostPort(host+".", port)
}
