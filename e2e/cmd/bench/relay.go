package main

import (
	"context"
	"io"
	"net"
	"sync"
	"sync/atomic"
)

// relay passes bytes on to another address, and counts connections: each of them
// begins with one TLS handshake.
type relay struct {
	listener    net.Listener
	to          string
	connections atomic.Int64
	running     sync.WaitGroup
}

// startRelay listens on a free loopback port.
func startRelay(ctx context.Context, to string) (*relay, error) {
	l, err := new(net.ListenConfig).Listen(ctx, "tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	r := &relay{listener: l, to: to}
	r.running.Go(func() {
		for {
			near, err := l.Accept()
			if err != nil {
				return
			}
			r.connections.Add(1)
			r.running.Go(func() { r.pass(ctx, near) })
		}
	})
	return r, nil
}

// address is host:port.
func (r *relay) address() string { return r.listener.Addr().String() }

// pass ends with either side.
func (r *relay) pass(ctx context.Context, near net.Conn) {
	defer func() { _ = near.Close() }()
	far, err := new(net.Dialer).DialContext(ctx, "tcp", r.to)
	if err != nil {
		return
	}
	defer func() { _ = far.Close() }()
	stop := context.AfterFunc(ctx, func() { _, _ = near.Close(), far.Close() })
	defer stop()
	back := make(chan struct{})
	go func() {
		defer close(back)
		_, _ = io.Copy(near, far)
		_ = near.Close()
	}()
	_, _ = io.Copy(far, near)
	_ = far.Close()
	<-back
}
