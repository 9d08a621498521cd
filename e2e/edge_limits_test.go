package e2e

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"os"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"kubernetes-mcp-edge/e2e/harness"
	"kubernetes-mcp-edge/e2e/rig"
	"kubernetes-mcp-edge/extproc/jsonrpc"
	"kubernetes-mcp-edge/extproc/kubeheader"
	"kubernetes-mcp-edge/extproc/stream"
)

// TestEdgePendingRejections: without a credential anybody can be rejected, and can
// leave each rejection waiting for a body. Those who do are bounded, so that
// alice's calls find a stream to the guard while all the others wait.
func TestEdgePendingRejections(t *testing.T) {
	const streams, batches, each = 1024, 30, 50
	s := shared.StartStack(t, harness.Options{EditEnvoy: func(config []byte) ([]byte, error) {
		const normal, fewer = "max_pending_requests: 1024, max_requests: 4096, max_retries: 1024}", "max_requests: %d}"
		if !bytes.Contains(config, []byte(normal)) {
			return nil, errors.New("the circuit breaker is not as this test knows it")
		}
		// The first is the guard's.
		return bytes.Replace(config, []byte(normal), fmt.Appendf(nil, fewer, streams), 1), nil
	}})
	require.Greater(t, batches*each, streams, "the crowd has to be larger than what Envoy allows")
	require.LessOrEqual(t, stream.DefaultPendingRejections, streams/2)
	u, err := url.Parse(s.URL)
	require.NoError(t, err)
	alice, client := shared.Cluster.Token("alice"), rig.NewClient(t, false)
	for range batches {
		crowd, err := newWireHTTP2(t.Context(), u.Host)
		require.NoError(t, err)
		defer crowd.close()
		require.NoError(t, crowd.send(strings.Repeat("HEADERS\n:method: POST\n:scheme: http\n:authority: mcp.example.com\n:path: /mcp\n", each), ""))
		w, ok := crowd.(*wireHTTP2)
		require.True(t, ok)
		require.NoError(t, w.out.Flush())
		require.Equal(t, "alice", rig.Whoami(t, client, s.URL, alice))
	}
	require.Equal(t, 1, strings.Count(string(s.Extproc.Output()), "too many rejected requests wait for their bodies"))
}

// TestEdgeEarlyRefusals: what Envoy refuses before it has given the request an id
// takes none from the caller, who could put a line under another's name in the
// log, or words of his into an answer.
func TestEdgeEarlyRefusals(t *testing.T) {
	s := shared.StartStack(t, harness.Options{})
	const end = "Host: x\r\nX-Request-Id: %s\r\nContent-Length: 0\r\n%s\r\n"
	rows := []struct {
		name, begin, more string
		decided           bool
	}{
		{"asterisk", "OPTIONS * HTTP/1.1\r\n", "", false},
		{"escaped slash", "POST /mcp%2f HTTP/1.1\r\n", "", false},
		{"fragment", "POST /mcp#x HTTP/1.1\r\n", "", false},
		{"escaped NUL", "POST /mcp%00 HTTP/1.1\r\n", "", false},
		{"HTTP/1.0", "POST /mcp HTTP/1.0\r\n", "", false},
		{"two lengths", "POST /mcp HTTP/1.1\r\n", "Content-Length: 5\r\n", false},
		{"upgrade", "GET /mcp HTTP/1.1\r\n", "Connection: Upgrade\r\nUpgrade: websocket\r\n", true},
		{"broken chunk", "POST /mcp HTTP/1.1\r\n", "", true},
	}
	const made = "11111111-2222-4333-8444-555555555555" // a form that passes for a decision
	for _, row := range rows {
		t.Run(row.name, func(t *testing.T) {
			text := row.begin + fmt.Sprintf(end, made, row.more)
			if row.name == "broken chunk" {
				text = strings.Replace(text, "Content-Length: 0", "Transfer-Encoding: chunked", 1) + "ZZ\r\n"
			}
			got := postRaw(t, s.URL, text)
			decision := reasonAnswer{
				status: http.StatusBadRequest, code: jsonrpc.InternalError, undecided: !row.decided,
				problems: []reasonProblem{{"bad-request", "", ""}},
			}.check(t, got)
			require.NotContains(t, fmt.Sprint(got.Header, string(got.Body)), made)
			require.Equal(t, decision, got.Header.Get("X-Request-ID"))
			if row.decided {
				reasonAccessLog(t, s, decision)
			}
		})
	}
	require.NoError(t, harness.Until(t.Context(), func(context.Context) error {
		log, err := os.ReadFile(s.AccessLogFile())
		if lines := bytes.Count(log, []byte("\n")); err == nil && lines < len(rows) {
			err = fmt.Errorf("%d lines are in the log", lines)
		}
		return err
	}))
	log, err := os.ReadFile(s.AccessLogFile())
	require.NoError(t, err)
	require.NotContains(t, string(log), made)
}

