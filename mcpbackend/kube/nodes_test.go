package kube

import (
	"bytes"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func TestNodeStats(t *testing.T) {
	h := newHostile(t, world{"GET /api/v1/nodes/node-1.example.com/proxy/stats/summary": `{"node":{}}`}.ServeHTTP)
	client := clientOf(t, h)
	body, err := client.NodeStats(within(t, 5*time.Second), "node-1.example.com")
	require.NoError(t, err)
	require.JSONEq(t, `{"node":{}}`, string(body))
	require.Len(t, h.paths(), 1)
}

func TestNodeLog(t *testing.T) {
	h := newHostile(t, func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/plain")
		_, _ = io.WriteString(w, "a line\n")
	})
	client := clientOf(t, h)
	text, truncated, err := client.NodeLog(within(t, 5*time.Second), "node-1", "kubelet", 10)
	require.NoError(t, err)
	require.Equal(t, "a line\n", string(text))
	require.False(t, truncated)
	require.Equal(t, []string{"GET /api/v1/nodes/node-1/proxy/logs/"}, h.paths(), "a kubelet redirects what has no slash at its end")
	require.Equal(t, "query=kubelet&tailLines=10", h.last(t).URL.RawQuery)
	_, _, err = client.NodeLog(within(t, 5*time.Second), "node-1", "/syslog", 0)
	require.NoError(t, err)
	require.Equal(t, "query=%2Fsyslog", h.last(t).URL.RawQuery)
}

// TestNodeLogWithoutEnd is cut, over both protocols, and the connection closed
// or the stream reset: nothing reads on.
func TestNodeLogWithoutEnd(t *testing.T) {
	for _, size := range []int{maxNodeLog, maxNodeLog + 1, 64 << 20} {
		h := newHostile(t, func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Type", "text/plain")
			for left := size; left > 0; left -= 1 << 16 {
				if _, err := w.Write(bytes.Repeat([]byte("x"), min(left, 1<<16))); err != nil {
					return
				}
			}
		})
		text, truncated, err := clientOf(t, h).NodeLog(within(t, 10*time.Second), "node-1", "kubelet", 0)
		require.NoError(t, err)
		require.Len(t, text, maxNodeLog)
		require.Equal(t, size > maxNodeLog, truncated)
	}
}

// TestNodeLogThatIsAPage: a kubelet without log queries lists its files.
func TestNodeLogThatIsAPage(t *testing.T) {
	h := newHostile(t, func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/html; charset=utf-8")
		_, _ = io.WriteString(w, "<pre><a href=\"syslog\">syslog</a></pre>")
	})
	_, _, err := clientOf(t, h).NodeLog(within(t, 5*time.Second), "node-1", "kubelet", 0)
	require.Equal(t, Unsupported, trouble(t, err))
}

// TestNodesAreNames, and queries are no commands.
func TestNodesAreNames(t *testing.T) {
	h := newHostile(t, plain)
	client := clientOf(t, h)
	for _, node := range []string{"", "..", "a/b", "node-1/proxy/run", "Node", "a:1", "a_b", "a%2fb", strings.Repeat("a", 64)} {
		_, err := client.NodeStats(within(t, 5*time.Second), node)
		require.Equal(t, Invalid, trouble(t, err), node)
		_, _, err = client.NodeLog(within(t, 5*time.Second), node, "kubelet", 0)
		require.Equal(t, Invalid, trouble(t, err), node)
	}
	for _, query := range []string{"", "..", "a/../b", "/..", "a b", "a;b", "$(a)", "`a`", "a|b", "a\nb", "-a", "'", "ä", strings.Repeat("a", 254)} {
		_, _, err := client.NodeLog(within(t, 5*time.Second), "node-1", query, 0)
		require.Equal(t, Invalid, trouble(t, err), query)
	}
	require.Empty(t, h.paths())
	for _, query := range []string{"kubelet", "kubelet.service", "user@1000.service", "/kube-proxy.log", "pods/team-a_web-0/app/0.log", "docker-1:2"} {
		require.True(t, ValidLogQuery(query), query)
	}
}
