package answer

import (
	"runtime"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"kubernetes-mcp-edge/mcpbackend/brokenapi"
)

// TestLogLines: credentials go, whatever else a program says stays, and a line
// cannot swallow those that follow.
func TestLogLines(t *testing.T) {
	_, c := brokenapi.Visit(t, nil)
	lines := LogLines(c, []byte("plain\r\n\x1b[31mred\x1b[0m\n\x1b]8;;unfinished\nnext \u202e"+brokenapi.Token+"\n"+
		"join abcdef.0123456789abcdef\n-----BEGIN PRIVATE KEY-----\nCANARY\n-----END PRIVATE KEY-----\n"+
		`{"kind":"Secret","data":{"p":"CANARY"}}`+"\npassword is swordfish\n\n"))
	require.Equal(t, []string{
		"plain", "red", "", "next [redacted]", "join [redacted]", "[redacted]", "[redacted]", "password is swordfish",
	}, lines)
	require.Empty(t, LogLines(c, []byte("\n\n")))
}

func TestNewest(t *testing.T) {
	lines := []string{"aa", "bb", "cc"}
	kept, left := Newest(lines, 6)
	require.Equal(t, []string{"bb", "cc"}, kept)
	require.Equal(t, 1, left)
	kept, left = Newest(lines, 9)
	require.Equal(t, lines, kept)
	require.Zero(t, left)
	kept, left = Newest(lines, 0)
	require.Empty(t, kept)
	require.Equal(t, 3, left)
}

// TestLongLogs: the newest lines count, and few are looked at.
func TestLongLogs(t *testing.T) {
	_, c := brokenapi.Visit(t, nil)
	lines := LogLines(c, []byte(strings.Repeat("\n", 1<<20)+"a\nb"))
	require.Len(t, lines, maxLogLines)
	require.Equal(t, []string{"", "a", "b"}, lines[maxLogLines-3:])
	require.Equal(t, "b\nc", string(lastLines([]byte("a\nb\nc"), 2)))
	require.Equal(t, "a\nb\nc", string(lastLines([]byte("a\nb\nc"), 3)))
	require.Equal(t, "a\nb\nc", string(lastLines([]byte("a\nb\nc"), 9)))
	require.Empty(t, lastLines(nil, 3))
}

// TestNewestKeepsNoLog: a line that is kept keeps nothing of the log around it.
func TestNewestKeepsNoLog(t *testing.T) {
	inUse := func() uint64 {
		runtime.GC()
		var m runtime.MemStats
		runtime.ReadMemStats(&m)
		return m.HeapAlloc
	}
	before := inUse()
	const logs = 8
	kept := make([][]string, 0, logs)
	for range logs {
		one, left := Newest(strings.Split(strings.Repeat("x", 4<<20)+"\nneedle", "\n"), 16)
		require.Equal(t, []string{"needle"}, one)
		require.Equal(t, 1, left)
		kept = append(kept, one)
	}
	require.Less(t, inUse(), before+4<<20)
	runtime.KeepAlive(kept)
}
