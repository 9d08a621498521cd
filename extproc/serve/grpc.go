package serve

import (
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials"
	"google.golang.org/grpc/keepalive"

	"kubernetes-mcp-edge/extproc/mtls"
	"kubernetes-mcp-edge/extproc/policy"
	"kubernetes-mcp-edge/extproc/stream"
)

// The limits of the gRPC server beside those of the policy file. grpc-go's defaults
// suit a public API between friends; these suit a port with one kind of client,
// Envoy. They are constants because they follow from Envoy's behaviour and not
// from an operator's traffic.
const (
	// maxConnections are open at a time (default: any number); more wait in the
	// kernel's queue. Envoy opens one for each of its worker threads.
	maxConnections = 256
	// maxMetadata bounds the HTTP/2 headers of a stream (default 16 MiB). The
	// request's headers come in a message; here stand tracing and a timeout.
	maxMetadata = 64 << 10
	// connectionTimeout bounds the TLS handshake and the HTTP/2 preface and
	// settings (default 120 s), so that silent connections do not pile up.
	connectionTimeout = 10 * time.Second
	// pingMinTime is how often a client may ping (default 5 min). Envoy's
	// connection_keepalive pings each second, and without streams too; a stricter
	// server answers with GOAWAY too_many_pings and breaks every connection.
	pingMinTime = 500 * time.Millisecond
	// pingIdle and pingTimeout find connections whose other end is gone.
	pingIdle    = time.Minute
	pingTimeout = 10 * time.Second
	// streamWindow and connWindow are how many bytes Envoy may send ahead on a
	// stream and on a connection. grpc-go would begin with 64 KiB and let both grow
	// to 16 MiB, for which it measures the path by a ping with every message: that
	// is a write for us and a wake-up for Envoy on every request. Usual requests
	// fit many times; a body of 24 MiB takes a few dozen updates over loopback.
	streamWindow = 256 << 10
	connWindow   = 1 << 20
	// ageGrace is what a connection that is to be replaced may take longer than a
	// rejection that waits for its body: nothing else lasts.
	ageGrace = 5 * time.Second
)

// newServer makes a grpc server with these limits and the stream's codec, with
// mutual TLS if there is an identity.
//
// The number of streams per connection has a default of 2^32-1, and grpc-go
// uses the same number as its quota of handlers against rapid resets, which
// then is none. A stream lasts microseconds unless a rejected request's body is
// awaited. A message can be a whole body: over HTTP/2 Envoy hands over 24 MiB
// and more, whatever its buffer limit says, and grpc-go's default of 4 MiB would
// turn a readable rejection into a bare 503.
func newServer(limits policy.GuardLimits, identity *mtls.Identity) (*grpc.Server, error) {
	codec, err := stream.Codec()
	if err != nil {
		return nil, err
	}
	options := []grpc.ServerOption{
		grpc.ForceServerCodecV2(codec),
		grpc.MaxConcurrentStreams(uint32(limits.Streams)), //nolint:gosec // the policy bounds it
		grpc.MaxRecvMsgSize(limits.MessageBytes),
		grpc.MaxHeaderListSize(maxMetadata),
		grpc.StaticStreamWindowSize(streamWindow),
		grpc.StaticConnWindowSize(connWindow),
		grpc.ConnectionTimeout(connectionTimeout),
		grpc.KeepaliveEnforcementPolicy(keepalive.EnforcementPolicy{MinTime: pingMinTime, PermitWithoutStream: true}),
		grpc.KeepaliveParams(keepalive.ServerParameters{
			Time: pingIdle, Timeout: pingTimeout,
			// Two GOAWAYs, the first of which refuses no stream: Envoy opens another
			// connection and leaves this one without a failure.
			MaxConnectionAge: limits.ConnectionAge, MaxConnectionAgeGrace: limits.BodyTimeout + ageGrace,
		}),
		// Stop returns only when every handler has: nothing outlives Run.
		grpc.WaitForHandlers(true),
	}
	if identity != nil {
		options = append(options, grpc.Creds(credentials.NewTLS(identity.Server())))
	}
	return grpc.NewServer(options...), nil
}
