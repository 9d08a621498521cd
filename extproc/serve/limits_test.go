package serve

import (
	"bytes"
	"io"
	"net"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
	"golang.org/x/net/http2"
	"golang.org/x/net/http2/hpack"
	"google.golang.org/grpc/codes"
	healthv1 "google.golang.org/grpc/health/grpc_health_v1"
	"google.golang.org/grpc/status"

	"kubernetes-mcp-edge/extproc/kubeheader"
)

// raw is an HTTP/2 connection without gRPC's good manners.
func (r *running) raw(preface string) (net.Conn, *http2.Framer) {
	conn, err := r.listener.Dial()
	require.NoError(r.t, err)
	framer := http2.NewFramer(conn, conn)
	_, err = io.WriteString(conn, preface)
	require.NoError(r.t, err)
	if preface != "" {
		require.NoError(r.t, framer.WriteSettings())
	}
	return conn, framer
}

func TestAnnouncedLimits(t *testing.T) {
	r := start(t)
	conn, framer := r.raw(http2.ClientPreface)
	defer func() { require.NoError(t, conn.Close()) }()
	frame, err := framer.ReadFrame()
	require.NoError(t, err)
	settings, ok := frame.(*http2.SettingsFrame)
	require.True(t, ok)
	streams, _ := settings.Value(http2.SettingMaxConcurrentStreams)
	require.EqualValues(t, 512, streams)
	list, _ := settings.Value(http2.SettingMaxHeaderListSize)
	require.EqualValues(t, 64<<10, list)
	window, _ := settings.Value(http2.SettingInitialWindowSize)
	require.EqualValues(t, 256<<10, window)
}

// TestAnswersComeWithoutPings: a message is answered, and no more is asked of
// Envoy.
func TestAnswersComeWithoutPings(t *testing.T) {
	r := start(t)
	conn, framer := r.raw(http2.ClientPreface)
	defer func() { require.NoError(t, conn.Close()) }()
	var block bytes.Buffer
	encoder := hpack.NewEncoder(&block)
	for _, f := range [][2]string{
		{":method", "POST"}, {":scheme", "http"}, {":path", healthv1.Health_Check_FullMethodName}, {":authority", "guard"},
		{"content-type", "application/grpc"}, {"te", "trailers"},
	} {
		require.NoError(t, encoder.WriteField(hpack.HeaderField{Name: f[0], Value: f[1]}))
	}
	require.NoError(t, framer.WriteHeaders(http2.HeadersFrameParam{StreamID: 1, BlockFragment: block.Bytes(), EndHeaders: true}))
	require.NoError(t, framer.WriteData(1, true, make([]byte, 5))) // an empty message: no flag, no length
	for ended := false; !ended; {
		frame, err := framer.ReadFrame()
		require.NoError(t, err)
		require.NotEqual(t, http2.FramePing, frame.Header().Type)
		headers, ok := frame.(*http2.HeadersFrame)
		ended = ok && headers.StreamEnded()
	}
}

func TestSilentConnectionIsClosed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := start(t)
		conn, _ := r.raw("")
		began := time.Now()
		_, err := io.Copy(io.Discard, conn)
		require.NoError(t, err)
		require.Equal(t, connectionTimeout, time.Since(began))
	})
}

// TestEnvoyMayPing: keepalives as Envoy sends them, without any stream, do not
// cost the connection; a ping flood does.
func TestEnvoyMayPing(t *testing.T) {
	for name, row := range map[string]struct {
		every time.Duration
		kept  bool
	}{"twice as often as Envoy": {500 * time.Millisecond, true}, "flood": {50 * time.Millisecond, false}} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				r := start(t)
				conn, framer := r.raw(http2.ClientPreface)
				away := make(chan struct{})
				gone := make(chan struct{})
				go func() {
					defer close(gone)
					for {
						frame, err := framer.ReadFrame()
						if err != nil {
							return
						}
						if _, ok := frame.(*http2.GoAwayFrame); ok {
							close(away)
							return
						}
					}
				}()
				for range 8 {
					pass(row.every)
					_ = framer.WritePing(false, [8]byte{})
				}
				synctest.Wait()
				select {
				case <-away:
					require.False(t, row.kept, "the connection was taken away")
				default:
					require.True(t, row.kept, "the connection was kept")
				}
				require.NoError(t, conn.Close())
				<-gone
			})
		})
	}
}

