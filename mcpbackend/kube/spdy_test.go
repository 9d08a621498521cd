package kube

import (
	"bytes"
	"context"
	"encoding/binary"
	"io"
	"net"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// dataFrame is data of a server on one of the client's streams.
func dataFrame(id uint32, last bool, data string) []byte {
	length := uint32(len(data))
	if last {
		length |= 1 << 24
	}
	return append(binary.BigEndian.AppendUint32(binary.BigEndian.AppendUint32(nil, id), length), data...)
}

func control(kind, id uint32, more ...byte) []byte {
	head := binary.BigEndian.AppendUint32(nil, 0x80030000|kind)
	return append(binary.BigEndian.AppendUint32(binary.BigEndian.AppendUint32(head, uint32(4+len(more))), id), more...)
}

// talk runs a command over SPDY on a server that says this and keeps the
// connection.
func talk(t *testing.T, frames ...[]byte) (ExecResult, time.Duration, error) {
	t.Helper()
	c := executor(t, newHostile(t, upgraded(func(conn net.Conn, stop <-chan struct{}) {
		_, _ = conn.Write(bytes.Join(frames, nil))
		<-stop
	})))
	u, err := c.execURL("team-a", "web-0", ExecOptions{Command: []string{"true"}})
	require.NoError(t, err)
	ctx, cancel := context.WithTimeout(saying(t.Context(), c.said), 20*time.Second)
	defer cancel()
	out := &transcript{limit: 100}
	begin := time.Now()
	exit, err := c.entry.overSPDY(ctx, u, out)
	result := out.result()
	result.Exit = exit
	return result, time.Since(begin), err
}

// TestStreamsEnd by their last frame, by a reset, or when the server goes away;
// those that do not are not waited for once the command has.
func TestStreamsEnd(t *testing.T) {
	status := dataFrame(1, true, success)
	for name, test := range map[string]struct {
		frames [][]byte
		atOnce bool
	}{
		"each by itself": {[][]byte{dataFrame(3, false, "a"), dataFrame(5, true, "b"), status, dataFrame(3, true, "c")}, true},
		"by resets":      {[][]byte{dataFrame(3, false, "ac"), dataFrame(5, false, "b"), status, control(resetFrame, 3, 0, 0, 0, 5), control(resetFrame, 5, 0, 0, 0, 5)}, true},
		"by going away":  {[][]byte{dataFrame(3, false, "ac"), dataFrame(5, false, "b"), status, control(goAwayFrame, 0, 0, 0, 0, 0)}, true},
		"never":          {[][]byte{dataFrame(3, false, "ac"), dataFrame(5, false, "b"), status}, false},
	} {
		result, took, err := talk(t, test.frames...)
		require.NoError(t, err, name)
		require.Equal(t, ExecResult{Stdout: []byte("ac"), Stderr: []byte("b")}, result, name)
		require.Equal(t, test.atOnce, took < afterStatus, name)
		require.Less(t, took, afterStatus+8*time.Second, name)
	}
}

// TestOddFrames: some mean nothing, some are no SPDY.
func TestOddFrames(t *testing.T) {
	ends := [][]byte{dataFrame(3, true, ""), dataFrame(5, true, ""), dataFrame(1, true, success)}
	for name, test := range map[string]struct {
		frame []byte
		fine  bool
	}{
		"settings":           {control(4, 0), true},
		"a window":           {control(9, 3, 0, 0, 1, 0), true},
		"a reply":            {control(2, 1, 1, 2, 3), true},
		"a ping":             {control(pingFrame, 2), true},
		"a reset of its own": {control(resetFrame, 2, 0, 0, 0, 5), true},
		"a short ping":       {append(binary.BigEndian.AppendUint32(nil, 0x80030000|pingFrame), 0, 0, 0, 2, 0, 0), false},
		"another version":    {append(binary.BigEndian.AppendUint32(nil, 0x80020000|pingFrame), 0, 0, 0, 4, 0, 0, 0, 2), false},
		"a stranger's data":  {dataFrame(7, false, "x"), false},
		"a server's data":    {dataFrame(2, false, "x"), false},
	} {
		result, _, err := talk(t, append([][]byte{test.frame}, ends...)...)
		require.Equal(t, test.fine, err == nil, "%s: %v", name, err)
		if !test.fine {
			require.Equal(t, -1, result.Exit, name)
			require.Equal(t, Garbled, trouble(t, err), name)
		}
	}
}

// TestPings are answered, or a server would take the client for gone.
func TestPings(t *testing.T) {
	here, there := net.Pipe()
	s := &session{conn: here, out: &transcript{}}
	done := make(chan error, 1)
	go func() { done <- s.read() }()
	_, err := there.Write(control(pingFrame, 2))
	require.NoError(t, err)
	answer := make([]byte, 12)
	_, err = io.ReadFull(there, answer)
	require.NoError(t, err)
	require.Equal(t, control(pingFrame, 2), answer)
	_, err = there.Write(control(goAwayFrame, 0, 0, 0, 0, 0))
	require.NoError(t, err)
	require.NoError(t, <-done)
	require.NoError(t, there.Close())
	require.NoError(t, here.Close())
}
