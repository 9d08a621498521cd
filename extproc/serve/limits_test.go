package serve

import (
	"io"
	"net"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
	"golang.org/x/net/http2"
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
