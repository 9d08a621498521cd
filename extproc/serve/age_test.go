package serve

import (
	"bytes"
	"context"
	"io"
	"math"
	"net"
	"testing"
	"testing/synctest"
	"time"

	extprocv3 "github.com/envoyproxy/go-control-plane/envoy/service/ext_proc/v3"
	"github.com/stretchr/testify/require"
	"golang.org/x/net/http2"
	"golang.org/x/net/http2/hpack"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"
)

// age is the default of limits.guard.connectionAge.
const age = 10 * time.Minute

// TestOldConnectionsAreReplaced: a client that asks once a second for an hour
// gets every answer, over a connection that is never much older than its limit.
func TestOldConnectionsAreReplaced(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := start(t)
		began := time.Now()
		var opened []time.Duration
		conn, err := grpc.NewClient("passthrough:///guard", grpc.WithTransportCredentials(insecure.NewCredentials()),
			grpc.WithContextDialer(func(ctx context.Context, _ string) (net.Conn, error) {
				opened = append(opened, time.Since(began))
				return r.listener.DialContext(ctx)
			}))
		require.NoError(t, err)
		for range 3600 {
			pass(time.Second)
			stream, err := extprocv3.NewExternalProcessorClient(conn).Process(context.Background())
			require.NoError(t, err)
			require.NoError(t, stream.Send(message(post()...)))
			_, err = stream.Recv()
			require.NoError(t, err)
			require.NoError(t, stream.Send(body([]byte(`{"id":1,"method":"m"}`))))
			answer, err := stream.Recv()
			require.NoError(t, err)
			require.NotNil(t, answer.GetImmediateResponse())
		}
		require.NoError(t, conn.Close())
		require.GreaterOrEqual(t, len(opened), 6)
		for i := range opened[1:] {
			require.InDelta(t, age, opened[i+1]-opened[i], float64(age/8))
		}
	})
}

// process is the head of a stream to the guard.
func process(t *testing.T) []byte {
	t.Helper()
	var block bytes.Buffer
	encoder := hpack.NewEncoder(&block)
	for _, f := range [][2]string{
		{":method", "POST"}, {":scheme", "http"}, {":path", extprocv3.ExternalProcessor_Process_FullMethodName}, {":authority", "guard"},
		{"content-type", "application/grpc"}, {"te", "trailers"},
	} {
		require.NoError(t, encoder.WriteField(hpack.HeaderField{Name: f[0], Value: f[1]}))
	}
	return block.Bytes()
}

// TestOldConnectionIsToldFirst: the first word refuses nothing that may be on its
// way, and one who does not care for it is cut off when every rejection has had
// the time for its body.
func TestOldConnectionIsToldFirst(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := start(t)
		began := time.Now()
		conn, framer := r.raw(http2.ClientPreface)
		require.NoError(t, conn.SetDeadline(began.Add(time.Hour)))
		require.NoError(t, framer.WriteHeaders(http2.HeadersFrameParam{StreamID: 1, BlockFragment: process(t), EndHeaders: true})) // and holds it
		var told []uint32
		var at []time.Duration
		for {
			frame, err := framer.ReadFrame()
			if err != nil {
				require.ErrorIs(t, err, io.EOF)
				break
			}
			switch f := frame.(type) {
			case *http2.GoAwayFrame:
				require.Equal(t, http2.ErrCodeNo, f.ErrCode)
				told, at = append(told, f.LastStreamID), append(at, time.Since(began))
			case *http2.PingFrame:
				if !f.IsAck() {
					require.NoError(t, framer.WritePing(true, f.Data))
				}
			}
		}
		require.Equal(t, []uint32{math.MaxInt32, 1}, told)
		require.InDelta(t, age, at[0], float64(age/8))
		require.InDelta(t, 30*time.Second+ageGrace, time.Since(began)-at[0], float64(2*time.Second), "bodyTimeout of this policy, and a little")
		require.NoError(t, conn.Close())
	})
}
