package serve

import (
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/keepalive"

	"kubernetes-mcp-edge/extproc/stream"
)

// The limits of the gRPC server. grpc-go's defaults suit a public API between
// friends; these suit a port with one kind of client, Envoy.
const (
	// maxStreams per connection. The default is 2^32-1, and grpc-go uses the same
	// number as its quota of handlers against rapid resets, which then is none. A
	// stream lasts microseconds unless a rejected request's body is awaited.
	maxStreams = 512
	// maxMessage bounds one message. Over HTTP/2 Envoy hands over whole bodies,
	// 24 MiB seen, whatever its buffer limit says; the default of 4 MiB would turn
	// a readable rejection into a bare 503.
	maxMessage = 32 << 20
	// maxMetadata bounds the HTTP/2 headers of a stream (default 16 MiB). The
	// request's headers come in a message; here stand tracing and a timeout.
	maxMetadata = 64 << 10
	// connectionTimeout bounds the HTTP/2 preface and settings (default 120 s), so
	// that silent connections do not pile up.
	connectionTimeout = 10 * time.Second
	// pingMinTime is how often a client may ping (default 5 min). Envoy's
	// connection_keepalive pings more often, and without streams too; a stricter
	// server answers with GOAWAY too_many_pings and breaks every connection.
	pingMinTime = 5 * time.Second
	// pingIdle and pingTimeout find connections whose other end is gone.
	pingIdle    = time.Minute
	pingTimeout = 10 * time.Second
)

// newServer makes a grpc server with these limits and the stream's codec.
func newServer() (*grpc.Server, error) {
	codec, err := stream.Codec()
	if err != nil {
		return nil, err
	}
	return grpc.NewServer(
		grpc.ForceServerCodecV2(codec),
		grpc.MaxConcurrentStreams(maxStreams),
		grpc.MaxRecvMsgSize(maxMessage),
		grpc.MaxHeaderListSize(maxMetadata),
		grpc.ConnectionTimeout(connectionTimeout),
		grpc.KeepaliveEnforcementPolicy(keepalive.EnforcementPolicy{MinTime: pingMinTime, PermitWithoutStream: true}),
		grpc.KeepaliveParams(keepalive.ServerParameters{Time: pingIdle, Timeout: pingTimeout}),
		// Stop returns only when every handler has: nothing outlives Run.
		grpc.WaitForHandlers(true),
	), nil
}