// TestEdgeConnect: no route takes CONNECT, which Envoy shows to the guard all the
// same. The guard's word makes the id Envoy's own there too.
func TestEdgeConnect(t *testing.T) {
	const connect = "CONNECT x:443 HTTP/1.1\r\nHost: x:443\r\nX-Request-Id: made-up\r\n%s\r\n"
	refused := postRaw(t, shared.Stack.URL, fmt.Sprintf(connect, ""))
	decision := reasonAnswer{
		status: http.StatusBadRequest, code: jsonrpc.InvalidParams, problems: []reasonProblem{
			{"server-missing", kubeheader.Server, ""}, {"certificate-authority-missing", kubeheader.CertificateAuthority, ""}, {"credential-missing", kubeheader.Authorization, ""},
		},
	}.check(t, refused)
	var lines strings.Builder
	for _, h := range shared.Cluster.Token("alice") {
		_, _ = lines.WriteString(h.Name + ": " + h.Value + "\r\n")
	}
	unrouted := postRaw(t, shared.Stack.URL, fmt.Sprintf(connect, lines.String()))
	second := reasonAnswer{
		status: http.StatusBadRequest, code: jsonrpc.InternalError, problems: []reasonProblem{{"bad-request", "", ""}},
	}.check(t, unrouted)
	reasonAccessLog(t, shared.Stack, decision, second)
}

// TestEdgeHeadersWithoutRoom: headers that are within the limit as they come, and
// over it with what the guard adds, in bytes.
func TestEdgeHeadersWithoutRoom(t *testing.T) {
	alice := shared.Cluster.Token("alice")
	got := map[string]int{}
	for fill := 93 << 10; fill < 97<<10; fill += 128 {
		a, err := rig.NewClient(t, false).Post(t.Context(), shared.Stack.URL, alice.Plus("X-Fill", strings.Repeat("a", fill)), wireCall("7"))
		require.NoError(t, err)
		if a.Status == http.StatusOK {
			got["answered"]++
			continue
		}
		early := bytes.Contains(a.Body, []byte(`"decision":null`))
		reasonAnswer{
			status: http.StatusBadRequest, code: jsonrpc.InternalError, undecided: early,
			problems: []reasonProblem{{"headers-too-large", "", "headers that are too large"}},
		}.check(t, a)
		got[fmt.Sprintf("undecided %t", early)]++
	}
	require.Len(t, got, 3, "room, no room for the guard's part, and no room at all: %v", got)
}

// TestEdgeAnswersGRPCInItsOwnWay: Envoy answers whoever says application/grpc in
// gRPC's way and cannot be told otherwise. No MCP client says so. It is a refusal
// all the same, and the guard's sentence is in it.
func TestEdgeAnswersGRPCInItsOwnWay(t *testing.T) {
	for _, http2 := range []bool{false, true} {
		before := rig.Upstream(t, shared.Stack)
		got, err := rig.NewClient(t, http2).Post(t.Context(), shared.Stack.URL, harness.Headers{{Name: "Content-Type", Value: "application/grpc"}}, wireCall("7"))
		require.NoError(t, err)
		require.Equal(t, http.StatusOK, got.Status)
		require.NotEqual(t, "0", got.Header.Get("Grpc-Status"))
		require.NotEmpty(t, got.Header.Get("Grpc-Status"))
		require.Contains(t, got.Header.Get("Grpc-Message"), "server-missing")
		require.Empty(t, got.Body)
		require.Equal(t, before, rig.Upstream(t, shared.Stack))
	}
}