// TestConnectionsAreLimited: one more than the limit waits until another goes.
func TestConnectionsAreLimited(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := start(t)
		require.Equal(t, healthv1.HealthCheckResponse_SERVING, r.health("")) // one connection is the test's own
		held := make([]net.Conn, 0, maxConnections)
		for range maxConnections - 1 {
			conn, framer := r.raw(http2.ClientPreface)
			go func() {
				for { // what it is told is read, or it would be waited for
					if _, err := framer.ReadFrame(); err != nil {
						return
					}
				}
			}()
			held = append(held, conn)
		}
		synctest.Wait()
		more := make(chan net.Conn, 1)
		go func() {
			conn, err := r.listener.Dial()
			if err == nil {
				more <- conn
			}
		}()
		synctest.Wait()
		require.Empty(t, more)
		require.Equal(t, healthv1.HealthCheckResponse_SERVING, r.health(""), "those that are connected go on")
		require.NoError(t, held[0].Close())
		synctest.Wait()
		require.Len(t, more, 1)
		for _, conn := range append(held[1:], <-more) {
			_ = conn.Close()
		}
		synctest.Wait()
	})
}

// TestLimitsAreThePolicys: what the file says is what the server does.
func TestLimitsAreThePolicys(t *testing.T) {
	r := startWith(t, func(o *Options) {
		rewrite(t, o.PolicyFile, "apiVersion: kubernetes-mcp-edge/v1\nkind: Policy\nlimits:\n  guard: "+
			"{streams: 17, messageBytes: 1048576, pendingRejections: 1, bodyTimeout: 20s, cacheEntries: 16, cacheBytes: 1048576, drain: 150ms}\n")
	})
	conn, framer := r.raw(http2.ClientPreface)
	frame, err := framer.ReadFrame()
	require.NoError(t, err)
	settings, ok := frame.(*http2.SettingsFrame)
	require.True(t, ok)
	streams, _ := settings.Value(http2.SettingMaxConcurrentStreams)
	require.EqualValues(t, 17, streams)
	require.NoError(t, conn.Close())

	waiting, _ := r.ask(post()...)
	_, answer := r.ask(post()...)
	require.NotNil(t, answer.GetImmediateResponse(), "the second one that would wait for its body may not")
	require.Contains(t, metricsOf(t, r.guard), "\nkube_guard_crowded_total 1\n")
	_ = waiting.Send(body(make([]byte, 2<<20)))
	_, err = waiting.Recv()
	require.Equal(t, codes.ResourceExhausted, status.Code(err))
	require.Equal(t, 20*time.Second, r.guard.limits.BodyTimeout)
}

func TestBodyTimeoutIsThePolicys(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := start(t) // whose policy says 30 s
		began := time.Now()
		waiting, _ := r.ask(post()...)
		answer, err := waiting.Recv()
		require.NoError(t, err)
		require.NotNil(t, answer.GetImmediateResponse())
		require.Equal(t, 30*time.Second, time.Since(began))
	})
}

func TestDrainIsThePolicys(t *testing.T) {
	g, err := load(options(t, io.Discard))
	require.NoError(t, err)
	defer g.engine.Close()
	require.Equal(t, 100*time.Millisecond, g.limits.Drain)
}

func TestCacheIsBoundedByThePolicy(t *testing.T) {
	r := startWith(t, func(o *Options) {
		rewrite(t, o.PolicyFile, strings.ReplaceAll(policyYAML, "bodyTimeout: 30s", "cacheEntries: 16, cacheBytes: 1048576"))
	})
	ca := authority(t)
	for i := range 100 {
		_, answer := r.ask(post(line(kubeheader.Server, "https://api.example.com"), line(kubeheader.CertificateAuthority, ca),
			line(kubeheader.Authorization, strings.Repeat("a", i+1)))...)
		require.Equal(t, "allow", verdictOf(answer))
	}
	require.Eventually(t, func() bool { return r.guard.engine.Stats().Entries <= 16 }, 10*time.Second, time.Millisecond)
}
